/* log.c: slates of the log, and what was clicked before them. */
#include "algo/actor_critic/log.h"

#include <math.h>

/* Items of slates, and steps, between two looks at interrupts. */
#define POLL_EVERY 65536

/* Shares of sessions that are held out, and fewest sessions of which any is. */
#define HELD_SHARE    0.1
#define FEWEST_LOGGED 50

static uint64_t Chunks(uint64_t shown)
{
    return (shown + MOST_SLATE - 1) / MOST_SLATE;
}

/* A slate and the rest of the longer ones, at most. */
static uint64_t SlateRoom(const Slates *slates)
{
    return slates->steps + slates->shown_count / MOST_SLATE;
}

void LogTake(Store *store, const Slates *slates, Log *log)
{
    *log = (Log){.slates = slates};
    log->clicked = StoreTake(store, slates->shown_count, sizeof(uint32_t));
    log->slate = StoreTake(store, SlateRoom(slates), sizeof(LogSlate));
}

static bool IsHeld(uint64_t seed, uint32_t session)
{
    Random random;

    RandomSeed(&random, seed, RANDOM_HOLDOUT, session, 0);
    return RandomUniform(&random) < HELD_SHARE;
}

/* The slates of a step, to `slate`; returns their number. */
static uint64_t AddStep(const Slates *s, uint64_t step, uint64_t from, uint64_t to, LogSlate *slate)
{
    uint64_t shown = s->step[step + 1] - s->step[step], chunks = Chunks(shown);

    for (uint64_t c = 0; c < chunks; c++) {
        uint64_t left = shown - c * MOST_SLATE;

        slate[c] = (LogSlate){s->step[step] + c * MOST_SLATE, from, to,
                              (uint32_t)(left < MOST_SLATE ? left : MOST_SLATE)};
    }
    return chunks;
}

/* Clicks of a step, appended from `clicks` on; returns where they end. */
static uint64_t AddClicks(Log *log, uint64_t step, uint64_t clicks)
{
    const Slates *s = log->slates;

    for (uint64_t i = s->step[step]; i < s->step[step + 1]; i++)
        if (s->clicked[i])
            log->clicked[clicks++] = s->shown[i];
    return clicks;
}

/* Slates of the sessions that are held out, or of the others, behind what is there. */
static void AddSessions(const Host *host, Log *log, uint64_t seed, bool held)
{
    const Slates *s = log->slates;
    uint64_t clicks = 0, done = 0;

    for (uint32_t session = 0; session < s->sessions; session++) {
        bool wanted = (s->sessions >= FEWEST_LOGGED && IsHeld(seed, session)) == held;
        uint64_t from = clicks;

        for (uint64_t step = s->session[session]; step < s->session[session + 1]; step++) {
            if (wanted)
                log->count += AddStep(s, step, from, clicks, log->slate + log->count);
            clicks = AddClicks(log, step, clicks);
            HostPollAfter(host, &done, s->step[step + 1] - s->step[step], POLL_EVERY);
        }
    }
}

void LogRead(const Host *host, uint64_t seed, Log *log)
{
    AddSessions(host, log, seed, false);
    log->learnt = log->count;
    AddSessions(host, log, seed, true);
}

static void SetRow(const Log *log, uint64_t number, Learner *l, uint32_t row)
{
    const LogSlate *slate = &log->slate[number];
    uint64_t known = slate->to - slate->from, history = (uint64_t)l->options->history;

    known = known < history ? known : history;
    l->batch.before[row] = (Clicks){log->clicked + slate->to - known, (uint32_t)known};
    l->batch.slate[row] = (ShownSlate){log->slates->shown + slate->first, slate->count};
    l->batch.label[row] = log->slates->clicked + slate->first;
}

static uint64_t Below(Random *random, uint64_t count)
{
    return count <= UINT32_MAX ? RandomBelow(random, (uint32_t)count)
                               : (uint64_t)(RandomUniform(random) * (double)count);
}

void LogBatch(const Log *log, Random *random, uint32_t count, bool all, Learner *learner)
{
    learner->batch.count = count;
    for (uint32_t r = 0; r < count; r++)
        SetRow(log, Below(random, all ? log->count : log->learnt), learner, r);
}

void LogHeldBatch(const Log *log, uint64_t first, uint32_t count, Learner *learner)
{
    uint64_t left = log->count - log->learnt - first;

    learner->batch.count = left < count ? (uint32_t)left : count;
    for (uint32_t r = 0; r < learner->batch.count; r++)
        SetRow(log, log->learnt + first + r, learner, r);
}

double LogReward(const Host *host, const Slates *slates)
{
    double sum = 0;

    for (uint64_t step = 0; step < slates->steps; step++) {
        sum += (double)slates->reward[step];
        if (step % POLL_EVERY == 0)
            HostPoll(host);
    }
    return slates->sessions == 0 ? (double)NAN : sum / slates->sessions;
}
