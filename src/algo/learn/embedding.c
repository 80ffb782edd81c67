/*
 * embedding.c: what factor models share: rows that start at random, cosines of rows, and rows moved
 * at random or along the worst-case direction, to measure robustness (He et al. 2018, section 2.3).
 */
#include "algo/learn/embedding.h"

#include <math.h>
#include <string.h>

#include "algo/learn/loop.h"
#include "algo/learn/negative.h"
#include "core/pool.h"
#include "core/vector.h"

#define INIT_ROWS  4096 /* per task */
#define POLL_EVERY 8192

/* Squared norm below which a gradient no longer grows, as in TensorFlow's l2_normalize. */
#define NORM_FLOOR 1e-12f

/* --- first values */

typedef struct InitJob {
    Part *part;
    uint64_t seed;
    RandomPurpose purpose;
    double deviation;
} InitJob;

static void InitRows(void *arg, int task, int worker)
{
    InitJob *job = arg;
    uint32_t first = (uint32_t)task * INIT_ROWS;

    (void)worker;
    for (uint32_t r = first; r < job->part->rows && r < first + INIT_ROWS; r++) {
        float *row = PartRow(job->part, r);
        Random random;

        if (!RowIsZero(job->part, r)) /* a warm start */
            continue;
        RandomSeed(&random, job->seed, job->purpose, r, 0);
        for (uint32_t k = 0; k < job->part->columns; k++)
            row[k] = (float)(job->deviation * RandomTruncatedNormal(&random));
    }
}

void EmbeddingInit(const Host *host, Part *part, RandomPurpose purpose, uint64_t seed,
                   double deviation)
{
    InitJob job = {part, seed, purpose, deviation};

    PoolRun(host, InitRows, &job, (int)((part->rows + INIT_ROWS - 1) / INIT_ROWS));
}

/* --- likeness */

/* Cosine of the row `one` and each of `rows`; 0 where one of the two is zero. */
VECTOR_INLINE void CosineBody(const float *one, const float *rows, size_t count, size_t stride,
                              float *out)
{
    size_t chunks = stride / VECTOR_LANES;
    const Vector *a = (const Vector *)one;
    float norm = VectorDot(one, one, chunks);

    for (size_t r = 0; r < count; r++) {
        const Vector *b = (const Vector *)(rows + r * stride);
        Vector ab = {0}, bb = {0};
        float square;

        for (size_t c = 0; c < chunks; c++) {
            ab += a[c] * b[c];
            bb += b[c] * b[c];
        }
        square = norm * VectorSum(&bb);
        out[r] = square > 0 ? VectorSum(&ab) / sqrtf(square) : 0.0f;
    }
}

VECTOR_VARIANTS(CosineRows,
                (const float *one, const float *rows, size_t count, size_t stride, float *out),
                CosineBody(one, rows, count, stride, out))

void EmbeddingCosines(const Part *one, const Part *rows, float *out)
{
    CosineRowsVariants[VectorLevel()](one->data, rows->data, rows->rows, rows->stride, out);
}

/* --- noise */

/* row += epsilon * direction / max(||direction||, 1e-6) */
static void MoveRow(float *row, const float *direction, uint32_t width, double epsilon)
{
    double square = 0;

    for (uint32_t k = 0; k < width; k++)
        square += (double)direction[k] * direction[k];
    for (uint32_t k = 0; k < width; k++)
        row[k] += (float)(epsilon * direction[k] / sqrt(fmax(square, NORM_FLOOR)));
}

static void MoveRandomly(const Host *host, Part *part, double epsilon, uint64_t seed)
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

static void MoveRows(const Host *host, Part *part, const float *gamma, double epsilon)
{
    for (uint32_t r = 0; r < part->rows; r++) {
        MoveRow(part->data + (size_t)r * part->stride, gamma + (size_t)r * part->stride,
                part->columns, epsilon);
        if (r % POLL_EVERY == 0)
            HostPoll(host);
    }
}

void EmbeddingPerturb(const Host *host, const Interactions *data, Part *user, Part *item,
                      Perturbation kind, double epsilon, uint64_t seed)
{
    float *user_gamma, *item_gamma;

    if (kind == PERTURB_RANDOM) {
        MoveRandomly(host, user, epsilon, seed);
        MoveRandomly(host, item, epsilon, seed);
        return;
    }
    user_gamma = HostAllocateZero(host, (size_t)user->rows * user->stride, sizeof(float));
    item_gamma = HostAllocateZero(host, (size_t)item->rows * item->stride, sizeof(float));
    WorstCase(host, data, user, item, seed, user_gamma, item_gamma);
    MoveRows(host, user, user_gamma, epsilon);
    MoveRows(host, item, item_gamma, epsilon);
    HostRelease(host, user_gamma);
    HostRelease(host, item_gamma);
}
