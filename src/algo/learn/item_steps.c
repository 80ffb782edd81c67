/* item_steps.c: lists of shares by item, and Adam's steps of rows. */
#include "algo/learn/item_steps.h"

#include <string.h>

#include "core/pool.h"
#include "core/vector.h"

#define NO_SHARE      UINT32_MAX
#define ROWS_AT_ONCE  64   /* rows of a task */
#define WIDEST_STRIDE 1024 /* floats of a row's gradient on the stack */

/* Floats, of shares and rows, between two looks at whether the run is cancelled. */
#define LOOK_EVERY 16384

void ItemSharesTake(Store *store, uint32_t items, uint32_t stride, uint32_t room, bool dense,
                    ItemShares *shares)
{
    *shares = (ItemShares){.items = items, .stride = stride};
    shares->share = StoreTake(store, room, sizeof(Share));
    shares->first = StoreTake(store, items, sizeof(uint32_t));
    shares->last = StoreTake(store, items, sizeof(uint32_t));
    shares->touched = StoreTake(store, room, sizeof(uint32_t));
    if (dense)
        shares->dense = StoreTake(store, SizeMultiply(items, stride), sizeof(float));
    if (shares->first != NULL)
        memset(shares->first, 0xff, items * sizeof(uint32_t));
}

void ItemAdamTake(Store *store, uint32_t items, uint32_t stride, ItemAdam *adam)
{
    adam->state = StoreTake(store, SizeMultiply(items, 2 * (size_t)stride), sizeof(float));
    adam->step = StoreTake(store, items, sizeof(uint32_t));
}

void ItemSharesAdd(ItemShares *shares, uint32_t item, float factor, const float *vector)
{
    uint32_t number = shares->count++;

    shares->share[number] = (Share){NO_SHARE, factor, vector};
    if (shares->first[item] == NO_SHARE) {
        shares->first[item] = number;
        shares->touched[shares->touched_count++] = item;
    } else {
        shares->share[shares->last[item]].next = number;
    }
    shares->last[item] = number;
}

typedef struct StepJob {
    const Host *host;
    ItemShares *shares;
    const AdamRule *rule;
    const ItemAdam *adam;
    float *rows;
    bool dense;
    uint32_t count;
} StepJob;

#define VECTOR_KERNELS "algo/learn/item_steps_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(Sum, (const ItemShares *shares, uint32_t item, float *sum, uint64_t *summed));

/* Returns how many floats were gone through. */
static uint64_t StepRow(const StepJob *job, uint32_t item)
{
    uint64_t rows = 1;
    float stack[WIDEST_STRIDE] __attribute__((aligned(64)));
    ItemShares *shares = job->shares;
    size_t stride = shares->stride;
    float *sum = job->dense ? shares->dense + item * stride : stack;

    if (!job->dense)
        memset(sum, 0, stride * sizeof(float));
    SumVariants[VectorLevel()](shares, item, sum, &rows);
    shares->first[item] = NO_SHARE;
    AdamMany(job->rule, ++job->adam->step[item], job->rows + item * stride, sum,
             job->adam->state + 2 * item * stride, stride);
    return rows * stride;
}

static void StepRows(void *arg, int task, int worker)
{
    const StepJob *job = arg;
    uint32_t first = (uint32_t)task * ROWS_AT_ONCE, left = job->count - first;
    uint32_t end = first + (left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE);
    uint64_t done = LOOK_EVERY; /* a task begins with a look */

    (void)worker;
    for (uint32_t i = first; i < end; i++) {
        if (done >= LOOK_EVERY) {
            if (HostCancelled(job->host))
                return;
            done = 0;
        }
        done += StepRow(job, job->dense ? i : job->shares->touched[i]);
    }
}

void ItemSharesStep(const Host *host, ItemShares *shares, bool dense, const AdamRule *rule,
                    const ItemAdam *adam, float *rows)
{
    StepJob job = {
        host, shares, rule, adam, rows, dense, dense ? shares->items : shares->touched_count};

    PoolRun(host, StepRows, &job, (int)((job.count + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE));
    if (HostCancelled(host))
        HostAbandon(host);
    shares->count = 0;
    shares->touched_count = 0;
}
