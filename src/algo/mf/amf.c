/*
 * amf.c: adversarial matrix factorisation (He et al.
 *
 * 2018): BPR, then adversarial personalised ranking from the BPR solution.  Its options, its two
 * stages, and its entry in the list of algorithms.
 */
#include "algo/mf/mf.h"

#define MF_EPOCHS         200
#define MF_LEARNING_RATE  0.1
#define MF_REGULARIZATION 0.0
#define MF_NEGATIVES      1

static const OptionSpec amf_options[] = {
    MF_OPTIONS,
    {"adv_epochs", OPTION_INTEGER, MF_FIELD(adv_epochs), 1, 1000000, 400, NULL,
     "passes of adversarial training after the epochs of BPR, at most", "recadv"},
    {"epsilon", OPTION_REAL, MF_FIELD(epsilon), 0, 1000, 0.5, NULL,
     "norm of the perturbation of each embedding row", "He et al. 2018, section 4.1.4"},
    {"lambda", OPTION_REAL, MF_FIELD(lambda), 0, 1e6, 1, NULL, "weight of the adversarial loss",
     "He et al. 2018, equation 6"},
    {"reset_optimizer", OPTION_BOOL, MF_FIELD(reset_optimizer), 0, 1, 1, NULL,
     "start adversarial training with fresh accumulators", "code of He et al. 2018"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue paper[] = {
    {"optimizer", OPTIMIZER_ADAGRAD},
    {"learning_rate", 0.05},
    {"regularization", 0},
    {"adaptive_negatives", 1},
    {"batch_size", 512},
    {"epochs", 1000},
    {"adv_epochs", 1000},
    {NULL, 0},
};

static const struct PresetValue fast[] = {
    {"factors", 32}, {"epochs", 60}, {"adv_epochs", 60}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {
    {"factors", 128}, {"adaptive_negatives", 4}, {"regularization", 0.008}, {NULL, 0}};

static const Preset amf_presets[] = {
    {"fast", "a narrow model, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "a wide model with harder negatives and decay", best},
    {"paper", "mini-batches, uniform negatives, no decay, as in He et al. 2018", paper},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 30}, {"adv_epochs", 30}, {NULL, 0}};

static const struct PresetValue variants[] = {{"regularization", 0.01}, {NULL, 0}};

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
    .variants = variants,
    .space = space,
    MF_METHODS,
};
