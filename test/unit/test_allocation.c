/*
 * test_allocation.c: the n-th allocation fails, for every n: of a training with threads, of all
 * that serves, of a refresh's learning, of an evaluation.
 *
 * The host's allocator does not return then, as PostgreSQL's does not.  Whatever ran is left
 * behind: no thread may be at work any more, nothing may be held but what is the arena's (the
 * sanitizers watch), and another run gives what a run without a failure gives.
 */
#include <stdio.h>
#include <string.h>

#include "algo/rank/prequential.h"
#include "algo/rank/ranking.h"
#include "algo/rank/scan.h"
#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

#define USERS  9
#define ITEMS  40
#define EVENTS 200

typedef struct Job {
    TestHost t;
    const Algorithm *algorithm;
    const char *settings;
    int threads;
    Training run;
    TasteStream stream;
    Interactions data;
    const char *stage; /* that was reached */
} Job;

static void TrainSmall(Job *job)
{
    Model *m = &job->run.model;

    job->stage = "training";
    TestHostUsePool(&job->t, job->threads);
    job->stream = TasteStreamCreate(&job->t.host, USERS, ITEMS, 4, EVENTS, EVENTS, 993);
    job->data = TasteStreamData(&job->t.host, &job->stream, EVENTS);
    InteractionsHoldOut(&job->t.host, &job->data, HOLDOUT_RANDOM, 0, 1);
    TrainingPrepare(&job->t, &job->data, job->algorithm->name, "", &job->run);
    SetSmall(job->algorithm, &job->run.options, job->settings);
    ModelLayout(m, job->algorithm, &job->run.options, USERS, ITEMS);
    ModelAllocate(&job->t.host, m);
    ModelCountPopularity(&job->t.host, &job->data, m);
    m->algorithm->train(&job->t.host, &job->data, m, &job->run.report);
}

static void Serve(Job *job)
{
    const Host *host = &job->t.host;
    const Model *m = &job->run.model;
    const Algorithm *a = m->algorithm;
    float *query, *out;
    Model history, sample, one;
    Histories histories = HistoriesOf(m, &job->data, true);
    Scan scan;

    job->stage = "serving";
    query = HostAllocateZero(host, a->query_width(m) + 1, sizeof(float));
    out = HostAllocateZero(host, USERS + ITEMS, sizeof(float));
    ScanPlace(&scan, m, HostAllocate(host, ScanSize(m), 1));
    ScanBuild(host, &scan);
    HistoriesQuery(&histories, m, 3, HostAllocate(host, histories.room + 1, sizeof(uint32_t)),
                   query);
    ModelViewItems(m, 3, 7, &history);
    ModelViewItems(m, 20, 10, &sample);
    ModelViewItems(m, 30, 1, &one);
    if (a->explain != NULL)
        a->explain(host, &history, query, &one, out);
    if (a->fold_in != NULL)
        a->fold_in(host, &history, &sample, query);
}

static void Evaluate(Job *job)
{
    uint32_t relevant[] = {1, 17, 30}, positions[USERS][3];
    RankingCase cases[USERS];
    Model *m = &job->run.model;

    job->stage = "evaluation";
    for (uint32_t u = 0; u < USERS; u++)
        cases[u] = (RankingCase){
            .user = u, .relevant = relevant, .relevant_count = 3, .positions = positions[u]};
    RankCases(&job->t.host, m, HistoriesOf(m, &job->data, false), cases, USERS);
}

static void Learn(Job *job)
{
    Model *m = &job->run.model;
    History history;
    Stream stream;

    job->stage = "refresh";
    HistoryInit(&job->t.host, USERS, StreamRecent(m), &history);
    StreamOpen(&job->t.host, m, &history, EVENTS, 1, &stream);
    for (uint32_t n = 0; n < 40; n++)
        StreamEvent(&stream, &(Event){n % USERS, (5 * n) % ITEMS, n, 1}, n % 2 == 0);
    StreamClose(&stream);
}

static void Everything(void *arg)
{
    Job *job = arg;

    TrainSmall(job);
    Serve(job);
    Evaluate(job);
    Learn(job);
}

/* One run from scratch; a checksum of the model that it ended with. */
static Outcome Run(Job *job, size_t fail_at, uint64_t *sum)
{
    Outcome outcome;

    TestHostInit(&job->t);
    job->t.fail_at = fail_at;
    outcome = Attempt(&job->t, Everything, job);
    *sum = 0;
    for (int p = 0; outcome == OUTCOME_DONE && p < job->run.model.parts; p++) {
        const Part *part = &job->run.model.part[p];
        const uint8_t *bytes = (const uint8_t *)part->data;

        for (size_t i = 0; i < PartFloats(part) * sizeof(float); i++)
            *sum = (*sum ^ bytes[i]) * 1099511628211u + 1;
    }
    TestHostEnd(&job->t);
    return outcome;
}

static bool SaysSo(const Job *job)
{
    return job->t.kind == FAIL_RESOURCE && strstr(job->t.message, "memory") != NULL;
}

static void CheckEvery(Job *job)
{
    uint64_t wanted, sum;
    size_t allocations, stopped[4] = {0};
    bool failed = true;
    static const char *const stages[] = {"training", "serving", "evaluation", "refresh"};

    CHECK(Run(job, 0, &wanted) == OUTCOME_DONE, "%s %s, %d threads: runs", job->algorithm->name,
          job->settings, job->threads);
    allocations = job->t.allocations;
    for (size_t n = 1; n <= allocations; n++) {
        failed &= Run(job, n, &sum) == OUTCOME_FAILED && SaysSo(job) && job->t.arena == NULL;
        for (int s = 0; s < 4; s++)
            stopped[s] += strcmp(job->stage, stages[s]) == 0;
    }
    CHECK(failed,
          "each of %zu allocations may fail: %zu of training, %zu of serving, %zu of "
          "evaluation, %zu of refresh",
          allocations, stopped[0], stopped[1], stopped[2], stopped[3]);
    CHECK(stopped[0] > 0 && stopped[1] > 0 && stopped[2] > 0 && stopped[3] > 0,
          "all stages were reached");
    CHECK(Run(job, allocations + 1, &sum) == OUTCOME_DONE && sum == wanted,
          "and afterwards the same model is trained");
}

void TestAllocation(void)
{
    static Job job;

    for (uint32_t i = 0; i < SmallModels(); i++)
        for (int threads = 1; threads <= 2; threads++) {
            job = (Job){
                .algorithm = SmallAlgorithm(i), .settings = SmallSettings(i), .threads = threads};
            CheckEvery(&job);
        }
}
