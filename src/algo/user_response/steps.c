/* steps.c: indexes the log, and chooses what is held out. */
#include "algo/user_response/steps.h"

#include <math.h>

#include "core/random.h"

#define POLL_EVERY    (1 << 18)
#define POLL_SESSIONS 16384
#define POLL_ANSWERS  65536

/* The last steps of sessions are held out if they are at least this part of the share. */
#define ENOUGH 0.5

/* Clicks are at most what was shown. */
size_t StepsMemory(const Slates *log)
{
    size_t steps =
        SizeMultiply((size_t)log->steps + 1, sizeof(uint32_t) + sizeof(uint64_t) + sizeof(bool));

    return SizeAdd(steps, SizeMultiply(log->shown_count, sizeof(uint32_t)));
}

static void CheckLog(const Host *host, const Slates *log)
{
    if (log->steps == 0)
        HostFail(host, FAIL_INVALID, "A log has a row for each slate that was shown.",
                 "there are no slates to learn from");
    if (log->steps >= UINT32_MAX)
        HostFail(host, FAIL_INVALID, "Train on a part of the log.",
                 "%llu steps are more than can be learnt", (unsigned long long)log->steps);
}

static void IndexStep(const Host *host, const Slates *log, uint32_t step, Steps *s)
{
    uint64_t first = log->step[step], end = log->step[step + 1];

    s->before[step] = s->clicks;
    for (uint64_t a = first; a < end; a++) {
        if (log->clicked[a])
            s->click[s->clicks++] = log->shown[a];
        if (a % POLL_ANSWERS == 0)
            HostPoll(host);
    }
    s->largest = end - first > s->largest ? (uint32_t)(end - first) : s->largest;
    s->held[step] = false;
}

void StepsCreate(const Host *host, const Slates *log, Steps *s)
{
    CheckLog(host, log);
    *s = (Steps){.log = log, .count = (uint32_t)log->steps};
    s->session = HostAllocate(host, s->count, sizeof(uint32_t));
    s->before = HostAllocate(host, (size_t)s->count + 1, sizeof(uint64_t));
    s->click = HostAllocate(host, log->shown_count, sizeof(uint32_t));
    s->held = HostAllocate(host, s->count, sizeof(bool));
    for (uint32_t session = 0; session < log->sessions; session++)
        for (uint64_t step = log->session[session]; step < log->session[session + 1]; step++) {
            s->session[step] = session;
            IndexStep(host, log, (uint32_t)step, s);
        }
    s->before[s->count] = s->clicks;
}

void StepsRelease(const Host *host, Steps *s)
{
    HostRelease(host, s->session);
    HostRelease(host, s->before);
    HostRelease(host, s->click);
    HostRelease(host, s->held);
}

/* --- what is held out */

static uint64_t Length(const Slates *log, uint32_t session)
{
    return log->session[session + 1] - log->session[session];
}

/* The last steps of a session, at least one where it is long enough. */
static uint32_t LastSteps(const Slates *log, uint32_t session, double share)
{
    uint64_t length = Length(log, session);
    uint32_t wanted = (uint32_t)floor(share * (double)length + 0.5);

    return length < LEAST_STEPS ? 0 : wanted < 1 ? 1 : wanted;
}

static void HoldSteps(Steps *s, uint64_t first, uint64_t end)
{
    for (uint64_t step = first; step < end; step++) {
        s->held[step] = true;
        s->held_count++;
        s->held_answers += StepAnswers(s, (uint32_t)step);
    }
}

static bool EndsAreEnough(const Host *host, const Steps *s, double share)
{
    uint64_t ends = 0;

    for (uint32_t session = 0; session < s->log->sessions; session++) {
        ends += LastSteps(s->log, session, share);
        if (session % POLL_EVERY == 0)
            HostPoll(host);
    }
    return (double)ends >= ENOUGH * share * s->count;
}

static uint64_t AnswersOf(const Slates *log, uint64_t first, uint64_t end)
{
    return log->step[end] - log->step[first];
}

/* The last steps of a session, unless that is too many answers or leaves nothing. */
static void HoldLast(Steps *s, uint32_t session, uint32_t last, uint64_t most)
{
    uint64_t end = s->log->session[session + 1];

    if (s->held_answers + AnswersOf(s->log, end - last, end) <= most &&
        s->held_count + last < s->count)
        HoldSteps(s, end - last, end);
}

/* Of large logs, so many sessions that half of what is allowed can be expected. */
static double ShareOfSessions(const Steps *s, double share, uint64_t most)
{
    double expected = share * (double)s->log->shown_count, wanted = (double)most / 2;

    return expected > wanted ? wanted / expected : 1;
}

void StepsHoldOut(const Host *host, Steps *s, double share, uint64_t most, uint64_t seed)
{
    bool ends = EndsAreEnough(host, s, share);
    double drawn = ShareOfSessions(s, share, most) * (ends ? 1 : share);
    Random random;

    RandomSeed(&random, seed, RANDOM_HOLDOUT, 0, 0);
    for (uint32_t session = 0; session < s->log->sessions && share > 0; session++) {
        if (RandomUniform(&random) < drawn)
            HoldLast(s, session,
                     ends ? LastSteps(s->log, session, share) : (uint32_t)Length(s->log, session),
                     most);
        if (session % POLL_SESSIONS == 0)
            HostPoll(host);
    }
}
