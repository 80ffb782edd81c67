/* als.c: the options of alternating least squares. */
#include "algo/als/als.h"

#define FIELD(name) offsetof(AlsOptions, name)

static const OptionSpec als_options[] = {
    {"factors", OPTION_INTEGER, FIELD(factors), 0, 2048, 0, NULL,
     "width of the embeddings; 0: 128, or 256 where there are more than 5,000 items",
     "recadv, by validation"},
    {"epochs", OPTION_INTEGER, FIELD(epochs), 1, 1000000, 16, NULL,
     "times that all items' and all users' rows are solved for, at most",
     "Rendle et al. 2021, section 4.2"},
    {"unobserved_weight", OPTION_REAL, FIELD(unobserved_weight), 0, 1000, 0, NULL,
     "weight of a pair without an interaction, where one with has 1; 0: chosen by validation",
     "Rendle et al. 2021, equation 3; the choice is recadv's"},
    {"regularization", OPTION_REAL, FIELD(regularization), 0, 1000, 0, NULL,
     "weight of each row's squared norm, times its frequency; 0: chosen by validation",
     "Rendle et al. 2021, equation 5; the choice is recadv's"},
    {"frequency_scaling", OPTION_REAL, FIELD(frequency_scaling), 0, 1, 1, NULL,
     "power of the frequency that regularization is multiplied by; 0: all rows alike",
     "Rendle et al. 2021, section 4.2"},
    {"init_std", OPTION_REAL, FIELD(init_std), 1e-6, 1000, 0.1, NULL,
     "standard deviation of the norm of a first item row", "Rendle et al. 2021, section 4.2"},
    {"warm_epochs", OPTION_INTEGER, FIELD(warm_epochs), 1, 1000000, 4, NULL,
     "with warm_start: bound on epochs where there is a version to start from", "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue fast[] = {{"factors", 64}, {"epochs", 8}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"factors", 512}, {"epochs", 24}, {NULL, 0}};

static const Preset presets[] = {
    {"fast", "a narrow model, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "a wide model, trained for a long time", best},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 4}, {NULL, 0}};

static const struct PresetValue variants[] = {{"factors", 256}, {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 32, 512, true},
    {"unobserved_weight", 0.01, 1, true},
    {"regularization", 0.001, 0.1, true},
    {NULL, 0, 0, false},
};

const Algorithm als_algorithm = {
    .name = "als",
    .summary = "matrix factorisation by alternating least squares for implicit feedback",
    .options = als_options,
    .options_size = sizeof(AlsOptions),
    .metrics = RANKING_METRICS,
    .used = COLUMN_WEIGHT,
    .learns_held = true,
    .presets = presets,
    .candidate = true,
    .trial = trial,
    .variants = variants,
    .work = AlsWork,
    .space = space,
    .layout = AlsLayout,
    .settle = AlsSettle,
    .memory = AlsMemory,
    .train = AlsTrain,
    FACTORS_METHODS,
    .fold_in = AlsFoldIn,
    .explain = AlsExplain,
    .perturb = FactorsPerturb,
};
