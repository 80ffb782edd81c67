/*
 * bpr.c: matrix factorisation with Bayesian personalised ranking (Rendle et al.
 *
 * 2009).  Its options and its entry in the list of algorithms; the work is in train.c, triple.c and
 * serve.c, which it shares with amf.
 */
#include "algo/mf/mf.h"

#define MF_EPOCHS        400
#define MF_LEARNING_RATE 0.1

static const OptionSpec bpr_options[] = {
    MF_OPTIONS,
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue fast[] = {
    {"factors", 32}, {"epochs", 100}, {"adaptive_negatives", 1}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"factors", 128}, {"epochs", 800}, {NULL, 0}};

static const Preset presets[] = {
    {"fast", "a narrow model, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "a wide model, trained for a long time", best},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 40}, {"regularization", 0.012}, {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 32, 256, true},
    {"regularization", 0.001, 0.05, true},
    {"adaptive_negatives", 1, 16, true},
    {NULL, 0, 0, false},
};

const Algorithm bpr_algorithm = {
    .name = "bpr",
    .summary = "matrix factorisation with Bayesian personalised ranking",
    .options = bpr_options,
    .presets = presets,
    .candidate = true,
    .trial = trial,
    .space = space,
    MF_METHODS,
};
