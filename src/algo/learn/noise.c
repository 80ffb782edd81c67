/* noise.c: noise on trained embeddings, to measure robustness (He et al. 2018, section 2.3). */
#include "algo/learn/factors.h"

#include <math.h>

#include "core/random.h"

#define POLL_EVERY 8192

/* Squared norm below which a direction counts as none: TensorFlow's l2_normalize. */
#define NORM_FLOOR 1e-12f

/* row += epsilon * direction / max(||direction||, 1e-6) */
static void MoveRow(float *row, const float *direction, uint32_t width, double epsilon)
{
    double square = 0;

    for (uint32_t k = 0; k < width; k++)
        square += (double)direction[k] * direction[k];
    for (uint32_t k = 0; k < width; k++)
        row[k] += (float)(epsilon * direction[k] / sqrt(fmax(square, NORM_FLOOR)));
}

void MoveRandomly(const Host *host, Part *part, double epsilon, uint64_t seed)
{
    float *direction = HostAllocate(host, part->stride, sizeof(float));
    Random random;

    for (uint32_t r = 0; r < part->rows; r++) {
        RandomSeed(&random, seed, RANDOM_ROBUSTNESS, part->axis, r);
        for (uint32_t k = 0; k < part->columns; k++)
            direction[k] = (float)RandomNormal(&random);
        MoveRow(part->data + (size_t)r * part->stride, direction, part->columns, epsilon);
        if (r % POLL_EVERY == 0)
            HostPoll(host);
    }
    HostRelease(host, direction);
}

void MoveAlong(const Host *host, Part *part, const float *direction, double epsilon)
{
    for (uint32_t r = 0; r < part->rows; r++) {
        MoveRow(part->data + (size_t)r * part->stride, direction + (size_t)r * part->stride,
                part->columns, epsilon);
        if (r % POLL_EVERY == 0)
            HostPoll(host);
    }
}
