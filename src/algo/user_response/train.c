/*
 * train.c: epochs until nothing gets better on what is held out, then as many on everything, then
 * the records from which visitors start.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "algo/learn/loop.h"
#include "algo/user_response/measure.h"
#include "core/pool.h"
#include "core/random.h"

/* Epochs in a row without a gain after which no more are tried. */
#define PATIENCE 2

/* Deviation of the rows at the start; A starts as the identity. */
#define START 0.1f

#define POLL_EVERY (1 << 16)

typedef struct Trainer {
    const Host *host;
    Model *model;
    const ResponseOptions *options;
    TrainReport *report;
    Steps steps;
    ResponseBatch batch;
    Measure measure;
    uint32_t *order;   /* of the steps that train */
    uint32_t training; /* their number */
    double start;
    int planned; /* epochs */
    Measurement best;
} Trainer;

static int MostEpochs(const ResponseOptions *o)
{
    return (int)(o->held_out > 0 ? 2 * o->epochs : o->epochs);
}

/* Copies of nothing are kept: the best number of epochs is run again. */
size_t ResponseMemory(const Model *model, const PolicyData *shape, int threads)
{
    const Slates *log = shape->slates;
    size_t total = SizeAdd(StepsMemory(log), ResponseBatchMemory(model, log, threads));

    total = SizeAdd(total, MeasureMemory(model, log, threads));
    total = SizeAdd(total, SizeMultiply(log->steps, sizeof(uint32_t)));
    return SizeAdd(total, SizeMultiply((size_t)MostEpochs(model->options), sizeof(Epoch)));
}

/* --- the start */

static void StartRows(const Trainer *t, int part, RandomPurpose purpose)
{
    const Part *p = &t->model->part[part];
    uint32_t factors = ResponseFactors(t->model);
    Random random;

    for (uint32_t r = 0; r < p->rows; r++) {
        RandomSeed(&random, (uint64_t)t->options->train.seed, purpose, r, (uint64_t)part);
        memset(PartRow(p, r), 0, p->stride * sizeof(float));
        for (uint32_t k = 0; k < factors; k++)
            PartRow(p, r)[k] = START * (float)RandomNormal(&random);
        if (r % 1024 == 0)
            HostPoll(t->host);
    }
}

/* The log odds of a click, of what trains, as if there were a click and a miss more. */
static float UsualOdds(const Trainer *t)
{
    double clicks = 1, misses = 1;

    for (uint32_t i = 0; i < t->training; i++) {
        uint32_t step = t->order[i];
        uint64_t clicked = t->steps.before[step + 1] - t->steps.before[step];

        clicks += (double)clicked;
        misses += (double)(StepAnswers(&t->steps, step) - clicked);
        if (i % POLL_EVERY == 0)
            HostPoll(t->host);
    }
    return (float)log(clicks / misses);
}

static void ListSteps(Trainer *t, bool held_too)
{
    t->training = 0;
    for (uint32_t step = 0; step < t->steps.count; step++) {
        if (held_too || !t->steps.held[step])
            t->order[t->training++] = step;
        if (step % POLL_EVERY == 0)
            HostPoll(t->host);
    }
}

static void StartAnew(Trainer *t, bool held_too)
{
    const Part *mapping = &t->model->part[RESPONSE_MAPPING_PART];

    ListSteps(t, held_too);
    ResponseBatchReset(&t->batch);
    StartRows(t, RESPONSE_ITEM_PART, RANDOM_INIT_ITEM);
    StartRows(t, RESPONSE_CLICK_PART, RANDOM_INIT_ITEM);
    for (uint32_t k = 0; k < mapping->rows; k++) {
        memset(PartRow(mapping, k), 0, mapping->stride * sizeof(float));
        PartRow(mapping, k)[k] = 1;
    }
    t->model->part[RESPONSE_CONSTANT_PART].data[0] = UsualOdds(t);
}

/* --- epochs */

/* Mean loss of an answer. */
static double LearnEpoch(Trainer *t, int number)
{
    double loss = 0, answers = 0;
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_ORDER, (uint64_t)number, 0);
    RandomShufflePolling(t->host, &random, t->order, t->training);
    for (uint32_t done = 0; done < t->training; done += t->batch.count) {
        ResponseBatchTake(&t->batch, t->order + done, t->training - done);
        loss += ResponseBatchLearn(&t->batch);
        answers += ResponseBatchAnswers(&t->batch);
        HostPoll(t->host);
    }
    return loss / answers;
}

static void CheckFinite(const Trainer *t, int number, double loss)
{
    Loop loop = {.host = t->host};

    if (!isfinite(loss))
        HostFail(t->host, FAIL_NOT_FINITE, "Lower the option learning_rate.",
                 "training diverged in epoch %d: the loss is not finite", number);
    for (int l = 0; l < LEARNT_PARTS; l++)
        LoopCheckPart(&loop, &t->batch.learnt[l].part, number);
}

static void Tell(const Trainer *t, const Epoch *epoch)
{
    t->host->progress(t->host->arg, &(Progress){epoch->stage, epoch->epoch, t->planned, epoch->loss,
                                                t->model->algorithm->metrics[0].label,
                                                epoch->metric[0], epoch->seconds});
}

/* Number `e` of its stage; measured, if there is where to. */
static Epoch RunEpoch(Trainer *t, const char *stage, int e, Measurement *measured)
{
    TrainReport *report = t->report;
    Epoch epoch = {
        .epoch = report->epochs + 1, .stage = stage, .metric = {NAN, NAN}, .compared = NAN};
    double start;

    epoch.loss = LearnEpoch(t, e);
    CheckFinite(t, epoch.epoch, epoch.loss);
    start = HostClock();
    if (measured != NULL) {
        *measured = MeasureRun(t->host, &t->measure);
        epoch.metric[0] = measured->auc;
        epoch.metric[1] = measured->slate_auc;
        report->evaluate_seconds += HostClock() - start;
    }
    epoch.seconds = HostClock() - t->start;
    report->history[report->epochs++] = epoch;
    Tell(t, &epoch);
    return epoch;
}

/* Returns the best number of epochs; of answers that are all alike, all of them. */
static int ChooseEpochs(Trainer *t)
{
    int best = 0, most = (int)t->options->epochs;

    t->report->stop_reason = "epochs";
    t->best.auc = -1;
    for (int e = 1; e <= most; e++) {
        Measurement measured;

        RunEpoch(t, "held out", e, &measured);
        if (measured.auc > t->best.auc || best == 0 || isnan(measured.auc)) {
            t->best = measured;
            t->report->best = e - 1;
            best = e;
        } else if (e - best == PATIENCE) {
            t->report->stop_reason = "patience";
            break;
        }
    }
    return best;
}

static void LearnAll(Trainer *t, int epochs)
{
    StartAnew(t, true);
    t->planned = t->report->epochs + epochs;
    for (int e = 1; e <= epochs; e++)
        RunEpoch(t, "all", e, NULL);
}

/* --- what is stored and told */

/* Of what was never shown, or never clicked before a step, nothing was learnt. */
static void ClearUntouched(const Trainer *t, int learnt)
{
    const Learnt *l = &t->batch.learnt[learnt];

    for (uint32_t r = 0; r < l->part.rows; r++) {
        if (l->steps[r] == 0)
            memset(PartRow(&l->part, r), 0, l->part.stride * sizeof(float));
        if (r % POLL_EVERY == 0)
            HostPoll(t->host);
    }
}

static void StoreHistory(const Trainer *t, uint32_t record, uint32_t step)
{
    float *row = PartRow(&t->model->part[RESPONSE_HISTORY_PART], record);
    uint32_t count;
    const uint32_t *history = StepHistory(&t->steps, step, t->batch.history, &count);

    memset(row, 0, t->model->part[RESPONSE_HISTORY_PART].stride * sizeof(float));
    row[0] = (float)count;
    for (uint32_t h = 0; h < count; h++)
        row[1 + h] = (float)history[h];
}

/* Steps spread evenly over the log; where there are fewer than records, some more than once. */
static void StoreRecords(const Trainer *t)
{
    const Part *part = &t->model->part[RESPONSE_RECORD_PART];
    const Part *session = &t->batch.learnt[LEARNT_SESSION].part;
    Random random;
    double offset;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_VISITOR, 0, 0);
    offset = RandomUniform(&random);
    for (uint32_t r = 0; r < part->rows; r++) {
        uint64_t step = (uint64_t)((r + offset) * t->steps.count / part->rows);

        step = step < t->steps.count ? step : t->steps.count - 1;
        memcpy(PartRow(part, r), PartRow(session, t->steps.session[step]),
               part->stride * sizeof(float));
        StoreHistory(t, r, (uint32_t)step);
        if (r % 4096 == 0)
            HostPoll(t->host);
    }
}

static void Report(const Trainer *t)
{
    TrainReport *report = t->report;
    const Measurement *m = &t->best;

    if (t->steps.clicks == 0)
        snprintf(report->warning, sizeof(report->warning),
                 "no item was clicked in the log: visitors will hardly click anything");
    if (t->steps.held_count == 0)
        return;
    memcpy(report->calibration, m->calibration, sizeof(m->calibration));
    report->finding[0] = (Finding){"log_loss", m->log_loss};
    report->finding[1] = (Finding){"log_loss_of_rate", m->rate_log_loss};
    report->finding[2] = (Finding){"click_rate_expected", m->expected};
    report->finding[3] = (Finding){"click_rate_seen", m->seen};
    report->finding[4] = (Finding){"held_out_answers", (double)t->steps.held_answers};
}

static void CheckItems(const Host *host, const Model *model)
{
    if (model->items > RESPONSE_MOST_ITEMS)
        HostFail(host, FAIL_INVALID, "Train on a log with fewer items.",
                 "algorithm \"user_response\" takes at most %u items, not %u", RESPONSE_MOST_ITEMS,
                 model->items);
}

/* --- all of it */

static void Open(Trainer *t, const Slates *log)
{
    const ResponseOptions *o = t->options;

    CheckItems(t->host, t->model);
    StepsCreate(t->host, log, &t->steps);
    if (o->held_out > 0)
        StepsHoldOut(t->host, &t->steps, o->held_out, MEASURE_MOST, (uint64_t)o->train.seed);
    ResponseBatchCreate(t->host, t->model, &t->steps, &t->batch);
    if (t->steps.held_count > 0)
        MeasureCreate(t->host, &t->batch, &t->measure);
    t->order = HostAllocate(t->host, t->steps.count, sizeof(uint32_t));
    t->report->history = HostAllocate(t->host, (size_t)MostEpochs(o), sizeof(Epoch));
    t->report->best = -1;
}

static void Close(Trainer *t)
{
    if (t->steps.held_count > 0)
        MeasureRelease(t->host, &t->measure);
    ResponseBatchRelease(&t->batch);
    StepsRelease(t->host, &t->steps);
    HostRelease(t->host, t->order);
}

void ResponseTrain(const Host *host, const PolicyData *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host,
                 .model = model,
                 .options = model->options,
                 .report = report,
                 .start = HostClock()};
    int epochs = (int)t.options->epochs;

    Open(&t, data->slates);
    report->stop_reason = "epochs";
    t.planned = MostEpochs(t.options);
    if (t.steps.held_count > 0) {
        StartAnew(&t, false);
        epochs = ChooseEpochs(&t);
    }
    LearnAll(&t, epochs);
    if (t.steps.held_count == 0)
        report->best = report->epochs - 1;
    ClearUntouched(&t, LEARNT_ITEM);
    ClearUntouched(&t, LEARNT_CLICK);
    StoreRecords(&t);
    Report(&t);
    Close(&t);
}
