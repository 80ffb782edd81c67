/* slate_softmax.c: two passes over the items: sums of exponentials, then gradients. */
#include "algo/actor_critic/slate_softmax.h"

#include "algo/net/matrix.h"
#include "core/pool.h"

#define TILE 1024

/* Rows of a product between two looks at whether the run is cancelled. */
#define ROWS_AT_ONCE 512

void SlateSoftmaxTake(Store *store, uint32_t items, uint32_t stride, uint32_t batch, int threads,
                      SlateSoftmax *softmax)
{
    SlateSoftmax *s = softmax;

    *s = (SlateSoftmax){.items = items, .stride = stride, .batch = batch};
    s->tiles = (items + TILE - 1) / TILE;
    s->logits = StoreTake(store, SizeMultiply((size_t)threads * TILE, batch), sizeof(float));
    s->greatest = StoreTake(store, SizeMultiply(s->tiles, batch), sizeof(float));
    s->sum = StoreTake(store, SizeMultiply(s->tiles, batch), sizeof(float));
    s->log_sum = StoreTake(store, batch, sizeof(float));
    s->partial =
        StoreTake(store, SizeMultiply(SizeMultiply(s->tiles, batch), stride), sizeof(float));
}

typedef struct SoftmaxJob {
    const Host *host;
    SlateSoftmax *s;
    const float *rows;
    const float *queries;
    uint32_t count;
    const ShownSlate *slates;
    const float *weight;
    float *dense;
} SoftmaxJob;

static uint32_t TileCount(const SlateSoftmax *s, int tile)
{
    uint32_t left = s->items - (uint32_t)tile * TILE;

    return left < TILE ? left : TILE;
}

static uint32_t RowsFrom(const SoftmaxJob *job, uint32_t first)
{
    return job->count - first < ROWS_AT_ONCE ? job->count - first : ROWS_AT_ONCE;
}

/* count x TILE, at this worker's place. */
static float *Logits(const SoftmaxJob *job, int tile, int worker)
{
    const SlateSoftmax *s = job->s;
    float *logits = s->logits + (size_t)worker * s->batch * TILE;

    for (uint32_t r = 0; r < job->count && !HostCancelled(job->host); r += ROWS_AT_ONCE)
        MatrixProductTransposed((Matrix){job->queries + (size_t)r * s->stride, s->stride},
                                (Matrix){job->rows + (size_t)tile * TILE * s->stride, s->stride},
                                RowsFrom(job, r), TileCount(s, tile), s->stride, PRODUCT_IS,
                                logits + (size_t)r * TILE, TILE);
    return logits;
}

static void SumTile(void *arg, int tile, int worker)
{
    const SoftmaxJob *job = arg;
    SlateSoftmax *s = job->s;
    const float *logits;

    if (HostCancelled(job->host))
        return;
    logits = Logits(job, tile, worker);
    for (uint32_t r = 0; r < job->count; r++) {
        size_t at = (size_t)tile * s->batch + r;

        SoftmaxTileSums(logits + (size_t)r * TILE, TileCount(s, tile), &s->greatest[at],
                        &s->sum[at]);
    }
}

/* In order of the tiles. */
static float LogSum(const SlateSoftmax *s, uint32_t r)
{
    float greatest = s->greatest[r];
    double sum = 0;

    for (uint32_t t = 1; t < s->tiles; t++)
        greatest = fmaxf(greatest, s->greatest[(size_t)t * s->batch + r]);
    for (uint32_t t = 0; t < s->tiles; t++) {
        size_t at = (size_t)t * s->batch + r;

        sum += (double)s->sum[at] * exp((double)s->greatest[at] - (double)greatest);
    }
    return greatest + (float)log(sum);
}

static void DifferentiateTile(void *arg, int tile, int worker)
{
    const SoftmaxJob *job = arg;
    SlateSoftmax *s = job->s;
    uint32_t first = (uint32_t)tile * TILE, count = TileCount(s, tile);
    Matrix rows = {job->rows + (size_t)first * s->stride, s->stride};
    float *logits;

    if (HostCancelled(job->host))
        return;
    logits = Logits(job, tile, worker);
    for (uint32_t r = 0; r < job->count; r++)
        SoftmaxTileGradient(logits + (size_t)r * TILE, first, count, job->slates[r], s->log_sum[r],
                            job->weight[r]);
    for (uint32_t r = 0; r < job->count && !HostCancelled(job->host); r += ROWS_AT_ONCE) {
        Matrix d = {logits + (size_t)r * TILE, TILE};
        Matrix queries = {job->queries + (size_t)r * s->stride, s->stride};
        size_t partial = (size_t)tile * s->batch + r;

        MatrixProductColumns(d, queries, count, s->stride, RowsFrom(job, r),
                             r == 0 ? PRODUCT_IS : PRODUCT_ADDS,
                             job->dense + (size_t)first * s->stride, s->stride);
        MatrixProduct(d, rows, RowsFrom(job, r), s->stride, count, PRODUCT_IS,
                      s->partial + partial * s->stride, s->stride);
    }
}

static void SumPartials(const SoftmaxJob *job, float *dqueries)
{
    const SlateSoftmax *s = job->s;
    size_t all = (size_t)job->count * s->stride;

    RealClear(dqueries, all);
    for (uint32_t t = 0; t < s->tiles; t++) {
        const float *partial = s->partial + (size_t)t * s->batch * s->stride;

        for (size_t i = 0; i < all; i++)
            dqueries[i] += partial[i];
    }
}

void SlateSoftmaxRun(const Host *host, SlateSoftmax *softmax, const float *rows,
                     const float *queries, uint32_t count, const ShownSlate *slates,
                     const float *weight, float *dense, float *dqueries)
{
    SoftmaxJob job = {host, softmax, rows, queries, count, slates, weight, dense};

    PoolRun(host, SumTile, &job, (int)softmax->tiles);
    for (uint32_t r = 0; r < count; r++)
        softmax->log_sum[r] = LogSum(softmax, r);
    PoolRun(host, DifferentiateTile, &job, (int)softmax->tiles);
    if (HostCancelled(host))
        HostAbandon(host);
    SumPartials(&job, dqueries);
}
