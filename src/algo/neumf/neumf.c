/* neumf.c: options, and the entry in the list of algorithms. */
#include "algo/neumf/neumf.h"

#define FIELD(name) offsetof(NeumfOptions, name)
#define PAPER       "He et al. 2017"

static const OptionSpec neumf_options[] = {
    {"factors", OPTION_INTEGER, FIELD(factors), 1, 512, 128, NULL,
     "numbers of a user and an item that meet in products",
     "recadv, by validation; 8 in the code of " PAPER},
    {"width", OPTION_INTEGER, FIELD(width), 1, NEUMF_MOST_WIDTH, 32, NULL,
     "numbers of a user and an item that the tower reads; the width of its first layer, each "
     "further one half of it",
     PAPER},
    {"layers", OPTION_INTEGER, FIELD(layers), 1, NEUMF_MOST_LAYERS, 3, NULL,
     "layers of the tower, without the last, linear one", PAPER},
    {"negatives", OPTION_INTEGER, FIELD(negatives), 1, 64, 8, NULL,
     "items that the user does not have, drawn anew, for each interaction",
     "recadv, by validation; 4 in " PAPER},
    {"epochs", OPTION_INTEGER, FIELD(epochs), 1, 1000000, 24, NULL,
     "passes over the interactions, in which the learning rate falls to last_rate",
     "recadv, by validation; up to 100 in " PAPER},
    {"batch_size", OPTION_INTEGER, FIELD(batch_size), 1, 16384, 1024, NULL,
     "examples, interactions and negatives, that are learnt in one step",
     "recadv; 256 in the code of " PAPER},
    {"learning_rate", OPTION_REAL, FIELD(learning_rate), 0, 1000, 0.001, NULL,
     "step size at the start", PAPER},
    {"last_rate", OPTION_REAL, FIELD(last_rate), 0, 1, 0.02, NULL,
     "step size at the end, as a share of that", "recadv; 1 in " PAPER},
    {"regularization", OPTION_REAL, FIELD(regularization), 0, 1000, 0, NULL,
     "weight decay of the network and of each row that a batch touches", PAPER},
    {"warm_epochs", OPTION_INTEGER, FIELD(warm_epochs), 1, 1000000, 10, NULL,
     "with warm_start: bound on epochs where there is a version to start from", "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue fast[] = {
    {"epochs", 6}, {"learning_rate", 0.003}, {"layers", 1}, {"factors", 32}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"epochs", 40}, {"factors", 256}, {NULL, 0}};
static const struct PresetValue paper[] = {{"factors", 8},   {"negatives", 4}, {"batch_size", 256},
                                           {"last_rate", 1}, {"epochs", 100},  {NULL, 0}};

static const Preset presets[] = {
    {"fast", "one layer, fewer factors, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "more factors, trained for a long time", best},
    {"paper", "as in the code of " PAPER, paper},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 6}, {"learning_rate", 0.003}, {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 8, 128, true},
    {"negatives", 2, 16, true},
    {"learning_rate", 0.0005, 0.01, true},
    {NULL, 0, 0, false},
};

const Algorithm neumf_algorithm = {
    .name = "neumf",
    .summary = "products of factors and a network over a user's and an item's row",
    .options = neumf_options,
    .options_size = sizeof(NeumfOptions),
    .metrics = RANKING_METRICS,
    .used = COLUMN_WEIGHT,
    .learns_held = true,
    .presets = presets,
    .trial = trial,
    .work = NeumfWork,
    .space = space,
    .layout = NeumfLayout,
    .memory = NeumfMemory,
    .train = NeumfTrain,
    .query_width = NeumfQueryWidth,
    .query = NeumfQuery,
    .score = NeumfScore,
    .fold_in = NeumfFoldIn,
    .similarity = FactorsSimilarity,
    .compares = {true, true},
    .embedding = {FACTORS_USER_PART, FACTORS_ITEM_PART},
};
