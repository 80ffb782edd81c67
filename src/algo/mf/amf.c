/*
 * amf.c: adversarial matrix factorisation (He et al.
 *
 * 2018): BPR, then adversarial personalised ranking from the BPR solution.  Its options, its two
 * stages, and its entry in the list of algorithms.
 */
#include "algo/mf/mf.h"

#define MF_EPOCHS        400
#define MF_LEARNING_RATE 0.1

static const OptionSpec amf_options[] = {
    MF_OPTIONS,
    {"adv_epochs", OPTION_INTEGER, MF_FIELD(adv_epochs), 1, 1000000, 400, NULL,
     "passes of adversarial training after the epochs of BPR, at most", "recadv"},
    {"epsilon", OPTION_REAL, MF_FIELD(epsilon), 0, 1000, 0, NULL,
     "norm of the perturbation of each embedding row; 0: relative_epsilon says it",
     "He et al. 2018, section 4.1.4, where it is 0.5"},
    {"relative_epsilon", OPTION_REAL, MF_FIELD(relative_epsilon), 0, 10, 0, NULL,
     "the same as a share of the row's own norm; 0: 0.1 or 0.2, whichever validates better",
     "recadv, by validation"},
    {"lambda", OPTION_REAL, MF_FIELD(lambda), 0, 1e6, 1, NULL, "weight of the adversarial loss",
     "He et al. 2018, equation 6"},
    {"reset_optimizer", OPTION_BOOL, MF_FIELD(reset_optimizer), 0, 1, 1, NULL,
     "start adversarial training with fresh accumulators", "code of He et al. 2018"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue paper[] = {
    {"factors", 64},           {"optimizer", OPTIMIZER_ADAGRAD},
    {"learning_rate", 0.05},   {"regularization", 0},
    {"adaptive_negatives", 1}, {"batch_size", 512},
    {"epsilon", 0.5},          {"epochs", 1000},
    {"adv_epochs", 1000},      {NULL, 0},
};

static const struct PresetValue fast[] = {{"factors", 32},           {"epochs", 100},
                                          {"adv_epochs", 60},        {"adaptive_negatives", 1},
                                          {"relative_epsilon", 0.1}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"factors", 128}, {"epochs", 800}, {NULL, 0}};

static const Preset amf_presets[] = {
    {"fast", "a narrow model, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "a wide model, trained for a long time", best},
    {"paper", "mini-batches, uniform negatives, no decay, as in He et al. 2018", paper},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 40},
                                           {"regularization", 0.012},
                                           {"adv_epochs", 30},
                                           {"relative_epsilon", 0.2},
                                           {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 32, 256, true},
    {"regularization", 0.001, 0.05, true},
    {"adaptive_negatives", 1, 16, true},
    {NULL, 0, 0, false},
};

const Algorithm amf_algorithm = {
    .name = "amf",
    .summary = "matrix factorisation with BPR, then adversarial personalised ranking",
    .options = amf_options,
    .presets = amf_presets,
    .candidate = true,
    .trial = trial,
    .space = space,
    MF_METHODS,
};
