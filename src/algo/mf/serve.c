/* serve.c: the parts of the models of bpr and amf. */
#include "algo/mf/mf.h"

const char *const mf_optimizers[] = {"adagrad_row", "adagrad", "sgd", NULL};

void MfLayout(Model *model)
{
    FactorsLayout(model, (uint32_t)((const MfOptions *)model->options)->factors);
}
