/* cdae.c: options, and the entry in the list of algorithms. */
#include "algo/cdae/cdae.h"

#define FIELD(name) offsetof(CdaeOptions, name)
#define PAPER       "Wu et al. 2016"

static const char *const losses[] = {"logistic", "square", "softmax", NULL};

static const OptionSpec cdae_options[] = {
    {"factors", OPTION_INTEGER, FIELD(factors), 1, CDAE_MOST_FACTORS, 64, NULL,
     "numbers of the hidden layer", "recadv; 50 in " PAPER},
    {"loss", OPTION_CHOICE, FIELD(loss), 0, 0, CDAE_LOGISTIC, losses,
     "logistic, square: of each item by itself; softmax: what a user has against the negatives",
     PAPER ", and recadv, by validation"},
    {"corruption", OPTION_REAL, FIELD(corruption), 0, 0.95, 0.2, NULL,
     "share of a user's items that are dropped while learning", PAPER},
    {"negatives", OPTION_INTEGER, FIELD(negatives), 1, 64, 5, NULL,
     "items that the user does not have, drawn anew, for each interaction", PAPER},
    {"normalize", OPTION_BOOL, FIELD(normalize), 0, 1, 1, NULL,
     "divide what a user's items add up to by the root of their number", "recadv; false in " PAPER},
    {"user_node", OPTION_BOOL, FIELD(user_node), 0, 1, 1, NULL,
     "give each user a row of its own beside the items", PAPER},
    {"epochs", OPTION_INTEGER, FIELD(epochs), 1, 1000000, 50, NULL,
     "passes over the users, in which the learning rate falls to last_rate", "recadv"},
    {"batch_size", OPTION_INTEGER, FIELD(batch_size), 1, 4096, 32, NULL,
     "users that are learnt in one step; fewer where they have many items", "recadv; 1 in " PAPER},
    {"learning_rate", OPTION_REAL, FIELD(learning_rate), 0, 1000, 0.01, NULL,
     "step size at the start", "recadv"},
    {"last_rate", OPTION_REAL, FIELD(last_rate), 0, 1, 0.02, NULL,
     "step size at the end, as a share of that", "recadv; 1 in " PAPER},
    {"regularization", OPTION_REAL, FIELD(regularization), 0, 1000, 0, NULL,
     "weight decay of each row that a batch touches", "recadv; 0.01 in " PAPER},
    {"warm_epochs", OPTION_INTEGER, FIELD(warm_epochs), 1, 1000000, 10, NULL,
     "with warm_start: bound on epochs where there is a version to start from", "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue fast[] = {{"factors", 32}, {"epochs", 20}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"factors", 128}, {"epochs", 100}, {NULL, 0}};
static const struct PresetValue paper[] = {
    {"factors", 50},          {"loss", CDAE_LOGISTIC}, {"normalize", 0}, {"batch_size", 1},
    {"learning_rate", 0.001}, {"last_rate", 1},        {NULL, 0}};

static const Preset presets[] = {
    {"fast", "fewer factors, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "more factors, trained for a long time", best},
    {"paper", "as in " PAPER ", but for the optimiser, which is Adam", paper},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 10}, {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 32, 256, true},
    {"corruption", 0.1, 0.8, false},
    {"learning_rate", 0.001, 0.03, true},
    {NULL, 0, 0, false},
};

const Algorithm cdae_algorithm = {
    .name = "cdae",
    .summary = "auto-encoder of what a user has",
    .options = cdae_options,
    .options_size = sizeof(CdaeOptions),
    .metrics = RANKING_METRICS,
    .used = COLUMN_WEIGHT,
    .learns_held = true,
    .presets = presets,
    .trial = trial,
    .work = CdaeWork,
    .space = space,
    .layout = CdaeLayout,
    .memory = CdaeMemory,
    .train = CdaeTrain,
    .query_width = CdaeQueryWidth,
    .history = CdaeHistory,
    .query = CdaeQuery,
    .items = CDAE_OUTPUT_PART,
    .similarity = FactorsSimilarity,
    .compares = {false, true},
    .embedding = {0, CDAE_INPUT_PART},
};
