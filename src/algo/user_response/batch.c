/*
 * batch.c: forward and back through the formula of user_response.h.
 *
 * First every step by itself: z, the log odds of its answers, how each pulls on z, on the mean of
 * the history and on what is known of the session.  Then every row that was touched: the sum of
 * what pulls on it, and its step.
 */
#include "algo/user_response/batch.h"

#include <math.h>
#include <string.h>

#include "algo/learn/optimizer.h"
#include "core/pool.h"

/* Of a task. */
#define TASK_STEPS 16
#define TASK_ROWS  32

#define POLL_EVERY 4096

/* Answers that are grouped between two looks at interrupts. */
#define POLL_ANSWERS 262144

/* Answers of a slate, and entries of a row, between two looks at whether the run is cancelled. */
#define ANSWERS_AT_ONCE 1024

/* --- room */

static uint32_t MostSteps(const ResponseOptions *o, const Slates *log)
{
    return (uint64_t)o->batch_size < log->steps ? (uint32_t)o->batch_size : (uint32_t)log->steps;
}

/* A batch ends with the slate that fills it. */
static uint32_t MostAnswers(const ResponseOptions *o, uint32_t largest)
{
    return (uint32_t)o->batch_size + largest;
}

static uint32_t MostClicks(const ResponseOptions *o, const Slates *log)
{
    return MostSteps(o, log) * (uint32_t)o->history;
}

/* Entries of the largest group. */
static uint32_t MostEntries(uint32_t answers, uint32_t clicks)
{
    return answers > clicks ? answers : clicks;
}

static void LearntCreate(const Host *host, Part part, double decay, Learnt *l)
{
    *l = (Learnt){.part = part, .decay = (float)decay};
    l->state = HostAllocate(host, SizeMultiply(part.rows, part.stride), 2 * sizeof(float));
    l->steps = HostAllocate(host, part.rows, sizeof(uint32_t));
}

static size_t LearntMemory(const Part *part)
{
    size_t row = SizeAdd(SizeMultiply(part->stride, 2 * sizeof(float)), sizeof(uint32_t));

    return SizeMultiply(part->rows, row);
}

/* What is known of the sessions of the log while they are learnt. */
static Part SessionPart(const Model *model, const Slates *log)
{
    Part part = model->part[RESPONSE_RECORD_PART];

    part.name = "session";
    part.rows = log->sessions;
    part.data = NULL;
    return part;
}

static void CreateLearnt(ResponseBatch *b)
{
    const Host *host = b->host;
    const ResponseOptions *o = b->model->options;
    const Part *part = b->model->part;
    Part session = SessionPart(b->model, b->steps->log);

    session.data = HostAllocate(host, SizeMultiply(session.rows, session.stride), sizeof(float));
    LearntCreate(host, part[RESPONSE_ITEM_PART], o->item_regularization, &b->learnt[LEARNT_ITEM]);
    LearntCreate(host, part[RESPONSE_CLICK_PART], o->item_regularization, &b->learnt[LEARNT_CLICK]);
    LearntCreate(host, session, o->session_regularization, &b->learnt[LEARNT_SESSION]);
    LearntCreate(host, part[RESPONSE_MAPPING_PART], o->item_regularization,
                 &b->learnt[LEARNT_MAPPING]);
    LearntCreate(host, part[RESPONSE_CONSTANT_PART], 0, &b->learnt[LEARNT_CONSTANT]);
}

static void CreateRoom(ResponseBatch *b)
{
    const Host *host = b->host;
    size_t steps = b->most_steps, answers = b->most_answers, rows = SizeMultiply(steps, b->stride);
    const Part *mapping = &b->model->part[RESPONSE_MAPPING_PART];

    b->step = HostAllocate(host, steps, sizeof(uint32_t));
    b->first = HostAllocateZero(host, steps + 1, sizeof(uint32_t));
    b->step_of = HostAllocate(host, answers, sizeof(uint32_t));
    b->pull = HostAllocate(host, answers, sizeof(float));
    b->z = HostAllocate(host, rows, sizeof(float));
    b->z_gradient = HostAllocate(host, rows, sizeof(float));
    b->mean = HostAllocate(host, rows, sizeof(float));
    b->mean_gradient = HostAllocate(host, rows, sizeof(float));
    b->loss = HostAllocate(host, steps / TASK_STEPS + 1, sizeof(double));
    b->mapping_gradient = HostAllocate(host, SizeMultiply(mapping->rows, b->stride), sizeof(float));
    b->row = HostAllocate(host, SizeMultiply((size_t)PoolThreads(host), b->stride), sizeof(float));
    b->row_of = HostAllocate(host, MostEntries(b->most_answers, b->most_clicks), sizeof(uint32_t));
    b->click_step = HostAllocate(host, b->most_clicks, sizeof(uint32_t));
}

void ResponseBatchCreate(const Host *host, const Model *model, const Steps *steps, ResponseBatch *b)
{
    const ResponseOptions *o = model->options;

    *b = (ResponseBatch){.host = host, .model = model, .steps = steps};
    b->learning_rate = (float)o->learning_rate;
    b->history = (uint32_t)o->history;
    b->stride = model->part[RESPONSE_ITEM_PART].stride;
    b->most_steps = MostSteps(o, steps->log);
    b->most_answers = MostAnswers(o, steps->largest);
    b->most_clicks = MostClicks(o, steps->log);
    CreateLearnt(b);
    CreateRoom(b);
    RowGroupsCreate(host, model->items, b->most_answers, &b->items);
    RowGroupsCreate(host, model->items, b->most_clicks, &b->clicks);
    RowGroupsCreate(host, steps->log->sessions, b->most_steps, &b->sessions);
    ResponseBatchReset(b);
}

void ResponseBatchRelease(ResponseBatch *b)
{
    HostRelease(b->host, b->learnt[LEARNT_SESSION].part.data);
    for (int l = 0; l < LEARNT_PARTS; l++) {
        HostRelease(b->host, b->learnt[l].state);
        HostRelease(b->host, b->learnt[l].steps);
    }
    HostRelease(b->host, b->step);
    HostRelease(b->host, b->first);
    HostRelease(b->host, b->step_of);
    HostRelease(b->host, b->pull);
    HostRelease(b->host, b->z);
    HostRelease(b->host, b->z_gradient);
    HostRelease(b->host, b->mean);
    HostRelease(b->host, b->mean_gradient);
    HostRelease(b->host, b->loss);
    HostRelease(b->host, b->mapping_gradient);
    HostRelease(b->host, b->row);
    HostRelease(b->host, b->row_of);
    HostRelease(b->host, b->click_step);
    RowGroupsRelease(b->host, &b->items);
    RowGroupsRelease(b->host, &b->clicks);
    RowGroupsRelease(b->host, &b->sessions);
}

static size_t RoomMemory(const Model *model, const Slates *log, uint32_t largest, int threads)
{
    const ResponseOptions *o = model->options;
    size_t stride = model->part[RESPONSE_ITEM_PART].stride, steps = MostSteps(o, log);
    size_t rows = 4 * steps + (size_t)o->factors + (size_t)threads;
    uint32_t answers = MostAnswers(o, largest), clicks = MostClicks(o, log);
    size_t numbers = 2 * (steps + 1) + 2 * (size_t)answers + MostEntries(answers, clicks) + clicks;

    return SizeAdd(SizeMultiply(SizeMultiply(rows, stride), sizeof(float)),
                   numbers * sizeof(uint32_t) + (steps / TASK_STEPS + 1) * sizeof(double));
}

/* The largest slate is not known before the log is looked at: at most all items. */
size_t ResponseBatchMemory(const Model *model, const Slates *log, int threads)
{
    const ResponseOptions *o = model->options;
    uint32_t items = model->items < RESPONSE_MOST_ITEMS ? model->items : RESPONSE_MOST_ITEMS;
    uint32_t largest = log->shown_count < items ? (uint32_t)log->shown_count : items;
    Part session = SessionPart(model, log);
    size_t total = RoomMemory(model, log, largest, threads);

    for (int p = RESPONSE_ITEM_PART; p <= RESPONSE_CONSTANT_PART; p++)
        total = SizeAdd(total, LearntMemory(&model->part[p]));
    total = SizeAdd(total, LearntMemory(&session));
    total = SizeAdd(total, SizeMultiply(PartFloats(&session), sizeof(float)));
    total = SizeAdd(total, RowGroupsMemory(model->items, MostAnswers(o, largest)));
    total = SizeAdd(total, RowGroupsMemory(model->items, MostClicks(o, log)));
    return SizeAdd(total, RowGroupsMemory(log->sessions, MostSteps(o, log)));
}

/* --- what is learnt */

static void ClearFloats(const Host *host, float *values, size_t rows, size_t width)
{
    for (size_t r = 0; r < rows; r++) {
        memset(values + r * width, 0, width * sizeof(float));
        if (r % POLL_EVERY == 0)
            HostPoll(host);
    }
}

void ResponseBatchReset(ResponseBatch *b)
{
    Part *session = &b->learnt[LEARNT_SESSION].part;

    ClearFloats(b->host, session->data, session->rows, session->stride);
    for (int l = 0; l < LEARNT_PARTS; l++) {
        Learnt *learnt = &b->learnt[l];

        ClearFloats(b->host, learnt->state, learnt->part.rows, 2 * (size_t)learnt->part.stride);
        for (uint32_t r = 0; r < learnt->part.rows; r++)
            learnt->steps[r] = 0;
    }
}

/* --- which steps */

static void GroupItems(ResponseBatch *b)
{
    const Slates *log = b->steps->log;

    for (uint32_t s = 0; s < b->count; s++)
        for (uint32_t a = b->first[s]; a < b->first[s + 1]; a++) {
            b->step_of[a] = s;
            b->row_of[a] = log->shown[log->step[b->step[s]] + a - b->first[s]];
            if (a % POLL_ANSWERS == 0)
                HostPoll(b->host);
        }
    RowGroupsClear(&b->items);
    RowGroupsFill(&b->items, b->row_of, b->first[b->count]);
}

/* Entries are clicks first, then the steps that remember them. */
static void GroupClicks(ResponseBatch *b)
{
    uint32_t clicks = 0;

    for (uint32_t s = 0; s < b->count; s++) {
        uint32_t count;
        const uint32_t *history = StepHistory(b->steps, b->step[s], b->history, &count);

        for (uint32_t h = 0; h < count; h++) {
            b->click_step[clicks] = s;
            b->row_of[clicks++] = history[h];
        }
        if (s % POLL_EVERY == 0)
            HostPoll(b->host);
    }
    RowGroupsClear(&b->clicks);
    RowGroupsFill(&b->clicks, b->row_of, clicks);
    for (uint32_t e = 0; e < clicks; e++) {
        b->clicks.entry[e] = b->click_step[b->clicks.entry[e]];
        if (e % POLL_ANSWERS == 0)
            HostPoll(b->host);
    }
}

static void GroupSessions(ResponseBatch *b)
{
    for (uint32_t s = 0; s < b->count; s++)
        b->row_of[s] = b->steps->session[b->step[s]];
    RowGroupsClear(&b->sessions);
    RowGroupsFill(&b->sessions, b->row_of, b->count);
}

uint32_t ResponseBatchTake(ResponseBatch *b, const uint32_t *order, uint32_t left)
{
    uint32_t wanted = (uint32_t)((const ResponseOptions *)b->model->options)->batch_size;

    b->count = 0;
    while (b->count < left && b->count < b->most_steps && b->first[b->count] < wanted) {
        b->step[b->count] = order[b->count];
        b->first[b->count + 1] = b->first[b->count] + StepAnswers(b->steps, order[b->count]);
        b->count++;
    }
    GroupItems(b);
    GroupClicks(b);
    GroupSessions(b);
    return b->count;
}

/* --- forward, and back to z */

static const float *SessionRow(const ResponseBatch *b, uint32_t step)
{
    return PartRow(&b->learnt[LEARNT_SESSION].part, b->steps->session[step]);
}

void ResponseOfStep(const ResponseBatch *b, uint32_t step, float *mean, float *z, float *out)
{
    const Slates *log = b->steps->log;
    const float *session = SessionRow(b, step);
    float constant = session[ResponseFactors(b->model)] + b->learnt[LEARNT_CONSTANT].part.data[0];
    uint32_t count, answers = StepAnswers(b->steps, step);
    const uint32_t *history = StepHistory(b->steps, step, b->history, &count);

    ResponseInterest(b->model, session, history, count, mean, z);
    for (uint32_t first = 0; first < answers && HostGoesOn(b->host, first, ANSWERS_AT_ONCE);
         first += ANSWERS_AT_ONCE) {
        uint32_t left = answers - first, some = left < ANSWERS_AT_ONCE ? left : ANSWERS_AT_ONCE;

        ResponseProducts(b->model, z, log->shown + log->step[step] + first, some, out + first);
        for (uint32_t i = first; i < first + some; i++)
            out[i] += constant;
    }
}

/* Log odds become pulls; returns the answers' losses. */
static double Compare(const Host *host, const bool *clicked, uint32_t count, float scale,
                      float *odds)
{
    double loss = 0;

    for (uint32_t i = 0; i < count && HostGoesOn(host, i, ANSWERS_AT_ONCE); i++) {
        float small = expf(-fabsf(odds[i]));
        float p = odds[i] >= 0 ? 1 / (1 + small) : small / (1 + small);

        loss += fmaxf(clicked[i] ? -odds[i] : odds[i], 0) + log1pf(small);
        odds[i] = scale * (p - (float)clicked[i]);
    }
    return loss;
}

/* The gradient by one row of the history: each has a share of that of the mean. */
static void PullMean(const ResponseBatch *b, const float *z_gradient, uint32_t count,
                     float *gradient)
{
    const Part *mapping = &b->model->part[RESPONSE_MAPPING_PART];

    memset(gradient, 0, b->stride * sizeof(float));
    for (uint32_t k = 0; k < mapping->rows && count > 0; k++)
        AddScaledRow(gradient, PartRow(mapping, k), z_gradient[k] / (float)count, mapping->stride);
}

static double LearnStep(ResponseBatch *b, uint32_t s)
{
    const Slates *log = b->steps->log;
    const Part *item = &b->model->part[RESPONSE_ITEM_PART];
    uint32_t step = b->step[s], answers = b->first[s + 1] - b->first[s], factors, count;
    const uint32_t *shown = log->shown + log->step[step];
    float *pull = b->pull + b->first[s], *gradient = b->z_gradient + (size_t)s * b->stride;
    float sum = 0;
    double loss;

    ResponseOfStep(b, step, b->mean + (size_t)s * b->stride, b->z + (size_t)s * b->stride, pull);
    loss = Compare(b->host, log->clicked + log->step[step], answers,
                   1 / (float)ResponseBatchAnswers(b), pull);
    memset(gradient, 0, b->stride * sizeof(float));
    for (uint32_t i = 0; i < answers && HostGoesOn(b->host, i, ANSWERS_AT_ONCE); i++) {
        AddScaledRow(gradient, PartRow(item, shown[i]), pull[i], b->stride);
        sum += pull[i];
    }
    factors = ResponseFactors(b->model);
    gradient[factors] = sum; /* of c_s: z ends with a constant */
    StepHistory(b->steps, step, b->history, &count);
    PullMean(b, gradient, count, b->mean_gradient + (size_t)s * b->stride);
    return loss;
}

static void LearnSteps(void *arg, int task, int worker)
{
    ResponseBatch *b = arg;
    uint32_t first = (uint32_t)task * TASK_STEPS, end = first + TASK_STEPS;

    (void)worker;
    b->loss[task] = 0;
    for (uint32_t s = first; s < end && s < b->count && !HostCancelled(b->host); s++)
        b->loss[task] += LearnStep(b, s);
}

/* --- rows */

/* `gradient` is of the row's stride. */
static void StepRow(const ResponseBatch *b, int part, uint32_t row, float *gradient)
{
    const Learnt *l = &b->learnt[part];
    uint32_t stride = l->part.stride;
    float *values = PartRow(&l->part, row);

    if (l->gradient != NULL) {
        for (uint32_t k = 0; k < l->part.columns; k++)
            l->gradient[(size_t)row * stride + k] += gradient[k];
        return;
    }
    for (uint32_t k = 0; k < l->part.columns; k++)
        gradient[k] += l->decay * values[k];
    AdamStep(b->learning_rate, values, gradient, l->state + (size_t)row * 2 * stride,
             (float)++l->steps[row], l->part.columns, stride);
}

static void StepItem(const ResponseBatch *b, uint32_t number, float *row)
{
    uint32_t end = b->items.start[number + 1];

    for (uint32_t e = b->items.start[number]; e < end && HostGoesOn(b->host, e, ANSWERS_AT_ONCE);
         e++) {
        uint32_t answer = b->items.entry[e];

        AddScaledRow(row, b->z + (size_t)b->step_of[answer] * b->stride, b->pull[answer],
                     b->stride);
    }
    StepRow(b, LEARNT_ITEM, b->items.row[number], row);
}

static void StepSum(const ResponseBatch *b, int part, const RowGroups *groups, uint32_t number,
                    const float *gradients, float *row)
{
    uint32_t end = groups->start[number + 1];

    for (uint32_t e = groups->start[number]; e < end && HostGoesOn(b->host, e, ANSWERS_AT_ONCE);
         e++)
        AddScaledRow(row, gradients + (size_t)groups->entry[e] * b->stride, 1, b->stride);
    StepRow(b, part, groups->row[number], row);
}

static void StepMapping(ResponseBatch *b)
{
    uint32_t rows = b->model->part[RESPONSE_MAPPING_PART].rows;
    float constant = 0;

    memset(b->mapping_gradient, 0, (size_t)rows * b->stride * sizeof(float));
    for (uint32_t s = 0; s < b->count && HostGoesOn(b->host, s, TASK_STEPS); s++) {
        const float *gradient = b->z_gradient + (size_t)s * b->stride;

        for (uint32_t k = 0; k < rows; k++)
            AddScaledRow(b->mapping_gradient + (size_t)k * b->stride,
                         b->mean + (size_t)s * b->stride, gradient[k], b->stride);
        constant += gradient[rows];
    }
    for (uint32_t k = 0; k < rows; k++)
        StepRow(b, LEARNT_MAPPING, k, b->mapping_gradient + (size_t)k * b->stride);
    StepRow(b, LEARNT_CONSTANT, 0, &constant);
}

static void StepNumber(const ResponseBatch *b, uint32_t n, float *row)
{
    memset(row, 0, b->stride * sizeof(float));
    if (n < b->items.count)
        StepItem(b, n, row);
    else if ((n -= b->items.count) < b->clicks.count)
        StepSum(b, LEARNT_CLICK, &b->clicks, n, b->mean_gradient, row);
    else
        StepSum(b, LEARNT_SESSION, &b->sessions, n - b->clicks.count, b->z_gradient, row);
}

static uint32_t Touched(const ResponseBatch *b)
{
    return b->items.count + b->clicks.count + b->sessions.count;
}

/* The first task is the mapping's. */
static void StepRows(void *arg, int task, int worker)
{
    ResponseBatch *b = arg;
    uint32_t first = ((uint32_t)task - 1) * TASK_ROWS, rows = Touched(b);

    if (task == 0) {
        StepMapping(b);
        return;
    }
    for (uint32_t n = first; n < rows && n < first + TASK_ROWS && HostGoesOn(b->host, n, 1); n++)
        StepNumber(b, n, b->row + (size_t)worker * b->stride);
}

double ResponseBatchLearn(ResponseBatch *b)
{
    int tasks = (int)((b->count + TASK_STEPS - 1) / TASK_STEPS);
    double loss = 0;

    PoolRun(b->host, LearnSteps, b, tasks);
    PoolRun(b->host, StepRows, b, 1 + (int)((Touched(b) + TASK_ROWS - 1) / TASK_ROWS));
    if (HostCancelled(b->host))
        HostAbandon(b->host);
    for (int t = 0; t < tasks; t++)
        loss += b->loss[t];
    return loss;
}
