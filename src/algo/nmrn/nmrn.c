/*
 * nmrn.c: the neural memory recommender with negatives drawn at random (Wang et al.
 *
 * 2018).  Its options and its entry in the list of algorithms.
 */
#include "algo/nmrn/options.h"

const char *const nmrn_memories[] = {"user", "shared", NULL};
const char *const nmrn_addressings[] = {"euclidean", "content", "ntm", NULL};
const char *const nmrn_writes[] = {"convex", "erase_add", NULL};
const char *const nmrn_add_starts[] = {"identity", "xavier", NULL};
const char *const nmrn_orders[] = {"user", "time", NULL};
const char *const nmrn_optimizers[] = {"adagrad_row", "adagrad", NULL};

static const struct PresetValue nmrn_paper[] = {NMRN_PAPER, {NULL, 0}};
const struct PresetValue nmrn_fast[] = {{"factors", 32}, {"epochs", 5}, {NULL, 0}};
const struct PresetValue nmrn_balanced[] = {{NULL, 0}};
const struct PresetValue nmrn_best[] = {{"factors", 128}, {"epochs", 20}, {NULL, 0}};
const struct PresetValue nmrn_drift[] = {NMRN_DRIFT, {NULL, 0}};

static const Preset nmrn_presets[] = {
    NMRN_PRESETS(nmrn_paper),
    {NULL, NULL, NULL},
};

static const OptionSpec nmrn_options[] = {
    NMRN_OPTIONS,
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const StreamMethods stream = {
    .start_user = NmrnStartUser,
    .start_item = NmrnStartItem,
    NMRN_STREAM_METHODS,
};

static const struct PresetValue trial[] = {{"epochs", 3}, {NULL, 0}};

const Algorithm nmrn_algorithm = {
    .name = "nmrn",
    .summary = "memory network that learns event by event",
    .options = nmrn_options,
    .presets = nmrn_presets,
    .layout = NmrnLayout,
    .stream = &stream,
    .candidate = true,
    .trial = trial,
    NMRN_METHODS,
};
