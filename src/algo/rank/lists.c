/*
 * lists.c: makes the lists of many users as they are served, and measures what is in them.
 *
 * Sums are kept for tasks of a fixed number of users, and added up in their order: the same for any
 * number of threads.
 */
#include "algo/rank/lists.h"

#include <math.h>
#include <string.h>

#include "algo/rank/scan.h"
#include "core/pool.h"

/* Users of a task. */
#define TASK_USERS 64

/* Interactions, or items, between two looks at interrupts. */
#define POLL_EVERY 4096

/* Sums over the lists of a task. */
typedef struct ListSums {
    double popularity;
    double novelty;
    uint32_t lists;
} ListSums;

typedef struct ListsJob {
    const Host *host;
    const Model *model;
    Histories histories;
    float weight;
    const RankingCase *cases;
    size_t case_count;
    const ListMetrics *metrics;
    uint32_t count;
    uint32_t limit; /* items of a list */
    Scan scan;
    void *scanned;    /* its memory */
    uint32_t *owners; /* of each item: users in training */
    double *novelty;  /* of each item */
    ListSums *sums;   /* tasks x count */

    /* Of each thread. */
    uint32_t width; /* of a query */
    float *queries;
    char *scratch;
    Scored *entries;
    uint32_t *had;
    uint32_t *first; /* of each item: the best place in a list so far */
} ListsJob;

static uint32_t LongestList(const Model *model, const ListMetrics *metrics, uint32_t count)
{
    uint32_t longest = 0;

    for (uint32_t m = 0; m < count; m++)
        longest = metrics[m].k > longest ? metrics[m].k : longest;
    return longest < model->items ? longest : model->items;
}

static size_t Tasks(size_t case_count)
{
    return (case_count + TASK_USERS - 1) / TASK_USERS;
}

/* How many users have each item, and how much it says that one has it. */
static void CountOwners(ListsJob *job, const Interactions *train)
{
    double users = train->users;

    for (uint64_t i = 0; i < train->count; i++) {
        if (i % POLL_EVERY == 0)
            HostPoll(job->host);
        job->owners[train->item[i]]++;
    }
    for (uint32_t i = 0; i < job->model->items; i++) {
        uint32_t owners = job->owners[i] > 0 ? job->owners[i] : 1;

        if (i % POLL_EVERY == 0)
            HostPoll(job->host);
        job->novelty[i] = log2(users / owners);
    }
}

static void Prepare(ListsJob *job, const Interactions *train)
{
    const Host *host = job->host;
    const Model *model = job->model;
    size_t threads = (size_t)PoolThreads(host), lists = threads * CODES_QUERIES;

    job->width = model->algorithm->query_width(model);
    job->owners = HostAllocateZero(host, model->items, sizeof(uint32_t));
    job->novelty = HostAllocate(host, model->items, sizeof(double));
    job->sums = HostAllocateZero(host, Tasks(job->case_count) * job->count, sizeof(ListSums));
    job->queries = HostAllocateZero(host, lists * job->width, sizeof(float));
    job->scratch = HostAllocate(host, lists, ScanTaskSize(model));
    job->entries = HostAllocate(host, lists * job->limit, sizeof(Scored));
    job->had = HostAllocate(host, threads * job->histories.room, sizeof(uint32_t));
    job->first = HostAllocate(host, threads * model->items, sizeof(uint32_t));
    memset(job->first, 0xFF, threads * model->items * sizeof(uint32_t));
    CountOwners(job, train);
    job->scanned = HostAllocate(host, 1, ScanSize(model));
    ScanPlace(&job->scan, model, job->scanned);
    ScanBuild(host, &job->scan);
}

static void Release(ListsJob *job)
{
    const Host *host = job->host;

    HostRelease(host, job->scanned);
    HostRelease(host, job->owners);
    HostRelease(host, job->novelty);
    HostRelease(host, job->sums);
    HostRelease(host, job->queries);
    HostRelease(host, job->scratch);
    HostRelease(host, job->entries);
    HostRelease(host, job->had);
    HostRelease(host, job->first);
}

size_t ListsMemory(const Model *model, int threads, size_t case_count, const ListMetrics *metrics,
                   uint32_t count)
{
    size_t list =
        SizeAdd(SizeMultiply(LongestList(model, metrics, count), sizeof(Scored)),
                SizeAdd(ScanTaskSize(model), model->algorithm->query_width(model) * sizeof(float)));
    size_t thread =
        SizeAdd(SizeMultiply(list, CODES_QUERIES), SizeMultiply(model->items, sizeof(uint32_t)));
    size_t items = SizeMultiply(model->items, sizeof(uint32_t) + sizeof(double));
    size_t sums = SizeMultiply(SizeMultiply(Tasks(case_count), count), sizeof(ListSums));

    thread = SizeAdd(SizeMultiply(thread, (size_t)threads), HistoriesMemory(model, threads));
    items = SizeAdd(items, SizeAdd(ScanSize(model), CodesBuildSize(model->items)));
    return SizeAdd(items, SizeAdd(sums, thread));
}

/* What the first k of a list add. */
static void AddList(const ListsJob *job, const TopK *top, uint32_t k, ListSums *sums)
{
    uint32_t count = top->count < k ? top->count : k;
    double popularity = 0, novelty = 0;

    for (uint32_t i = 0; i < count; i++) {
        popularity += job->owners[top->entries[i].item];
        novelty += job->novelty[top->entries[i].item];
    }
    if (count == 0)
        return;
    sums->popularity += popularity / count;
    sums->novelty += novelty / count;
    sums->lists++;
}

static void NotePlaces(const TopK *top, uint32_t *first)
{
    for (uint32_t i = 0; i < top->count; i++)
        if (i < first[top->entries[i].item])
            first[top->entries[i].item] = i;
}

/* The lists of a few users, of whom the first is cases[at]. */
static void MakeLists(ListsJob *job, size_t at, uint32_t users, int worker, ListSums *sums)
{
    size_t slot = (size_t)worker * CODES_QUERIES;
    float *queries = job->queries + slot * job->width;
    uint32_t *had = job->had + (size_t)worker * job->histories.room;
    uint32_t *first = job->first + (size_t)worker * job->model->items;
    ScanTask tasks[CODES_QUERIES];
    TopK tops[CODES_QUERIES];
    ScanRun run;

    for (uint32_t u = 0; u < users; u++) {
        const RankingCase *c = &job->cases[at + u];
        float *query = queries + (size_t)u * job->width;

        HistoriesQuery(&job->histories, job->model, c->user, had, query);
        tops[u] = (TopK){job->entries + (slot + u) * job->limit, job->limit, 0};
        tasks[u] = (ScanTask){.query = query,
                              .without = c->excluded,
                              .without_count = c->excluded_count,
                              .weight = job->weight,
                              .top = &tops[u]};
    }
    ScanStart(&run, &job->scan, 0, tasks, users, job->scratch + slot * ScanTaskSize(job->model));
    while (!HostCancelled(job->host) && ScanStep(&run))
        ;
    for (uint32_t u = 0; u < users; u++) {
        TopKFinish(&tops[u]);
        NotePlaces(&tops[u], first);
        for (uint32_t m = 0; m < job->count; m++)
            AddList(job, &tops[u], job->metrics[m].k, &sums[m]);
    }
}

static void RunTask(void *arg, int task, int worker)
{
    ListsJob *job = arg;
    size_t at = (size_t)task * TASK_USERS, end = at + TASK_USERS;

    for (end = end < job->case_count ? end : job->case_count; at < end && !HostCancelled(job->host);
         at += CODES_QUERIES) {
        uint32_t users = end - at < CODES_QUERIES ? (uint32_t)(end - at) : CODES_QUERIES;

        MakeLists(job, at, users, worker, job->sums + (size_t)task * job->count);
    }
}

/* The best place of each item over all threads' lists. */
static void MergePlaces(ListsJob *job)
{
    uint32_t items = job->model->items;

    for (int t = 1; t < PoolThreads(job->host); t++)
        for (uint32_t i = 0; i < items; i++)
            if (job->first[(size_t)t * items + i] < job->first[i])
                job->first[i] = job->first[(size_t)t * items + i];
}

static void Finish(const ListsJob *job, uint32_t m, ListMetrics *metrics)
{
    uint32_t items = job->model->items, covered = 0;
    double popularity = 0, novelty = 0;

    metrics->lists = 0;
    for (uint32_t i = 0; i < items; i++)
        covered += job->first[i] < metrics->k;
    for (size_t t = 0; t < Tasks(job->case_count); t++) {
        const ListSums *sums = &job->sums[t * job->count + m];

        popularity += sums->popularity;
        novelty += sums->novelty;
        metrics->lists += sums->lists;
    }
    metrics->coverage = items == 0 ? 0 : (double)covered / items;
    metrics->popularity = popularity / (double)metrics->lists;
    metrics->novelty = novelty / (double)metrics->lists;
}

void MeasureLists(const Host *host, const Model *model, Histories histories,
                  const Interactions *train, float weight, const RankingCase *cases,
                  size_t case_count, ListMetrics *metrics, uint32_t count)
{
    ListsJob job = {.host = host,
                    .model = model,
                    .histories = histories,
                    .weight = weight,
                    .cases = cases,
                    .case_count = case_count,
                    .metrics = metrics,
                    .count = count,
                    .limit = LongestList(model, metrics, count)};

    Prepare(&job, train);
    PoolRun(host, RunTask, &job, (int)Tasks(case_count));
    if (HostCancelled(host))
        HostAbandon(host);
    MergePlaces(&job);
    for (uint32_t m = 0; m < count; m++)
        Finish(&job, m, &metrics[m]);
    Release(&job);
}
