/* measure.c: odds of the answers that are held out, their order, and their probabilities. */
#include "algo/user_response/measure.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"

#define TASK_STEPS 64
#define POLL_EVERY (1 << 18)

/* Answers whose losses are added up between two looks at interrupts. */
#define POLL_ANSWERS 65536

/* Keys that are sorted by insertion. */
#define FEW_KEYS 64

/* A pass of the sort looks at so many bits; three passes see 32 of odds and one of the answer. */
#define DIGIT_BITS 11
#define DIGITS     (1u << DIGIT_BITS)

/* --- room */

void MeasureCreate(const Host *host, const ResponseBatch *batch, Measure *m)
{
    const Steps *steps = batch->steps;

    *m = (Measure){.batch = batch};
    m->step = HostAllocate(host, steps->held_count, sizeof(uint32_t));
    m->first = HostAllocate(host, (size_t)steps->held_count + 1, sizeof(uint64_t));
    m->odds = HostAllocate(host, steps->held_answers, sizeof(float));
    m->key = HostAllocate(host, steps->held_answers, sizeof(uint64_t));
    m->other = HostAllocate(host, steps->held_answers, sizeof(uint64_t));
    m->row = HostAllocate(host, 2 * (size_t)PoolThreads(host) * batch->stride, sizeof(float));
    m->first[0] = 0;
    for (uint32_t step = 0; step < steps->count; step++) {
        if (step % POLL_EVERY == 0)
            HostPoll(host);
        if (!steps->held[step])
            continue;
        m->step[m->count] = step;
        m->first[m->count + 1] = m->first[m->count] + StepAnswers(steps, step);
        m->count++;
    }
}

void MeasureRelease(const Host *host, Measure *m)
{
    HostRelease(host, m->step);
    HostRelease(host, m->first);
    HostRelease(host, m->odds);
    HostRelease(host, m->key);
    HostRelease(host, m->other);
    HostRelease(host, m->row);
}

/* What is held out is not known before the log is looked at: a step has an answer at least. */
size_t MeasureMemory(const Model *model, const Slates *log, int threads)
{
    const ResponseOptions *o = model->options;
    uint64_t most = log->shown_count < MEASURE_MOST ? log->shown_count : MEASURE_MOST;
    size_t answers = SizeMultiply(most, sizeof(float) + 2 * sizeof(uint64_t));
    size_t steps = SizeMultiply(most + 1, sizeof(uint32_t) + sizeof(uint64_t));
    size_t rows = SizeMultiply(2 * (size_t)threads, model->part[RESPONSE_ITEM_PART].stride);

    return o->held_out > 0 ? SizeAdd(SizeAdd(answers, steps), SizeMultiply(rows, sizeof(float)))
                           : 0;
}

/* --- order */

/* A float's bits, so that they order as numbers do. */
uint64_t AucKey(float odds, bool clicked)
{
    uint32_t bits;

    odds += 0.0f; /* no negative zero */
    memcpy(&bits, &odds, sizeof(bits));
    bits = bits >> 31 != 0 ? ~bits : bits | 1u << 31;
    return (uint64_t)bits << 1 | clicked;
}

static void InsertionSort(uint64_t *key, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        uint64_t moving = key[i], at = i;

        for (; at > 0 && key[at - 1] > moving; at--)
            key[at] = key[at - 1];
        key[at] = moving;
    }
}

/* By one digit, stably. */
static void SortDigit(const Host *host, const uint64_t *from, uint64_t *to, uint64_t count,
                      int shift)
{
    uint64_t place[DIGITS + 1] = {0};

    for (uint64_t i = 0; i < count; i++) {
        place[(from[i] >> shift & (DIGITS - 1)) + 1]++;
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    for (uint32_t d = 0; d < DIGITS; d++)
        place[d + 1] += place[d];
    for (uint64_t i = 0; i < count; i++) {
        to[place[from[i] >> shift & (DIGITS - 1)]++] = from[i];
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
}

/* The array that is sorted. */
static const uint64_t *SortKeys(const Host *host, uint64_t *key, uint64_t *other, uint64_t count)
{
    if (count <= FEW_KEYS) {
        InsertionSort(key, count);
        return key;
    }
    SortDigit(host, key, other, count, 0);
    SortDigit(host, other, key, count, DIGIT_BITS);
    SortDigit(host, key, other, count, 2 * DIGIT_BITS);
    return other;
}

double Auc(const Host *host, uint64_t *key, uint64_t *other, uint64_t count)
{
    const uint64_t *sorted = SortKeys(host, key, other, count);
    double misses = 0, clicks = 0, ordered = 0;

    for (uint64_t i = 0; i < count;) {
        double tied[2] = {0, 0};
        uint64_t odds = sorted[i] >> 1;

        for (; i < count && sorted[i] >> 1 == odds; i++)
            tied[sorted[i] & 1]++;
        ordered += tied[1] * (misses + tied[0] / 2);
        misses += tied[0];
        clicks += tied[1];
    }
    return misses > 0 && clicks > 0 ? ordered / (misses * clicks) : NAN;
}

/* --- measuring */

static void ScoreSteps(void *arg, int task, int worker)
{
    const Measure *m = arg;
    uint32_t first = (uint32_t)task * TASK_STEPS, stride = m->batch->stride;
    float *row = m->row + 2 * (size_t)worker * stride;

    for (uint32_t s = first;
         s < m->count && s < first + TASK_STEPS && HostGoesOn(m->batch->host, s, 1); s++)
        ResponseOfStep(m->batch, m->step[s], row, row + stride, m->odds + m->first[s]);
}

static void AddAnswer(Measurement *sum, float odds, bool clicked)
{
    double p = 1 / (1 + exp(-(double)odds));
    int bin = (int)(p * CALIBRATION_BINS);
    CalibrationBin *of = &sum->calibration[bin < CALIBRATION_BINS ? bin : CALIBRATION_BINS - 1];

    of->answers++;
    of->expected += p;
    of->seen += clicked;
    sum->expected += p;
    sum->seen += clicked;
    sum->log_loss += fmax(clicked ? -odds : odds, 0) + log1p(exp(-fabs(odds)));
}

static double Entropy(double p)
{
    return p > 0 && p < 1 ? -p * log(p) - (1 - p) * log(1 - p) : 0;
}

/* Sums become means. */
static void Divide(Measurement *m, double answers)
{
    for (int b = 0; b < CALIBRATION_BINS; b++) {
        CalibrationBin *bin = &m->calibration[b];

        bin->expected /= bin->answers > 0 ? (double)bin->answers : 1;
        bin->seen /= bin->answers > 0 ? (double)bin->answers : 1;
    }
    m->log_loss /= answers;
    m->expected /= answers;
    m->seen /= answers;
    m->rate_log_loss = Entropy(m->seen);
}

/* Answers of a step: keys, sums; its own AUC. */
static double AddStep(const Host *host, const Measure *m, uint32_t s, Measurement *sum)
{
    const Slates *log = m->batch->steps->log;
    const bool *clicked = log->clicked + log->step[m->step[s]];
    uint64_t first = m->first[s], count = m->first[s + 1] - first;

    for (uint64_t i = 0; i < count; i++) {
        m->key[first + i] = AucKey(m->odds[first + i], clicked[i]);
        AddAnswer(sum, m->odds[first + i], clicked[i]);
        if ((first + i) % POLL_ANSWERS == 0)
            HostPoll(host);
    }
    return Auc(host, m->key + first, m->other + first, count);
}

Measurement MeasureRun(const Host *host, Measure *m)
{
    Measurement result = {0};
    double sum = 0, slates = 0;
    uint64_t answers = m->first[m->count];

    PoolRun(host, ScoreSteps, m, (int)((m->count + TASK_STEPS - 1) / TASK_STEPS));
    if (HostCancelled(host))
        HostAbandon(host);
    for (uint32_t s = 0; s < m->count; s++) {
        double auc = AddStep(host, m, s, &result);

        sum += isnan(auc) ? 0 : auc;
        slates += !isnan(auc);
        if (s % TASK_STEPS == 0)
            HostPoll(host);
    }
    result.auc = Auc(host, m->key, m->other, answers);
    result.slate_auc = slates > 0 ? sum / slates : NAN;
    Divide(&result, (double)answers);
    return result;
}
