/*
 * bpr.c: matrix factorisation with Bayesian personalised ranking (Rendle et al.
 *
 * 2009).  Its options and its entry in the list of algorithms; the work is in train.c, triple.c and
 * serve.c, which it shares with amf.
 */
#include "algo/mf/mf.h"

#define MF_EPOCHS         400
#define MF_LEARNING_RATE  0.1
#define MF_REGULARIZATION 0.008
#define MF_NEGATIVES      4

static const OptionSpec bpr_options[] = {
    MF_OPTIONS,
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 40}, {NULL, 0}};

static const struct PresetValue variants[] = {{"regularization", 0.02}, {NULL, 0}};

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
    .candidate = true,
    .trial = trial,
    .variants = variants,
    .space = space,
    MF_METHODS,
};
