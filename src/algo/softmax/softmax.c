/* softmax.c: options, and what a softmax model has beside its factors. */
#include "algo/softmax/softmax.h"

#define FIELD(name) offsetof(SoftmaxOptions, name)

static const OptionSpec softmax_options[] = {
    {"factors", OPTION_INTEGER, FIELD(factors), 1, 4096, 128, NULL, "width of the embeddings",
     "recadv, by validation"},
    {"epochs", OPTION_INTEGER, FIELD(epochs), 1, 1000000, 24, NULL,
     "passes over the interactions, in which the learning rate falls to a fiftieth", "recadv"},
    {"learning_rate", OPTION_REAL, FIELD(learning_rate), 0, 1000, 0.2, NULL,
     "step size at the start", "recadv, by validation"},
    {"temperature", OPTION_REAL, FIELD(temperature), 0, 100, 0, NULL,
     "what scores are divided by in the softmax, 0.01 at least; 0: of 0.1 to 2 what ranks the "
     "held-out interactions best (0.1 where nothing is held out)",
     "recadv"},
    {"item_norm_exponent", OPTION_REAL, FIELD(item_norm_exponent), -2, 2, 0.1, NULL,
     "norm of an item's row: its number of interactions, to this power", "recadv, by validation"},
    {"log_sum_weight", OPTION_REAL, FIELD(log_sum_weight), 0, 1000, 1, NULL,
     "weight of the negatives against the positives", "Wu et al. 2024 (BSL); 1 is the softmax"},
    {"negatives", OPTION_INTEGER, FIELD(negatives), 1, 65536, 512, NULL,
     "items, drawn anew for each batch, against which its queries are learnt; at most half of all",
     "recadv, by validation"},
    {"batch_size", OPTION_INTEGER, FIELD(batch_size), 1, 65536, 512, NULL,
     "queries that are learnt in one step", "recadv"},
    {"chunk", OPTION_INTEGER, FIELD(chunk), 1, 1024, 1, NULL,
     "items of a user in one query, at most: more is faster and a little less accurate", "recadv"},
    {"warm_epochs", OPTION_INTEGER, FIELD(warm_epochs), 1, 1000000, 8, NULL,
     "with warm_start: bound on epochs where there is a version to start from", "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

void SoftmaxLayout(Model *model)
{
    FactorsLayout(model, (uint32_t)((const SoftmaxOptions *)model->options)->factors);
    ModelAddColumn(model, "temperature", AXIS_SHARED, 1);
}

static const struct PresetValue fast[] = {{"factors", 64}, {"epochs", 12}, {"chunk", 4}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {
    {"factors", 256}, {"epochs", 40}, {"negatives", 1024}, {NULL, 0}};

static const Preset presets[] = {
    {"fast", "a narrow model, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "a wide model, trained for a long time", best},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 8}, {"temperature", 0.15}, {NULL, 0}};

static const struct PresetValue variants[] = {{"factors", 256}, {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 64, 256, true},
    {"temperature", 0.05, 0.8, true},
    {"item_norm_exponent", 0, 0.2, false},
    {"learning_rate", 0.1, 0.4, true},
    {NULL, 0, 0, false},
};

const Algorithm softmax_algorithm = {
    .name = "softmax",
    .summary = "matrix factorisation with a sampled softmax over cosines",
    .options = softmax_options,
    .options_size = sizeof(SoftmaxOptions),
    .metrics = RANKING_METRICS,
    .used = COLUMN_WEIGHT,
    .learns_held = true,
    .presets = presets,
    .candidate = true,
    .trial = trial,
    .variants = variants,
    .work = SoftmaxWork,
    .space = space,
    .layout = SoftmaxLayout,
    .memory = SoftmaxMemory,
    .train = SoftmaxTrain,
    FACTORS_METHODS,
    .explain = FactorsExplain,
    .fold_in = SoftmaxFoldIn,
    .perturb = SoftmaxPerturb,
};
