/*
 * rollout.c: waves of visitors, step by step.
 *
 * Where each step is wanted, those of a wave are kept until it has ended, so that they come by
 * session; a wave is as large as some megabytes allow.
 */
#include "algo/policy/rollout.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"

/* Bytes of a wave, unless one visitor takes more. */
#define WAVE_BYTES ((size_t)16 << 20)

#define POLL_EVERY 64

typedef struct KeptStep {
    uint32_t count;
    float reward;
} KeptStep;

typedef struct Wave {
    const Host *host;
    const Rollout *rollout;
    uint32_t room;  /* visitors */
    uint32_t depth; /* steps that are kept of each */
    uint32_t count; /* visitors of this wave */
    void *visitors;
    uint32_t *active; /* numbers of those who have not left */
    uint32_t active_count;
    Slate *slates;   /* of the active ones */
    uint32_t *known; /* room x k: what is shown, as the simulator knows it */
    KeptStep *steps; /* room x depth */
    uint32_t *shown; /* room x depth x k */
    bool *clicked;   /* the same */
    float *propensity;
} Wave;

static uint32_t KeptDepth(const Rollout *r)
{
    return r->step == NULL ? 1 : EnvironmentDepth(r->environment);
}

/* Of one visitor, whose own size is `visitor`, with `depth` steps that are kept. */
static size_t VisitorBytes(size_t visitor, uint32_t depth, uint32_t k)
{
    size_t item = sizeof(uint32_t) + sizeof(bool) + sizeof(float);
    size_t step = SizeAdd(sizeof(KeptStep), SizeMultiply(k, item));
    size_t fixed = visitor + sizeof(uint32_t) + sizeof(Slate);

    fixed = SizeAdd(fixed, SizeMultiply(k, sizeof(uint32_t)));
    return SizeAdd(fixed, SizeMultiply(depth, step));
}

/* Visitors of a wave. */
static uint32_t WaveRoom(size_t visitor_bytes, uint64_t sessions)
{
    size_t fit = WAVE_BYTES / visitor_bytes;
    uint64_t most = sessions < ROLLOUT_WAVE ? sessions : ROLLOUT_WAVE;

    return (uint32_t)(fit < 1 ? 1 : fit < most ? fit : most);
}

static size_t BytesOf(const Rollout *r)
{
    return VisitorBytes(VisitorSize(r->environment), KeptDepth(r), r->k);
}

size_t RolloutMemory(const Rollout *rollout)
{
    size_t visitor = BytesOf(rollout);

    return SizeMultiply(WaveRoom(visitor, rollout->sessions), visitor);
}

size_t RolloutMemoryOf(const Model *simulator, const VisitorRules *rules, uint32_t k,
                       uint64_t sessions)
{
    size_t visitor = VisitorBytes(VisitorSizeOf(simulator, rules), 1, k);

    return SizeMultiply(WaveRoom(visitor, sessions), visitor);
}

static void WaveCreate(const Host *host, const Rollout *r, Wave *w)
{
    size_t steps, items;

    *w = (Wave){.host = host, .rollout = r, .depth = KeptDepth(r)};
    w->room = WaveRoom(BytesOf(r), r->sessions);
    steps = SizeMultiply(w->room, w->depth);
    items = SizeMultiply(steps, r->k);
    w->visitors = HostAllocate(host, w->room, VisitorSize(r->environment));
    w->active = HostAllocate(host, w->room, sizeof(uint32_t));
    w->slates = HostAllocate(host, w->room, sizeof(Slate));
    w->known = HostAllocate(host, SizeMultiply(w->room, r->k), sizeof(uint32_t));
    w->steps = HostAllocate(host, steps, sizeof(KeptStep));
    w->shown = HostAllocate(host, items, sizeof(uint32_t));
    w->clicked = HostAllocate(host, items, sizeof(bool));
    w->propensity = HostAllocate(host, items, sizeof(float));
}

static void WaveRelease(const Wave *w)
{
    HostRelease(w->host, w->visitors);
    HostRelease(w->host, w->active);
    HostRelease(w->host, w->slates);
    HostRelease(w->host, w->known);
    HostRelease(w->host, w->steps);
    HostRelease(w->host, w->shown);
    HostRelease(w->host, w->clicked);
    HostRelease(w->host, w->propensity);
}

static Visitor *VisitorOf(const Wave *w, uint32_t number)
{
    return VisitorAt(w->rollout->environment, w->visitors, number);
}

/* Where a step of a visitor is kept. */
static size_t StepPlace(const Wave *w, uint32_t number, uint32_t step)
{
    return (size_t)number * w->depth + (w->depth == 1 ? 0 : step);
}

/* --- a step */

static void AskFor(Wave *w, uint32_t a)
{
    uint32_t number = w->active[a], k = w->rollout->k;
    Visitor *visitor = VisitorOf(w, number);
    size_t at = StepPlace(w, number, visitor->step) * k;

    w->slates[a] = (Slate){
        .visitor = visitor, .wanted = k, .shown = w->shown + at, .propensity = w->propensity + at};
}

/* What the simulator is shown. */
static const uint32_t *Translate(const Wave *w, const Slate *slate, uint32_t number)
{
    const uint32_t *simulator_item = w->rollout->policy->simulator_item;
    uint32_t *known = w->known + (size_t)number * w->rollout->k;

    if (simulator_item == NULL)
        return slate->shown;
    for (uint32_t i = 0; i < slate->count; i++)
        known[i] = simulator_item[slate->shown[i]];
    return known;
}

static void Answer(const Wave *w, uint32_t a)
{
    const Slate *slate = &w->slates[a];
    uint32_t number = w->active[a];
    Visitor *visitor = VisitorOf(w, number);
    size_t place = StepPlace(w, number, visitor->step);

    w->steps[place].count = slate->count;
    if (slate->count == 0)
        visitor->ended = true;
    else
        w->steps[place].reward =
            VisitorAnswer(w->rollout->environment, visitor, Translate(w, slate, number),
                          slate->count, w->clicked + place * w->rollout->k);
}

static void PlayBatch(void *arg, int task, int worker)
{
    Wave *w = arg;
    const Policy *policy = w->rollout->policy;
    uint32_t first = (uint32_t)task * policy->batch, left = w->active_count - first;
    uint32_t count = left < policy->batch ? left : policy->batch;

    policy->fill(policy->arg, w->slates + first, first, count, worker);
    for (uint32_t i = 0; i < count && !HostCancelled(w->host); i++)
        Answer(w, first + i);
}

static void DropEnded(Wave *w)
{
    uint32_t left = 0;

    for (uint32_t a = 0; a < w->active_count; a++)
        if (!VisitorOf(w, w->active[a])->ended)
            w->active[left++] = w->active[a];
    w->active_count = left;
}

void SlatesCheck(const Host *host, const Slate *slates, uint32_t count)
{
    for (uint32_t s = 0; s < count; s++)
        if (slates[s].undefined)
            HostFail(host, FAIL_NOT_FINITE,
                     "Train the model again, or return to another version with recadv_rollback().",
                     "the model gives scores that are not finite");
}

static void PlayStep(Wave *w)
{
    const Policy *policy = w->rollout->policy;

    for (uint32_t a = 0; a < w->active_count; a++)
        AskFor(w, a);
    if (policy->prepare != NULL)
        policy->prepare(policy->arg, w->slates, w->active_count);
    PoolRun(w->host, PlayBatch, w, (int)((w->active_count + policy->batch - 1) / policy->batch));
    if (HostCancelled(w->host))
        HostAbandon(w->host);
    SlatesCheck(w->host, w->slates, w->active_count);
    DropEnded(w);
}

/* --- a wave */

static void StartVisitors(Wave *w, uint64_t first)
{
    w->active_count = w->count;
    for (uint32_t v = 0; v < w->count; v++) {
        VisitorStart(w->rollout->environment, first + v, VisitorOf(w, v));
        w->active[v] = v;
        if (v % POLL_EVERY == 0)
            HostPoll(w->host);
    }
}

static void TellSteps(const Wave *w, uint32_t number)
{
    const Rollout *r = w->rollout;
    const Visitor *visitor = VisitorOf(w, number);

    for (uint32_t s = 0; s < visitor->step; s++) {
        size_t place = StepPlace(w, number, s);

        r->step(r->arg, &(RolloutStep){visitor->session, s + 1, w->shown + place * r->k,
                                       w->clicked + place * r->k, w->propensity + place * r->k,
                                       w->steps[place].count, w->steps[place].reward,
                                       s + 1 == visitor->step});
        if (s % POLL_EVERY == 0)
            HostPoll(w->host);
    }
}

/* Means and sums of squared deviations, one value after another (Welford 1962). */
typedef struct Moments {
    double mean, square;
} Moments;

static void AddTo(Moments *m, double value, uint64_t count)
{
    double before = value - m->mean;

    m->mean += before / (double)count;
    m->square += before * (value - m->mean);
}

static double Deviation(const Moments *m, uint64_t count)
{
    return count > 1 ? sqrt(m->square / (double)(count - 1)) : 0;
}

static void TellVisitors(const Wave *w, uint64_t before, Moments *reward, Moments *depth)
{
    const Rollout *r = w->rollout;

    for (uint32_t v = 0; v < w->count; v++) {
        const Visitor *visitor = VisitorOf(w, v);

        if (r->step != NULL)
            TellSteps(w, v);
        if (r->session != NULL)
            r->session(r->arg, visitor->session, visitor->reward, visitor->step);
        AddTo(reward, visitor->reward, before + v + 1);
        AddTo(depth, visitor->step, before + v + 1);
    }
}

RolloutResult RolloutRun(const Host *host, const Rollout *rollout)
{
    Wave w;
    Moments reward = {0}, depth = {0};

    WaveCreate(host, rollout, &w);
    for (uint64_t done = 0; done < rollout->sessions; done += w.count) {
        uint64_t left = rollout->sessions - done;

        w.count = left < w.room ? (uint32_t)left : w.room;
        StartVisitors(&w, rollout->first + done);
        while (w.active_count > 0)
            PlayStep(&w);
        TellVisitors(&w, done, &reward, &depth);
    }
    WaveRelease(&w);
    return (RolloutResult){reward.mean, Deviation(&reward, rollout->sessions), depth.mean,
                           Deviation(&depth, rollout->sessions)};
}
