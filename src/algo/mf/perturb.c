/*
 * perturb.c: moves the rows of trained embeddings at random (learn/noise.c) or along the worst-case
 * direction of the BPR loss, to measure robustness (He et al. 2018, section 2.3).  For
 * recadv_robustness().
 */
#include "algo/mf/mf.h"

#include <math.h>

#include "algo/mf/batch.h"

static void AddPair(const Part *user, const Part *item, BatchTriple t, float *user_gamma,
                    float *item_gamma)
{
    const float *p = user->data + (size_t)t.user * user->stride;
    const float *qi = item->data + (size_t)t.positive * item->stride;
    const float *qj = item->data + (size_t)t.negative * item->stride;
    float *gp = user_gamma + (size_t)t.user * user->stride;
    float *gi = item_gamma + (size_t)t.positive * item->stride;
    float *gj = item_gamma + (size_t)t.negative * item->stride;
    double x = 0;
    float c;

    for (uint32_t k = 0; k < user->columns; k++)
        x += (double)p[k] * (qi[k] - qj[k]);
    c = (float)(-1.0 / (1.0 + exp(x)));
    for (uint32_t k = 0; k < user->columns; k++) {
        gp[k] += c * (qi[k] - qj[k]);
        gi[k] += c * p[k];
        gj[k] -= c * p[k];
    }
}

/* Gradient of the BPR loss over every training pair with one uniform negative. */
static void WorstCase(const Host *host, const Interactions *data, const Part *user,
                      const Part *item, uint64_t seed, float *user_gamma, float *item_gamma)
{
    const TripleRule uniform = {.candidates = 1, .users = user->data, .stride = user->stride};
    Random random;

    for (uint32_t u = 0; u < data->users; u++) {
        RandomSeed(&random, seed, RANDOM_ROBUSTNESS, AXIS_SHARED, u);
        for (uint64_t i = data->offset[u]; i < data->offset[u + 1]; i++) {
            BatchTriple t = {u, data->item[i], NO_ITEM};

            if (!IsHeldOut(data, u, t.positive))
                t.negative = BatchNegative(&uniform, data, u, &random);
            if (t.negative != NO_ITEM)
                AddPair(user, item, t, user_gamma, item_gamma);
            if (i % 256 == 0)
                HostPoll(host);
        }
    }
}

void MfPerturb(const Host *host, const Interactions *data, Model *model, Perturbation kind,
               double epsilon, uint64_t seed)
{
    Part *user = &model->part[MF_USER_PART], *item = &model->part[MF_ITEM_PART];
    float *user_gamma, *item_gamma;

    if (kind == PERTURB_RANDOM) {
        MoveRandomly(host, user, epsilon, seed);
        MoveRandomly(host, item, epsilon, seed);
        return;
    }
    user_gamma = HostAllocateZero(host, (size_t)user->rows * user->stride, sizeof(float));
    item_gamma = HostAllocateZero(host, (size_t)item->rows * item->stride, sizeof(float));
    WorstCase(host, data, user, item, seed, user_gamma, item_gamma);
    MoveAlong(host, user, user_gamma, epsilon);
    MoveAlong(host, item, item_gamma, epsilon);
    HostRelease(host, user_gamma);
    HostRelease(host, item_gamma);
}
