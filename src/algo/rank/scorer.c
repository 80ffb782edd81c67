/*
 * scorer.c: allocates what rankings and validations score in, and ends them where a score was no
 * number.
 */
#include "algo/rank/scorer.h"

#include "algo/rank/exact.h"
#include "core/blas.h"
#include "core/pool.h"

Scorer ScorerStart(const Host *host, const Model *model, Histories histories, uint32_t batch,
                   uint32_t items)
{
    size_t threads = (size_t)PoolThreads(host);
    Scorer scorer = {
        .host = host, .model = model, .histories = histories, .batch = batch, .items = items};

    BlasLoad((int)threads);
    scorer.norm = GreatestNorm(host, model);
    scorer.width = model->algorithm->query_width(model);
    scorer.queries = HostAllocateZero(host, threads * batch * scorer.width, sizeof(float));
    scorer.scores = HostAllocate(host, threads * batch * items, sizeof(float));
    scorer.had = HostAllocate(host, threads * histories.room, sizeof(uint32_t));
    scorer.undefined = HostAllocateZero(host, threads, sizeof(bool));
    return scorer;
}

size_t ScorerMemory(const Model *model, int threads, uint32_t batch, uint32_t items)
{
    uint32_t width = model->algorithm->query_width(model);
    size_t row = SizeMultiply(SizeAdd(items, width), sizeof(float));
    size_t one = SizeMultiply(batch, row);

    if (HasProducts(model))
        one = SizeAdd(one, BlasMemory(batch, items, width));
    return SizeAdd(SizeMultiply((size_t)threads, one), HistoriesMemory(model, threads));
}

void ScorerQuery(const Scorer *scorer, int worker, uint32_t user, float *query)
{
    const Histories *histories = &scorer->histories;

    HistoriesQuery(histories, scorer->model, user, scorer->had + (size_t)worker * histories->room,
                   query);
}

void ScorerEnd(Scorer *scorer)
{
    const Host *host = scorer->host;
    bool undefined = false;

    for (int t = 0; t < PoolThreads(host); t++)
        undefined |= scorer->undefined[t];
    HostRelease(host, scorer->queries);
    HostRelease(host, scorer->scores);
    HostRelease(host, scorer->had);
    HostRelease(host, scorer->undefined);
    if (HostCancelled(host))
        HostAbandon(host);
    if (undefined)
        HostFail(host, FAIL_NOT_FINITE, NULL, "the model gives scores that are not a number");
}
