/* sasrec.c: options, and the entry in the list of algorithms. */
#include "algo/sasrec/sasrec.h"

#define FIELD(name) offsetof(SasrecOptions, name)
#define PAPER       "Kang and McAuley 2018"

static const char *const losses[] = {"softmax", "bce", NULL};
static const char *const windows[] = {"all", "last", NULL};

static const OptionSpec sasrec_options[] = {
    {"factors", OPTION_INTEGER, FIELD(factors), 1, SASREC_MOST_FACTORS, 64, NULL,
     "width of the embeddings and of the network; a multiple of heads", "recadv"},
    {"blocks", OPTION_INTEGER, FIELD(blocks), 1, TRANSFORMER_LAYERS, 2, NULL, "layers of attention",
     PAPER},
    {"heads", OPTION_INTEGER, FIELD(heads), 1, 16, 1, NULL, "heads of each layer's attention",
     PAPER},
    {"length", OPTION_INTEGER, FIELD(length), 1, SASREC_MOST_LENGTH, 50, NULL,
     "last items of a user that a recommendation is made of", PAPER},
    {"dropout", OPTION_REAL, FIELD(dropout), 0, 0.9, 0.2, NULL,
     "share of the numbers that are dropped while learning",
     "recadv, by validation; 0.5 in " PAPER},
    {"loss", OPTION_CHOICE, FIELD(loss), 0, 0, SASREC_SOFTMAX, losses,
     "softmax: the next item against negatives that a batch shares; bce: against one item, each "
     "by itself",
     "recadv, by validation; bce in " PAPER},
    {"negatives", OPTION_INTEGER, FIELD(negatives), 1, 65536, 256, NULL,
     "items, drawn anew for each batch, that the softmax has next items against; all items where "
     "that is half of them or more",
     "recadv, by validation"},
    {"windows", OPTION_CHOICE, FIELD(windows), 0, 0, WINDOWS_ALL, windows,
     "what an epoch learns of a user: all: the whole history, cut into pieces of `length` at "
     "places that are drawn anew; last: the last piece",
     "recadv; last in " PAPER},
    {"epochs", OPTION_INTEGER, FIELD(epochs), 1, 1000000, 60, NULL,
     "passes over the histories, in which the learning rate falls to last_rate", "recadv"},
    {"batch_size", OPTION_INTEGER, FIELD(batch_size), 1, 4096, 16, NULL,
     "pieces of histories that are learnt in one step", "recadv, by validation; 128 in " PAPER},
    {"learning_rate", OPTION_REAL, FIELD(learning_rate), 0, 1000, 0.003, NULL,
     "step size at the start", "recadv, by validation; 0.001 in " PAPER},
    {"last_rate", OPTION_REAL, FIELD(last_rate), 0, 1, 0.02, NULL,
     "step size at the end, as a share of that", "recadv; 1 in " PAPER},
    {"regularization", OPTION_REAL, FIELD(regularization), 0, 1000, 0, NULL,
     "weight decay of the network and of each row that a batch touches", PAPER},
    {"warm_epochs", OPTION_INTEGER, FIELD(warm_epochs), 1, 1000000, 10, NULL,
     "with warm_start: bound on epochs where there is a version to start from", "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue fast[] = {
    {"blocks", 1}, {"epochs", 20}, {"batch_size", 32}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"epochs", 120}, {NULL, 0}};
static const struct PresetValue paper[] = {
    {"factors", 50},           {"dropout", 0.5}, {"loss", SASREC_BCE},
    {"windows", WINDOWS_LAST}, {"epochs", 200},  {"batch_size", 128},
    {"learning_rate", 0.001},  {"last_rate", 1}, {NULL, 0}};

static const Preset presets[] = {
    {"fast", "one layer, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "trained for a long time", best},
    {"paper", "as in " PAPER, paper},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 10}, {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 32, 128, true},
    {"dropout", 0.1, 0.5, false},
    {"learning_rate", 0.001, 0.006, true},
    {NULL, 0, 0, false},
};

const Algorithm sasrec_algorithm = {
    .name = "sasrec",
    .summary = "self-attention over the last items of a user",
    .options = sasrec_options,
    .options_size = sizeof(SasrecOptions),
    .metrics = RANKING_METRICS,
    .required = COLUMN_TIME,
    .used = COLUMN_WEIGHT,
    .events = true,
    .learns_held = true,
    .presets = presets,
    .trial = trial,
    .work = SasrecWork,
    .space = space,
    .layout = SasrecLayout,
    .memory = SasrecMemory,
    .train = SasrecTrain,
    .query_width = SasrecQueryWidth,
    .history = SasrecHistory,
    .query = SasrecQuery,
    .items = SASREC_ITEM_PART,
    .similarity = FactorsSimilarity,
    .compares = {false, true},
    .embedding = {0, SASREC_ITEM_PART},
};
