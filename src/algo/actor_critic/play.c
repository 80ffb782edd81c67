/*
 * play.c: visitors of the simulator meet the policy.
 *
 * Each task plays some visitors; what is drawn for one depends on its session alone, so that
 * threads change nothing.
 */
#include "algo/actor_critic/play.h"

#include <math.h>

#include "core/pool.h"

/* Sessions of a check come first, those of the training are numbered from here on. */
#define TRAINING_SESSIONS ((uint64_t)1 << 32)

/* Visitors of a check at a time. */
#define CHECK_WAVE 64

/* Draws of an item that may be shown, before all are looked at. */
#define TRIES 1000

/* Memory of one task. */
struct PlayWork {
    float *tape;
    float *z;
    float *scores;
    Scored *entries;
    uint32_t *clicked; /* rows x history */
    uint32_t *slates;  /* rows x slate */
    uint32_t *shown;   /* slate: the simulator's items */
    bool *answers;     /* rows x slate */
};

/* What a record begins with; 64-byte aligned, as what follows: the action. */
typedef struct Record {
    float reward;
    uint32_t before, after, shown;
    bool ended;
} __attribute__((aligned(64))) Record;

/* Where the rest of a record lies. */
typedef struct RecordParts {
    Record *head;
    float *action;    /* stride */
    uint32_t *before; /* history */
    uint32_t *after;  /* history */
    uint32_t *slate;  /* slate */
    bool *label;      /* slate */
} RecordParts;

static size_t RecordSize(const Learner *l, uint32_t history)
{
    return sizeof(Record) + l->stride * sizeof(float) +
           (2 * (size_t)history + l->slate) * sizeof(uint32_t) + l->slate;
}

static RecordParts PartsOf(const Play *p, const void *record)
{
    RecordParts parts = {.head = (Record *)(uintptr_t)record};

    parts.action = (float *)(parts.head + 1);
    parts.before = (uint32_t *)(parts.action + p->learner->stride);
    parts.after = parts.before + p->history;
    parts.slate = parts.after + p->history;
    parts.label = (bool *)(parts.slate + p->learner->slate);
    return parts;
}

/* --- memory */

static void TakeWork(Store *store, const Play *p, PlayWork *w)
{
    const Learner *l = p->learner;

    w->tape = StoreTake(store, StateTape(&l->encoder, PLAY_ROWS), sizeof(float));
    w->z = StoreTake(store, PLAY_ROWS * (size_t)l->stride, sizeof(float));
    w->scores = StoreTake(store, PLAY_ROWS * CHOOSE_TILE, sizeof(float));
    w->entries = StoreTake(store, PLAY_ROWS * (size_t)l->slate, sizeof(Scored));
    w->clicked = StoreTake(store, PLAY_ROWS * (size_t)p->history, sizeof(uint32_t));
    w->slates = StoreTake(store, PLAY_ROWS * (size_t)l->slate, sizeof(uint32_t));
    w->shown = StoreTake(store, l->slate, sizeof(uint32_t));
    w->answers = StoreTake(store, PLAY_ROWS * (size_t)l->slate, sizeof(bool));
}

static void MapItems(const PolicyData *data, Play *p)
{
    for (uint32_t i = 0; i < data->simulator->items; i++)
        p->policy_item[i] = NO_ITEM;
    p->all_known = true;
    for (uint32_t i = 0; i < p->learner->items; i++)
        if (data->simulator_item[i] != NO_ITEM)
            p->policy_item[data->simulator_item[i]] = i;
        else
            p->all_known = false;
}

void PlayTake(Store *store, const PolicyData *data, Learner *learner,
              const Environment *environment, Play *play)
{
    const AcOptions *o = learner->options;
    Play *p = play;
    PlayWork counted = {0};

    *p = (Play){.host = store->host,
                .learner = learner,
                .environment = environment,
                .simulator_item = data->simulator_item,
                .rules = SimulatorRules(data->simulator->algorithm, data->simulator->options),
                .history = (uint32_t)o->history,
                .sessions = (uint32_t)o->sessions};
    p->record = (RecordSize(learner, p->history) + 63) / 64 * 64;
    p->policy_item = StoreTake(store, data->simulator->items, sizeof(uint32_t));
    p->visitors = StoreTake(store, (size_t)p->sessions + CHECK_WAVE,
                            VisitorSizeOf(data->simulator, &p->rules));
    p->records = StoreTake(store, p->sessions, p->record);
    p->empty = StoreTake(store, p->sessions, sizeof(bool));
    p->rewards = StoreTake(store, (size_t)o->check_sessions, sizeof(double));
    p->depths = StoreTake(store, (size_t)o->check_sessions, sizeof(uint32_t));
    p->works = (int)((SizeLarger(p->sessions, CHECK_WAVE) + PLAY_ROWS - 1) / PLAY_ROWS);
    p->work = StoreTake(store, (size_t)p->works, sizeof(PlayWork));
    for (int w = 0; w < p->works; w++)
        TakeWork(store, p, p->work != NULL ? &p->work[w] : &counted);
    p->replay = (Replay){.size = p->record,
                         .room = (uint32_t)SizeLarger((size_t)o->buffer, (size_t)o->batch)};
    p->replay.data = StoreTake(store, p->replay.room, p->record);
    if (store->host != NULL)
        MapItems(data, p);
}

/* --- a slate */

static Visitor *TrainingVisitor(const Play *p, uint32_t session)
{
    return VisitorAt(p->environment, p->visitors, session);
}

/* What the policy knows of the visitor's last clicks, oldest first. */
static Clicks KnownClicks(const Play *p, const Visitor *visitor, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t h = visitor->clicks; h > 0 && count < p->history; h--) {
        uint32_t item = p->policy_item[visitor->history[h - 1]];

        if (item != NO_ITEM)
            out[p->history - ++count] = item;
    }
    return (Clicks){out + p->history - count, count};
}

/* As where policies are measured (policy/model_policy.h): what the simulator does not know is not
 * shown, for it would be answered as an average item. */
static bool MaySee(const Play *p, const Visitor *visitor, uint32_t item)
{
    uint32_t known = p->simulator_item[item];

    return known != NO_ITEM && VisitorMaySee(p->environment, visitor, known);
}

/* Visitors of a call of ChooseSlates. */
typedef struct Asked {
    const Play *play;
    Visitor *const *visitor;
} Asked;

static bool MayChooseItem(void *arg, uint32_t row, uint32_t item)
{
    const Asked *asked = arg;

    return MaySee(asked->play, asked->visitor[row], item);
}

/* Hyper-actions of these visitors, into w->z. */
static void Encode(const Play *p, const PlayWork *w, Visitor *const *visitor, uint32_t count)
{
    const Learner *l = p->learner;
    Clicks clicks[PLAY_ROWS];

    for (uint32_t r = 0; r < count; r++)
        clicks[r] = KnownClicks(p, visitor[r], w->clicked + (size_t)r * p->history);
    StateForward(&l->encoder, &l->pack, l->actor.network, l->actor.items, clicks, count, w->tape);
    RealCopy(w->tape, (size_t)count * l->stride, w->z);
}

static void ChooseFor(const Play *p, const PlayWork *w, Visitor *const *visitor, uint32_t count,
                      Random *random, uint32_t *sizes)
{
    const Learner *l = p->learner;
    Asked asked = {p, visitor};
    Choice choice = {.host = p->host,
                     .rows = l->actor.items,
                     .items = l->items,
                     .stride = l->stride,
                     .slate = l->slate,
                     .scores = w->scores,
                     .entries = w->entries,
                     .may = p->rules.no_repeat || !p->all_known ? MayChooseItem : NULL,
                     .arg = &asked};

    ChooseSlates(&choice, w->z, count, random, w->slates, sizes);
}

/* The visitor answers the slate in place r of the work. */
static float Show(const Play *p, const PlayWork *w, uint32_t r, uint32_t size, Visitor *visitor)
{
    const uint32_t *slate = w->slates + (size_t)r * p->learner->slate;

    for (uint32_t i = 0; i < size; i++)
        w->shown[i] = p->simulator_item[slate[i]];
    return VisitorAnswer(p->environment, visitor, w->shown, size,
                         w->answers + (size_t)r * p->learner->slate);
}

/* --- training */

/* Normal noise on the hyper-action, cut off at 1; slates that are drawn need none. */
static void AddNoise(const Play *p, const Visitor *visitor, float *z)
{
    const AcOptions *o = p->learner->options;
    Random random;

    RandomSeed(&random, (uint64_t)o->train.seed, RANDOM_NOISE, 2 * visitor->session, visitor->step);
    for (uint32_t k = 0; k < p->learner->factors; k++)
        z[k] += (float)fmin(fmax(o->noise * RandomNormal(&random), -1), 1);
}

static void Prepare(const Play *p, const PlayWork *w, Visitor *const *visitor, uint32_t count,
                    Random *random)
{
    const Learner *l = p->learner;

    Encode(p, w, visitor, count);
    for (uint32_t r = 0; r < count; r++) {
        if (l->options->noise > 0)
            AddNoise(p, visitor[r], w->z + (size_t)r * l->stride);
        RandomSeed(&random[r], (uint64_t)l->options->train.seed, RANDOM_SLATE, visitor[r]->session,
                   visitor[r]->step);
    }
}

static uint32_t CopyClicks(const Play *p, const Visitor *visitor, uint32_t *out)
{
    uint32_t scratch[MOST_HISTORY];
    Clicks clicks = KnownClicks(p, visitor, scratch);

    memcpy(out, clicks.items, clicks.count * sizeof(uint32_t));
    return clicks.count;
}

/* One visitor's slate and what came of it. */
static void Remember(const Play *p, const PlayWork *w, uint32_t r, uint32_t size, Visitor *visitor,
                     void *record)
{
    const Learner *l = p->learner;
    RecordParts parts = PartsOf(p, record);

    parts.head->before = CopyClicks(p, visitor, parts.before);
    parts.head->shown = size;
    RealCopy(w->z + (size_t)r * l->stride, l->stride, parts.action);
    memcpy(parts.slate, w->slates + (size_t)r * l->slate, size * sizeof(uint32_t));
    parts.head->reward = Show(p, w, r, size, visitor);
    memcpy(parts.label, w->answers + (size_t)r * l->slate, size);
    parts.head->ended = visitor->ended;
    parts.head->after = CopyClicks(p, visitor, parts.after);
}

static void StepTask(void *play, int task, int worker)
{
    Play *p = play;
    const PlayWork *w = &p->work[task];
    uint32_t first = (uint32_t)task * PLAY_ROWS, left = p->sessions - first;
    uint32_t count = left < PLAY_ROWS ? left : PLAY_ROWS, sizes[PLAY_ROWS];
    Visitor *visitor[PLAY_ROWS] = {NULL};
    Random random[PLAY_ROWS];

    (void)worker;
    for (uint32_t r = 0; r < count; r++)
        visitor[r] = TrainingVisitor(p, first + r);
    Prepare(p, w, visitor, count, random);
    ChooseFor(p, w, visitor, count, p->learner->switches->values ? random : NULL, sizes);
    for (uint32_t r = 0; r < count && !HostCancelled(p->host); r++) {
        p->empty[first + r] = sizes[r] == 0;
        if (sizes[r] > 0)
            Remember(p, w, r, sizes[r], visitor[r], p->records + (first + r) * p->record);
    }
}

static void NextVisitor(Play *p, uint32_t session)
{
    VisitorStart(p->environment, TRAINING_SESSIONS + p->next_session++,
                 TrainingVisitor(p, session));
}

void PlayStart(Play *play)
{
    for (uint32_t s = 0; s < play->sessions; s++) {
        NextVisitor(play, s);
        HostPoll(play->host);
    }
}

/* Nothing can be shown where every item was, or where every score is NaN. */
static void CheckSlate(const Play *p, uint32_t session)
{
    if (!p->rules.no_repeat || TrainingVisitor(p, session)->step == 0)
        HostFail(p->host, FAIL_NOT_FINITE, "Lower the learning rates.",
                 "training diverged: the policy is not finite");
}

static void RunTasks(const Play *p, PoolTask task, void *job, uint32_t visitors)
{
    PoolRun(p->host, task, job, (int)((visitors + PLAY_ROWS - 1) / PLAY_ROWS));
    if (HostCancelled(p->host))
        HostAbandon(p->host);
}

void PlayStep(Play *play)
{
    Play *p = play;

    RunTasks(p, StepTask, p, p->sessions);
    for (uint32_t s = 0; s < p->sessions; s++) {
        if (p->empty[s])
            CheckSlate(p, s);
        else
            memcpy(ReplayAdd(&p->replay), p->records + s * p->record, p->record);
        if (p->empty[s] || TrainingVisitor(p, s)->ended)
            NextVisitor(p, s);
        HostPoll(p->host);
    }
    p->step++;
}

static void SetRow(const Play *p, Batch *b, uint32_t row, const void *record)
{
    RecordParts parts = PartsOf(p, record);

    b->before[row] = (Clicks){parts.before, parts.head->before};
    b->after[row] = (Clicks){parts.after, parts.head->after};
    b->slate[row] = (ShownSlate){parts.slate, parts.head->shown};
    b->label[row] = parts.label;
    b->action[row] = parts.action;
    b->reward[row] = parts.head->reward;
    b->ended[row] = parts.head->ended;
}

void PlayBatch(Play *play, uint32_t count, bool newest)
{
    Play *p = play;
    Batch *b = &p->learner->batch;
    uint32_t kept = ReplayCount(&p->replay);
    Random random;

    RandomSeed(&random, (uint64_t)p->learner->options->train.seed, RANDOM_REPLAY, p->step, 0);
    b->count = newest && kept < count ? kept : count;
    for (uint32_t r = 0; r < b->count; r++)
        SetRow(p, b, r, ReplayAt(&p->replay, newest ? r : RandomBelow(&random, kept)));
}

/* --- checks */

typedef struct CheckJob {
    Play *play;
    uint32_t first; /* session of the wave */
    uint32_t count;
    bool by_chance;
} CheckJob;

static bool Has(const uint32_t *slate, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (slate[i] == item)
            return true;
    return false;
}

/* Items at random; fewer where hardly any may be shown. */
static uint32_t RandomSlate(const Play *p, const Visitor *visitor, Random *random, uint32_t *slate)
{
    const Learner *l = p->learner;
    uint32_t count = 0;

    for (int tries = 0; tries < TRIES && count < l->slate; tries++) {
        uint32_t item = RandomBelow(random, l->items);

        if (!Has(slate, count, item) && MaySee(p, visitor, item))
            slate[count++] = item;
    }
    return count;
}

static void ChooseByChance(const Play *p, const PlayWork *w, Visitor *const *visitor,
                           uint32_t count, uint32_t *sizes)
{
    Random random;

    for (uint32_t r = 0; r < count; r++) {
        RandomSeed(&random, (uint64_t)p->learner->options->train.seed, RANDOM_SLATE,
                   visitor[r]->session, visitor[r]->step);
        sizes[r] = RandomSlate(p, visitor[r], &random, w->slates + (size_t)r * p->learner->slate);
    }
}

/* All slates of some visitors; those who have left make room in visitor[]. */
static void PlayOut(const CheckJob *job, const PlayWork *w, Visitor **visitor, uint32_t count)
{
    const Play *p = job->play;
    uint32_t sizes[PLAY_ROWS];

    while (count > 0 && !HostCancelled(p->host)) {
        uint32_t stays = 0;

        if (job->by_chance) {
            ChooseByChance(p, w, visitor, count, sizes);
        } else {
            Encode(p, w, visitor, count);
            ChooseFor(p, w, visitor, count, NULL, sizes);
        }
        for (uint32_t r = 0; r < count; r++) {
            if (sizes[r] > 0)
                Show(p, w, r, sizes[r], visitor[r]);
            if (sizes[r] > 0 && !visitor[r]->ended)
                visitor[stays++] = visitor[r];
        }
        count = stays;
    }
}

static void CheckTask(void *arg, int task, int worker)
{
    const CheckJob *job = arg;
    Play *p = job->play;
    uint32_t first = (uint32_t)task * PLAY_ROWS, left = job->count - first;
    uint32_t count = left < PLAY_ROWS ? left : PLAY_ROWS;
    Visitor *visitor[PLAY_ROWS] = {NULL}, *all[PLAY_ROWS];

    (void)worker;
    for (uint32_t r = 0; r < count; r++) {
        all[r] = visitor[r] = TrainingVisitor(p, p->sessions + first + r);
        VisitorStart(p->environment, job->first + first + r, visitor[r]);
    }
    PlayOut(job, &p->work[task], visitor, count);
    for (uint32_t r = 0; r < count; r++) {
        p->rewards[job->first + first + r] = all[r]->reward;
        p->depths[job->first + first + r] = all[r]->step;
    }
}

Earned PlayCheck(Play *play, bool by_chance)
{
    uint32_t sessions = (uint32_t)play->learner->options->check_sessions;
    CheckJob job = {.play = play, .by_chance = by_chance};
    Earned earned = {0, 0};

    for (; job.first < sessions; job.first += CHECK_WAVE) {
        uint32_t left = sessions - job.first;

        job.count = left < CHECK_WAVE ? left : CHECK_WAVE;
        RunTasks(play, CheckTask, &job, job.count);
    }
    for (uint32_t s = 0; s < sessions; s++) {
        earned.reward += play->rewards[s] / sessions;
        earned.depth += (double)play->depths[s] / sessions;
    }
    return earned;
}
