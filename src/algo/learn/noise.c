/* noise.c: noise on trained embeddings, to measure robustness (He et al. 2018, section 2.3). */
#include "algo/learn/factors.h"

#include <math.h>

#include "algo/learn/negative.h"
#include "core/random.h"

#define POLL_EVERY 262144 /* numbers */

/* Squared norm below which a direction counts as none: TensorFlow's l2_normalize. */
#define NORM_FLOOR 1e-12f

static double Square(const float *row, uint32_t width)
{
    double square = 0;

    for (uint32_t k = 0; k < width; k++)
        square += (double)row[k] * row[k];
    return square;
}

/* row += epsilon * direction / max(||direction||, 1e-6); `relative`: epsilon * ||row|| */
static void MoveRow(float *row, const float *direction, uint32_t width, Perturbation how)
{
    double norm = sqrt(fmax(Square(direction, width), NORM_FLOOR));
    double by = how.relative ? how.epsilon * sqrt(Square(row, width)) : how.epsilon;

    for (uint32_t k = 0; k < width; k++)
        row[k] += (float)(by * direction[k] / norm);
}

void MoveRandomly(const Host *host, Part *part, Perturbation how, uint64_t seed)
{
    float *direction = HostAllocate(host, part->stride, sizeof(float));
    uint64_t done = 0;
    Random random;

    for (uint32_t r = 0; r < part->rows; r++) {
        RandomSeed(&random, seed, RANDOM_ROBUSTNESS, part->axis, r);
        for (uint32_t k = 0; k < part->columns; k++)
            direction[k] = (float)RandomNormal(&random);
        MoveRow(part->data + (size_t)r * part->stride, direction, part->columns, how);
        HostPollAfter(host, &done, part->columns, POLL_EVERY);
    }
    HostRelease(host, direction);
}

void MoveAlong(const Host *host, Part *part, const float *direction, Perturbation how)
{
    uint64_t done = 0;

    for (uint32_t r = 0; r < part->rows; r++) {
        MoveRow(part->data + (size_t)r * part->stride, direction + (size_t)r * part->stride,
                part->columns, how);
        HostPollAfter(host, &done, part->columns, POLL_EVERY);
    }
}

static void AddPair(const Part *user, const Part *item, uint32_t u, uint32_t i, uint32_t j,
                    float *user_gamma, float *item_gamma)
{
    const float *p = user->data + (size_t)u * user->stride;
    const float *qi = item->data + (size_t)i * item->stride;
    const float *qj = item->data + (size_t)j * item->stride;
    float *gp = user_gamma + (size_t)u * user->stride;
    float *gi = item_gamma + (size_t)i * item->stride;
    float *gj = item_gamma + (size_t)j * item->stride;
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
    Random random;

    for (uint32_t u = 0; u < data->users; u++) {
        RandomSeed(&random, seed, RANDOM_ROBUSTNESS, AXIS_SHARED, u);
        for (uint64_t i = data->offset[u]; i < data->offset[u + 1]; i++) {
            uint32_t positive = data->item[i], negative = NO_ITEM;

            if (!IsHeldOut(data, u, positive))
                negative = UniformNegative(data, u, &random);
            if (negative != NO_ITEM)
                AddPair(user, item, u, positive, negative, user_gamma, item_gamma);
            if (i % 256 == 0)
                HostPoll(host);
        }
    }
}

void FactorsPerturb(const Host *host, const Interactions *data, Model *model, Perturbation how,
                    uint64_t seed)
{
    Part *user = &model->part[FACTORS_USER_PART], *item = &model->part[FACTORS_ITEM_PART];
    float *user_gamma, *item_gamma;

    if (how.kind == PERTURB_RANDOM) {
        MoveRandomly(host, user, how, seed);
        MoveRandomly(host, item, how, seed);
        return;
    }
    user_gamma = HostAllocateZero(host, PartFloats(user), sizeof(float));
    item_gamma = HostAllocateZero(host, PartFloats(item), sizeof(float));
    WorstCase(host, data, user, item, seed, user_gamma, item_gamma);
    MoveAlong(host, user, user_gamma, how);
    MoveAlong(host, item, item_gamma, how);
    HostRelease(host, user_gamma);
    HostRelease(host, item_gamma);
}
