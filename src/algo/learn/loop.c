/*
 * loop.c: runs the epochs of a training, measures now and then, and goes back to the best epoch.
 *
 * Every iterating algorithm calls it from train(); it fills the report from which recadv_history()
 * and the notices of progress are made.
 */
#include "algo/learn/loop.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"

/* Rows of a task, and rows copied between two looks at interrupts: a part can have gigabytes. */
#define ROWS_AT_ONCE 4096

static bool IsLearnt(const Loop *loop, int part)
{
    return (loop->learnt >> part & 1) != 0;
}

size_t LoopMemory(const Model *model, const Interactions *shape, int threads, uint32_t learnt,
                  int64_t epochs)
{
    size_t total = shape == NULL ? 0 : ValidationMemory(model, shape, threads);

    for (int i = 0; i < model->parts && (shape == NULL || shape->held_count > 0); i++)
        if ((learnt >> i & 1) != 0)
            total = SizeAdd(total, SizeMultiply(PartFloats(&model->part[i]), sizeof(float)));
    return SizeAdd(total, SizeMultiply((size_t)epochs, sizeof(Epoch)));
}

static bool Validates(const Loop *loop)
{
    return loop->measure != NULL || loop->validation.count > 0;
}

void LoopOpen(Loop *loop)
{
    loop->start = HostClock();
    loop->report->best = -1;
    if (loop->measure == NULL)
        ValidationPrepare(loop->host, loop->data, &loop->validation);
    for (int i = 0; i < loop->model->parts && Validates(loop); i++)
        if (IsLearnt(loop, i) && loop->measures != MEASURE_AT_END)
            loop->best[i] =
                HostAllocate(loop->host, PartFloats(&loop->model->part[i]), sizeof(float));
    loop->report->history = HostAllocate(loop->host, (size_t)loop->epochs, sizeof(Epoch));
}

void LoopClose(Loop *loop)
{
    ValidationRelease(loop->host, &loop->validation);
    for (int i = 0; i < loop->model->parts; i++)
        HostRelease(loop->host, loop->best[i]);
}

/* --- health */

typedef struct CheckJob {
    const Part *part;
    bool *finite;   /* per task */
    float *largest; /* per task */
} CheckJob;

static void CheckRows(void *arg, int task, int worker)
{
    CheckJob *job = arg;
    uint32_t first = (uint32_t)task * ROWS_AT_ONCE, left = job->part->rows - first;
    const float *row = PartRow(job->part, first);
    size_t count = (size_t)(left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE) * job->part->stride;
    float largest = 0, sum = 0;

    (void)worker;
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(row[i]);

        sum += 0 * size; /* NaN if any value is not finite */
        largest = size > largest ? size : largest;
    }
    job->finite[task] = sum == 0;
    job->largest[task] = largest;
}

float LoopCheckPart(const Loop *loop, const Part *part, int number)
{
    const Host *host = loop->host;
    int tasks = (int)((part->rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE);
    CheckJob job = {part, HostAllocate(host, (size_t)tasks, sizeof(bool)),
                    HostAllocate(host, (size_t)tasks, sizeof(float))};
    bool finite = true;
    float largest = 0;

    PoolRun(host, CheckRows, &job, tasks);
    for (int i = 0; i < tasks; i++) {
        finite &= job.finite[i];
        largest = fmaxf(largest, job.largest[i]);
    }
    HostRelease(host, job.finite);
    HostRelease(host, job.largest);
    if (!finite)
        HostFail(host, FAIL_NOT_FINITE, "Lower the option learning_rate.",
                 "training diverged in epoch %d: part \"%s\" is not finite", number, part->name);
    return largest;
}

static void CheckEpoch(const Loop *loop, int number, double loss)
{
    if (!isfinite(loss))
        HostFail(loop->host, FAIL_NOT_FINITE, "Lower the option learning_rate.",
                 "training diverged in epoch %d: the loss is not finite", number);
    for (int i = 0; i < loop->model->parts; i++)
        if (IsLearnt(loop, i))
            LoopCheckPart(loop, &loop->model->part[i], number);
    if (loop->check != NULL)
        loop->check(loop->trainer, number);
}

bool IsRankable(const Interactions *data)
{
    for (uint32_t user = 0; user < data->users; user++) {
        uint32_t count = TrainingItems(data, user);

        if (count > 0 && count < data->items)
            return true;
    }
    return false;
}

void CheckRankable(const Host *host, const Interactions *data)
{
    if (IsRankable(data))
        return;
    HostFail(host, FAIL_INVALID, "The algorithm popularity needs no such users.",
             "no user lacks any of the %u items: there is nothing to learn a ranking from",
             data->items);
}

bool RowIsZero(const Part *part, size_t row)
{
    const float *values = PartRow(part, row);

    for (uint32_t k = 0; k < part->columns; k++)
        if (values[k] != 0)
            return false;
    return true;
}

bool PartIsZero(const Part *part)
{
    for (uint32_t r = 0; r < part->rows; r++)
        if (!RowIsZero(part, r))
            return false;
    return true;
}

/* --- the best epoch */

static void CopyPart(const Host *host, const Part *part, const float *from, float *to)
{
    for (uint32_t r = 0; r < part->rows; r += ROWS_AT_ONCE) {
        size_t rows = part->rows - r < ROWS_AT_ONCE ? part->rows - r : ROWS_AT_ONCE;
        size_t at = (size_t)r * part->stride;

        memcpy(to + at, from + at, rows * part->stride * sizeof(float));
        HostPoll(host);
    }
}

static void KeepBest(Loop *loop)
{
    loop->kept = true;
    for (int i = 0; i < loop->model->parts; i++)
        if (loop->best[i] != NULL)
            CopyPart(loop->host, &loop->model->part[i], loop->model->part[i].data, loop->best[i]);
}

static void RestoreBest(const Loop *loop)
{
    for (int i = 0; i < loop->model->parts; i++)
        if (loop->best[i] != NULL)
            CopyPart(loop->host, &loop->model->part[i], loop->best[i], loop->model->part[i].data);
}

/* --- epochs */

static void Measure(Loop *loop, Epoch *epoch)
{
    double start = HostClock();

    if (loop->prepare != NULL)
        loop->prepare(loop->trainer);
    if (loop->measure != NULL) {
        loop->measure(loop->trainer, epoch->metric);
    } else {
        ValidationRun(loop->host, loop->model, &loop->validation);
        epoch->metric[0] = loop->validation.ndcg;
        epoch->metric[1] = loop->validation.hr;
        epoch->compared = loop->validation.compared;
    }
    loop->report->evaluate_seconds += HostClock() - start;
}

static void Tell(const Loop *loop, const Epoch *epoch)
{
    const Host *host = loop->host;

    host->progress(host->arg, &(Progress){epoch->stage, epoch->epoch, loop->epochs, epoch->loss,
                                          loop->model->algorithm->metrics[0].label,
                                          epoch->metric[0], epoch->seconds});
}

static Epoch RunEpoch(Loop *loop, const char *stage, bool validate)
{
    TrainReport *report = loop->report;
    Epoch epoch = {
        .epoch = report->epochs + 1, .stage = stage, .metric = {NAN, NAN}, .compared = NAN};
    int number = epoch.epoch - loop->before;

    if (loop->stage != NULL) {
        const char *own = loop->stage(loop->trainer, number);

        epoch.stage = stage != NULL ? stage : own;
    }
    epoch.loss = loop->epoch(loop->trainer, number);
    CheckEpoch(loop, epoch.epoch, epoch.loss);
    if (validate)
        Measure(loop, &epoch);
    epoch.seconds = HostClock() - loop->start;
    report->history[report->epochs++] = epoch;
    Tell(loop, &epoch);
    return epoch;
}

/* The best epochs of a stage so far. */
typedef struct Best {
    double value;
    int stale;   /* validations since */
    double beat; /* what an epoch must be a gain over to be kept */
    int epochs;  /* of the report, up to the best */
} Best;

/* False: patience is at its end. */
static bool Compare(Loop *loop, Best *best, const Epoch *epoch)
{
    const TrainOptions *options = loop->model->options;

    if (isnan(epoch->metric[0]))
        return true;
    if (epoch->metric[0] <= best->value)
        return ++best->stale != options->patience;
    best->value = epoch->metric[0];
    best->stale = 0;
    best->epochs = loop->report->epochs;
    if (IsGain(best->value, best->beat)) {
        loop->report->best = loop->report->epochs - 1;
        KeepBest(loop);
    }
    return true;
}

void LoopRestart(Loop *loop)
{
    loop->before = loop->report->epochs;
}

static bool IsDue(const Loop *loop, int epoch, int epochs)
{
    const TrainOptions *options = loop->model->options;

    return Validates(loop) &&
           (epoch == epochs || loop->measures == MEASURE_ALWAYS ||
            (loop->measures == MEASURE_OFTEN && epoch % options->evaluate_every == 0));
}

Stage LoopStage(Loop *loop, const char *stage, int epochs)
{
    return LoopStageAgainst(loop, stage, epochs, -INFINITY);
}

Stage LoopStageAgainst(Loop *loop, const char *stage, int epochs, double beat)
{
    int before = loop->report->epochs;
    double last = NAN;
    Best best = {.value = -INFINITY, .beat = beat};

    loop->report->stop_reason = "epochs";
    for (int e = 1; e <= epochs; e++) {
        Epoch epoch = RunEpoch(loop, stage, IsDue(loop, e, epochs));

        last = epoch.metric[0];
        if (!Compare(loop, &best, &epoch)) {
            loop->report->stop_reason = "patience";
            break;
        }
    }
    if (loop->kept)
        RestoreBest(loop);
    else
        loop->report->best = loop->report->epochs - 1;
    return (Stage){isinf(best.value) ? -1 : best.value, last,
                   (loop->kept ? best.epochs : loop->report->epochs) - before};
}

void LoopLearnAll(Loop *loop, const char *name, int epochs)
{
    for (int e = 1; e <= epochs; e++)
        RunEpoch(loop, name, false);
}
