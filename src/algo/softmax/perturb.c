/*
 * perturb.c: the worst-case direction of the softmax loss (He et al. 2018, section 2.3): its
 * gradient over all interactions, with fresh negatives for each batch.
 */
#include "algo/softmax/softmax.h"
#include "core/blas.h"
#include "core/pool.h"

#define BATCH 512

/* Only the gradients' direction counts, so norms of rows need not be those of training. */
static SoftmaxRule RuleOf(const Host *host, const Interactions *data, Model *model)
{
    const SoftmaxOptions *o = model->options;
    Part *user = &model->part[FACTORS_USER_PART], *item = &model->part[FACTORS_ITEM_PART];
    float *norm = HostAllocateZero(host, item->rows, sizeof(float));

    return (SoftmaxRule){
        .data = data,
        .held_too = true,
        .user = user,
        .item = item,
        .norm = norm,
        .temperature = SoftmaxTemperature(host, model),
        .log_sum_weight = (float)o->log_sum_weight,
        .user_sums = HostAllocateZero(host, PartFloats(user), sizeof(float)),
        .item_sums = HostAllocateZero(host, PartFloats(item), sizeof(float)),
    };
}

static void AddGradients(const Host *host, const Interactions *data, uint64_t seed,
                         SoftmaxBatch *batch)
{
    SoftmaxList list = {0};
    Random random;

    SoftmaxListCreate(host, data, &list);
    RandomSeed(&random, seed, RANDOM_ROBUSTNESS, AXIS_SHARED, 0);
    SoftmaxListFill(host, data, true, 1, &random, &list);
    for (uint32_t query = 0; query < list.queries;) {
        query = SoftmaxListBatch(&list, query, batch);
        SoftmaxBatchStep(host, batch, &random);
    }
    SoftmaxListRelease(host, &list);
}

static void WorstCase(const Host *host, const Interactions *data, Model *model, uint64_t seed,
                      SoftmaxBatch *batch)
{
    const SoftmaxOptions *o = model->options;

    BlasLoad(PoolThreads(host));
    SoftmaxBatchCreate(host, model, BATCH, 1, SoftmaxNegatives(o, model->items), batch);
    batch->rule = RuleOf(host, data, model);
    AddGradients(host, data, seed, batch);
}

static void Release(const Host *host, SoftmaxBatch *batch)
{
    HostRelease(host, (float *)batch->rule.norm);
    HostRelease(host, batch->rule.user_sums);
    HostRelease(host, batch->rule.item_sums);
    SoftmaxBatchRelease(host, batch);
}

void SoftmaxPerturb(const Host *host, const Interactions *data, Model *model, Perturbation how,
                    uint64_t seed)
{
    Part *user = &model->part[FACTORS_USER_PART], *item = &model->part[FACTORS_ITEM_PART];
    SoftmaxBatch batch;

    if (how.kind == PERTURB_RANDOM) {
        MoveRandomly(host, user, how, seed);
        MoveRandomly(host, item, how, seed);
        return;
    }
    WorstCase(host, data, model, seed, &batch);
    MoveAlong(host, user, batch.rule.user_sums, how);
    MoveAlong(host, item, batch.rule.item_sums, how);
    Release(host, &batch);
}
