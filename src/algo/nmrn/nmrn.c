/*
 * nmrn.c: the neural memory recommender with negatives drawn at random (Wang et al. 2018).  Its
 * options and its entry in the list of algorithms.
 */
#include "algo/nmrn/options.h"

const char *const nmrn_memories[] = {"user", "shared", NULL};
const char *const nmrn_addressings[] = {"euclidean", "content", "ntm", NULL};
const char *const nmrn_writes[] = {"convex", "erase_add", NULL};
const char *const nmrn_add_starts[] = {"identity", "xavier", NULL};
static const char *const nmrn_losses[] = {"hinge", "softmax", NULL};
const char *const nmrn_orders[] = {"user", "time", NULL};
const char *const nmrn_optimizers[] = {"adagrad_row", "adagrad", NULL};

/* What came after 0.1.0, as it was before. */
/* clang-format off */
#define NMRN_HINGE \
    {"loss", LOSS_HINGE}, {"recent", 0}, {"epochs", 10}, {"regularization", 1e-6}
/* clang-format on */

static const struct PresetValue nmrn_paper[] = {NMRN_PAPER, NMRN_HINGE, {NULL, 0}};
static const struct PresetValue nmrn_hinge[] = {NMRN_HINGE, {NULL, 0}};
const struct PresetValue nmrn_fast[] = {{"factors", 32}, {"epochs", 5}, {NULL, 0}};
const struct PresetValue nmrn_balanced[] = {{NULL, 0}};
const struct PresetValue nmrn_best[] = {{"factors", 128}, {"epochs", 30}, {NULL, 0}};
const struct PresetValue nmrn_drift[] = {NMRN_DRIFT, {NULL, 0}};

static const Preset nmrn_presets[] = {
    NMRN_PRESETS(nmrn_paper),
    {"hinge", "as recadv 0.1.0 has it by default: each event against one item, and a memory alone",
     nmrn_hinge},
    {NULL, NULL, NULL},
};

static const OptionSpec nmrn_options[] = {
    NMRN_OPTIONS(20, 0.03),
    {"loss", OPTION_CHOICE, NMRN_FIELD(loss), 0, 0, LOSS_SOFTMAX, nmrn_losses,
     "softmax: an event's item against negatives that a micro-batch shares; hinge: against one "
     "item that comes within the margin",
     "recadv, by validation; hinge in " NMRN_PAPER_NAME},
    {"temperature", OPTION_REAL, NMRN_FIELD(softmax_temperature), 0, 100, 0, NULL,
     "what scores are divided by in the softmax, 0.01 at least; 0: 0.3, or 0.2 or 0.5 where that "
     "ranks the held-out interactions better by a fiftieth",
     "recadv"},
    {"negatives", OPTION_INTEGER, NMRN_FIELD(negatives), 1, 65536, 256, NULL,
     "items, drawn anew for each micro-batch, that the softmax has its events against; at most "
     "half of all",
     "recadv, by validation"},
    {"recent", OPTION_INTEGER, NMRN_FIELD(recent), 0, 64, 3, NULL,
     "last items of a user whose rows are kept beside the memory, and move the point that items "
     "are compared with; a shared memory keeps none",
     "recadv, by validation; 0 in " NMRN_PAPER_NAME},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const StreamMethods stream = {
    .start_user = NmrnStartUser,
    .start_item = NmrnStartItem,
    NMRN_STREAM_METHODS,
};

/* Models of 0.1.0. */
static const struct PresetValue before[] = {{"loss", LOSS_HINGE}, {"recent", 0}, {NULL, 0}};

static const struct PresetValue trial[] = {{"epochs", 5}, {"temperature", 0.3}, {NULL, 0}};

static const struct PresetValue variants[] = {{"recent", 8}, {"regularization", 0.003}, {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 32, 128, true},
    {"recent", 0, 10, false},
    {"regularization", 0.001, 0.1, true},
    {"learning_rate", 0.03, 0.3, true},
    {NULL, 0, 0, false},
};

const Algorithm nmrn_algorithm = {
    .name = "nmrn",
    .summary = "memory network that learns event by event",
    .options = nmrn_options,
    .presets = nmrn_presets,
    .layout = NmrnLayout,
    .stream = &stream,
    .before = before,
    .candidate = true,
    .trial = trial,
    .variants = variants,
    .space = space,
    NMRN_METHODS,
};
