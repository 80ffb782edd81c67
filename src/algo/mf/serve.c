/* serve.c: what the models of bpr and amf are made of, for training and serving alike. */
#include "algo/mf/mf.h"

#include <math.h>

const char *const mf_optimizers[] = {"adagrad_row", "adagrad", "sgd", NULL};

Strength MfStrength(const MfOptions *options)
{
    bool relative = options->epsilon == 0;
    double named = relative ? options->relative_epsilon : options->epsilon;

    if (options->adv_epochs == 0)
        return (Strength){0, true};
    return (Strength){(float)(named > 0 ? named : PLAIN_EPSILON), relative};
}

#define FEW_FACTORS  64
#define MANY_FACTORS 128

void MfSettle(void *options, const Model *model)
{
    FactorsSettle(model, &((MfOptions *)options)->factors);
}

void MfLayout(Model *model)
{
    const MfOptions *o = model->options;

    FactorsLayout(model, FactorsWidth(model, o->factors, FEW_FACTORS, MANY_FACTORS));
    if (ChoosesRegularization(o))
        ModelAddColumn(model, "regularization", AXIS_SHARED, 1);
    if (ChoosesStrength(o))
        ModelAddColumn(model, "strength", AXIS_SHARED, 1);
    if (ChoosesNegatives(o))
        ModelAddColumn(model, "negatives", AXIS_SHARED, 1);
}

double MfRegularization(const Host *host, const Model *model)
{
    const MfOptions *o = model->options;
    float stored;

    if (!ChoosesRegularization(o))
        return o->regularization;
    stored = model->part[MF_REGULARIZATION_PART].data[0];
    if (!(stored >= 0 && stored <= GREATEST_REGULARIZATION))
        HostFail(host, FAIL_INVALID, "Train the model anew.",
                 "the model's regularization is damaged");
    return stored > 0 ? stored : PLAIN_REGULARIZATION;
}

/* Behind the regularization that was chosen, if it was. */
static Part *StrengthPart(const Model *model)
{
    return (Part *)&model->part[MF_REGULARIZATION_PART + ChoosesRegularization(model->options)];
}

/* The last. */
static Part *NegativesPart(const Model *model)
{
    return StrengthPart(model) + ChoosesStrength(model->options);
}

uint32_t MfNegatives(const Host *host, const Model *model)
{
    const MfOptions *o = model->options;
    float stored;

    if (o->adaptive_negatives > 0)
        return (uint32_t)o->adaptive_negatives;
    stored = ChoosesNegatives(o) ? NegativesPart(model)->data[0] : 0;
    if (!(stored >= 0 && stored <= MAX_CANDIDATES && stored == floorf(stored)))
        HostFail(host, FAIL_INVALID, "Train the model anew.",
                 "the model's number of adaptive negatives is damaged");
    return stored > 0 ? (uint32_t)stored : USUAL_NEGATIVES;
}

Strength MfKeptStrength(const Host *host, const Model *model)
{
    const MfOptions *o = model->options;
    float stored;

    if (!ChoosesStrength(o))
        return MfStrength(o);
    stored = StrengthPart(model)->data[0];
    if (!(stored >= 0 && stored <= GREATEST_EPSILON))
        HostFail(host, FAIL_INVALID, "Train the model anew.",
                 "the strength of the model's adversarial stage is damaged");
    return (Strength){stored, true};
}

void MfKeepStrength(const Model *model, Strength strength)
{
    if (ChoosesStrength(model->options))
        StrengthPart(model)->data[0] = strength.epsilon;
}

void MfKeepNegatives(const Model *model, uint32_t negatives)
{
    if (ChoosesNegatives(model->options))
        NegativesPart(model)->data[0] = (float)negatives;
}
