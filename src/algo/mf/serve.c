/* serve.c: what the models of bpr and amf are made of, for training and serving alike. */
#include "algo/mf/mf.h"

const char *const mf_optimizers[] = {"adagrad_row", "adagrad", "sgd", NULL};

Strength MfStrength(const MfOptions *options)
{
    bool relative = options->epsilon == 0;
    double named = relative ? options->relative_epsilon : options->epsilon;

    return (Strength){(float)(named > 0 ? named : PLAIN_EPSILON), relative};
}

void MfLayout(Model *model)
{
    FactorsLayout(model, (uint32_t)((const MfOptions *)model->options)->factors);
}
