/* factors.c: shape, first values, scores and likeness of a factor model. */
#include "algo/learn/factors.h"

#include <math.h>
#include <string.h>

#include "algo/learn/loop.h"
#include "core/pool.h"
#include "core/vector.h"

#define INIT_NUMBERS 262144 /* per task: a row may have thousands */

void FactorsLayout(Model *model, uint32_t factors)
{
    ModelAddPart(model, "user", AXIS_USER, model->users, factors);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, factors);
}

typedef struct InitJob {
    Part *part;
    uint32_t rows; /* per task */
    uint64_t seed;
    RandomPurpose purpose;
    double deviation;
} InitJob;

static void InitRows(void *arg, int task, int worker)
{
    InitJob *job = arg;
    uint32_t first = (uint32_t)task * job->rows;

    (void)worker;
    for (uint32_t r = first; r < job->part->rows && r < first + job->rows; r++) {
        float *row = PartRow(job->part, r);
        Random random;

        if (!RowIsZero(job->part, r)) /* a warm start */
            continue;
        RandomSeed(&random, job->seed, job->purpose, r, 0);
        for (uint32_t k = 0; k < job->part->columns; k++)
            row[k] = (float)(job->deviation * RandomTruncatedNormal(&random));
    }
}

void FactorsInit(const Host *host, Part *part, RandomPurpose purpose, uint64_t seed,
                 double deviation)
{
    InitJob job = {part, INIT_NUMBERS / part->stride + 1, seed, purpose, deviation};

    PoolRun(host, InitRows, &job, (int)(((uint64_t)part->rows + job.rows - 1) / job.rows));
}

uint32_t FactorsQueryWidth(const Model *model)
{
    return model->part[FACTORS_USER_PART].stride;
}

void FactorsQuery(const Model *view, const QueryInput *input, float *query)
{
    const Part *user = &view->part[FACTORS_USER_PART];

    memcpy(query, PartRow(user, input->row), user->stride * sizeof(float));
}

void CheckFoldedIn(const Host *host, const float *row, uint32_t columns)
{
    for (uint32_t k = 0; k < columns; k++)
        if (!isfinite(row[k]))
            HostFail(host, FAIL_NOT_FINITE, "Train the model with a lower learning_rate.",
                     "the history led to values that are not finite");
}

#define VECTOR_KERNELS "algo/learn/factors_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(CosineRows,
             (const float *one, const float *rows, size_t count, size_t stride, float *out));

void PartCosines(const Part *one, const Part *part, float *out)
{
    CosineRowsVariants[VectorLevel()](one->data, part->data, part->rows, part->stride, out);
}

void FactorsSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    int part = axis == AXIS_USER ? FACTORS_USER_PART : FACTORS_ITEM_PART;

    PartCosines(&one->part[part], &view->part[part], out);
}
