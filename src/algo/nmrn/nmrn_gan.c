/*
 * nmrn_gan.c: the neural memory recommender with a generator that learns which negatives are hard
 * (Wang et al. 2018).
 */
#include "algo/nmrn/generator.h"
#include "algo/nmrn/options.h"

static const char *const candidate_kinds[] = {"all", "impostors", NULL};

static const struct PresetValue nmrn_gan_paper[] = {
    NMRN_PAPER,
    {"candidate_kind", CANDIDATES_ALL},
    {"generator_layers", 1},
    {NULL, 0},
};

static const Preset nmrn_gan_presets[] = {
    NMRN_PRESETS(nmrn_gan_paper),
    {NULL, NULL, NULL},
};

static const OptionSpec nmrn_gan_options[] = {
    NMRN_OPTIONS(10, 1e-6),
    {"candidates", OPTION_INTEGER, NMRN_FIELD(candidates), 2, 1000, 20, NULL,
     "random items of which the generator chooses the negative", "recadv"},
    {"candidate_kind", OPTION_CHOICE, NMRN_FIELD(candidate_kind), 0, 0, CANDIDATES_IMPOSTORS,
     candidate_kinds,
     "all: the generator chooses among all of them; impostors: among those that come within the "
     "margin",
     "recadv, by validation; all in " NMRN_PAPER_NAME},
    {"generator_factors", OPTION_INTEGER, NMRN_FIELD(generator_factors), 1, 1024, 32, NULL,
     "width of the generator's embeddings", "recadv"},
    {"generator_layers", OPTION_BOOL, NMRN_FIELD(generator_layers), 0, 1, 0, NULL,
     "one linear layer each above the generator's users and items", NMRN_PAPER_NAME},
    {"temperature", OPTION_REAL, NMRN_FIELD(temperature), 1e-3, 1000, 1, NULL,
     "of the generator's softmax: smaller draws harder negatives", "recadv; 1 in " NMRN_PAPER_NAME},
    {"generator_learning_rate", OPTION_REAL, NMRN_FIELD(generator_rate), 0, 10, 0.001, NULL,
     "step size of Adam for the generator; 0: it stays as it was made", "recadv"},
    {"normalize_reward", OPTION_BOOL, NMRN_FIELD(normalize_reward), 0, 1, 1, NULL,
     "divide rewards by their running deviation", "recadv"},
    {"pre_epochs", OPTION_INTEGER, NMRN_FIELD(pre_epochs), 0, 1000000, 3, NULL,
     "epochs with random negatives before the generator chooses", NMRN_PAPER_NAME},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static void Layout(Model *model)
{
    NmrnLayout(model);
    GeneratorLayout(model);
}

static void StartUser(const Model *view, uint32_t row, uint64_t key)
{
    NmrnStartUser(view, row, key);
    GeneratorStartUser(view, row, key);
}

static void StartItem(const Model *view, uint32_t row, uint64_t key)
{
    NmrnStartItem(view, row, key);
    GeneratorStartItem(view, row, key);
}

static const StreamMethods stream = {
    .start_user = StartUser,
    .start_item = StartItem,
    NMRN_STREAM_METHODS,
};

static const struct PresetValue trial[] = {{"epochs", 3}, {"pre_epochs", 1}, {NULL, 0}};

const Algorithm nmrn_gan_algorithm = {
    .name = "nmrn_gan",
    .summary = "nmrn with negatives chosen by an adversarial generator",
    .options = nmrn_gan_options,
    .presets = nmrn_gan_presets,
    .layout = Layout,
    .stream = &stream,
    .trial = trial,
    NMRN_METHODS,
};
