/* train.c: the visitors learn from the log, then the agent does, then both from their sessions. */
#include <math.h>
#include <stdio.h>

#include "algo/irecgan/check.h"
#include "algo/irecgan/play.h"
#include "algo/learn/loop.h"
#include "core/blas.h"
#include "core/pool.h"

/* Epochs without a gain that end the search for their number, and the share of those that are
 * allowed where nothing is held out. */
#define STALE           2
#define UNCHECKED_SHARE 0.5

/* Of the log's mean length, by how much that of simulated sessions may be off. */
#define MOST_OFF 0.15

/* What the report has beside the epochs; lengths and accuracy only where sessions are simulated. */
enum { HELD_USER_LOSS, HELD_RETURN, HELD_LIKELIHOOD, LOGGED_LENGTH, SIMULATED_LENGTH, ACCURACY };

typedef enum Phase { USER_PHASE, AGENT_PHASE, JUDGE_PHASE } Phase;

typedef struct Trainer {
    const Host *host;
    const PolicyData *data;
    Model *model;
    const IrecganOptions *options;
    TrainReport *report;
    Store store;
    Learner learner;
    Sessions sessions;
    Play play;
    Check check;
    uint32_t *order;
    const Episode **batch;
    Phase phase;
    uint64_t from, to; /* episodes that this phase learns: those of the log, then of the pool */
    uint64_t epochs;   /* of all phases, which name their chance */
    int left;          /* epochs of the stage */
    bool searching;    /* for a number of epochs */
    bool checked;      /* is the epoch one after which the agent may stay as it is? */
    Preference held;   /* of the best epoch of the search for the agent's */
    double accuracy;   /* of the discriminator, in its last epoch */
} Trainer;

static int64_t Epochs(const IrecganOptions *o)
{
    return 2 * o->user_epochs + 2 * o->epochs + (o->discriminator ? o->discriminator_epochs : 0) +
           o->rounds;
}

/* --- memory */

static bool Plays(const IrecganOptions *o)
{
    return o->rounds > 0;
}

/* Of a batch: of the log, or of what is simulated. */
static BatchShape ShapeOf(const IrecganOptions *o, const SessionsShape *log, const Slates *slates,
                          uint32_t items)
{
    uint64_t simulated = (uint64_t)o->history * PlaySlate(o, slates, items);

    if (!Plays(o))
        return (BatchShape){log->longest > 0 ? log->longest : 1, log->shown};
    return (BatchShape){(uint32_t)o->history, log->shown > simulated ? log->shown : simulated};
}

static void Take(Trainer *t, int threads)
{
    const IrecganOptions *o = t->options;
    const Slates *slates = t->data->slates;
    SessionsShape log = SessionsMeasure(t->store.host, slates, (uint32_t)o->history);
    BatchShape batch = ShapeOf(o, &log, slates, t->model->items);

    SessionsTake(&t->store, slates, &log, &t->sessions);
    t->batch = StoreTake(&t->store, (size_t)o->batch, sizeof(*t->batch));
    IrLearnerTake(&t->store, t->model, &batch, threads, &t->learner);
    if (Plays(o))
        IrPlayTake(&t->store, &t->learner, slates, log.answers, threads, &t->play);
    t->order = StoreTake(&t->store, log.episodes + t->play.pool.room, sizeof(uint32_t));
    t->check = (Check){.host = t->host,
                       .data = t->data,
                       .model = t->model,
                       .slate = PlaySlate(o, slates, t->model->items)};
}

#define LEARNT_PARTS                                                                               \
    (LEARNT(IR_ITEM_PART) | LEARNT(IR_CLICK_PART) | LEARNT(IR_NETWORK_PART) |                      \
     LEARNT(IR_USER_ITEM_PART) | LEARNT(IR_USER_NETWORK_PART))

static size_t ProductMemory(const Model *model, int threads)
{
    size_t query = model->part[IR_ITEM_PART].stride;

    return SizeMultiply((size_t)threads, BlasMemory(SLICE_ROWS * MOST_STEPS, model->items, query));
}

size_t IrecganMemory(const Model *model, const PolicyData *shape, int threads)
{
    Model counted = *model;
    Trainer t = {.data = shape, .model = &counted, .options = model->options};

    Take(&t, threads);
    return SizeAdd(
        SizeAdd(t.store.bytes, ProductMemory(model, threads)),
        SizeAdd(IrCheckMemory(&t.check, threads),
                LoopMemory(model, NULL, threads, shape->simulator != NULL ? LEARNT_PARTS : 0,
                           Epochs(model->options))));
}

/* --- epochs */

static const Episode *EpisodeAt(const Trainer *t, uint64_t number)
{
    return number < t->sessions.count ? &t->sessions.episode[number]
                                      : &t->play.pool.episode[number - t->sessions.count];
}

/* In random order; returns how many. */
static uint64_t Order(Trainer *t, Random *random, uint64_t from, uint64_t to)
{
    for (uint64_t e = from; e < to; e++)
        t->order[e - from] = (uint32_t)e;
    RandomShufflePolling(t->host, random, t->order, (uint32_t)(to - from));
    return to - from;
}

/* As many of the log as of the pool, at random. */
static uint64_t OrderHalves(Trainer *t, Random *random)
{
    uint64_t log = t->sessions.count, pool = PoolCount(&t->play.pool);
    uint64_t half = log < pool ? log : pool;

    Order(t, random, 0, log);
    for (uint64_t e = 0; e < half; e++)
        t->order[half + e] = (uint32_t)(log + pool - 1 - e);
    RandomShufflePolling(t->host, random, t->order, (uint32_t)(2 * half));
    return 2 * half;
}

static uint64_t Shuffle(Trainer *t)
{
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_ORDER, t->epochs, 0);
    return t->phase == JUDGE_PHASE ? OrderHalves(t, &random) : Order(t, &random, t->from, t->to);
}

/* A batch of those that are left of `all` from the shuffle's place `first` on. */
static uint32_t BatchAt(Trainer *t, uint64_t all, uint64_t first)
{
    uint64_t left = all - first, most = (uint64_t)t->options->batch;
    uint32_t count = (uint32_t)(left < most ? left : most);

    for (uint32_t b = 0; b < count; b++)
        t->batch[b] = EpisodeAt(t, t->order[first + b]);
    return count;
}

static double LearnBatch(Trainer *t, uint32_t count, uint64_t first, double *right)
{
    Random random;
    double loss = 0;

    switch (t->phase) {
    case USER_PHASE:
        return LearnUser(&t->learner, t->batch, count);
    case AGENT_PHASE:
        RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_BATCH, t->epochs, first);
        return LearnAgent(&t->learner, t->batch, count, &random);
    case JUDGE_PHASE:
        *right += LearnJudge(&t->learner, t->batch, count, &loss);
    }
    return loss;
}

/* The mean loss of an answer; of the discriminator of a session. */
static double LearnEpoch(Trainer *t, Phase phase, uint64_t from, uint64_t to)
{
    double loss = 0, answers = 0, right = 0;
    uint64_t all;

    t->phase = phase;
    t->from = from;
    t->to = to;
    all = Shuffle(t);
    t->epochs++;
    for (uint64_t first = 0; first < all; first += (uint64_t)t->options->batch) {
        uint32_t count = BatchAt(t, all, first);

        loss += LearnBatch(t, count, first, &right);
        answers += t->phase == JUDGE_PHASE ? count : BatchAnswers(t->batch, count);
        HostPoll(t->host);
    }
    if (t->phase == JUDGE_PHASE)
        t->accuracy = right / answers;
    return answers > 0 ? loss / answers : 0;
}

/* What the visitors of a simulator give the agent, where there are any and it is time to ask. */
static void Measure(void *trainer, double *metric)
{
    const Trainer *t = trainer;
    RolloutResult result = {.reward = (double)NAN, .depth = (double)NAN};

    if (t->check.environment != NULL && t->checked)
        result = IrCheckRun(&t->check, false);
    metric[0] = result.reward;
    metric[1] = result.depth;
}

static bool Holds(const Trainer *t)
{
    return t->sessions.learnt > 0 && t->sessions.learnt < t->sessions.count;
}

static bool HasClicks(const Trainer *t, uint64_t from, uint64_t to)
{
    Gains gains = {0};

    AddGains(t->host, t->sessions.episode + from, to - from, &gains);
    return gains.clicks > 0;
}

/* Without a click on either side nothing tells one number of epochs of the agent from another. */
static bool HoldsClicks(const Trainer *t)
{
    return Holds(t) && HasClicks(t, 0, t->sessions.learnt) &&
           HasClicks(t, t->sessions.learnt, t->sessions.count);
}

/* The next of what is held out, from episode `first` on. */
static uint32_t HeldAt(Trainer *t, uint64_t first)
{
    uint64_t left = t->sessions.count - first, most = (uint64_t)t->options->batch;
    uint32_t count = (uint32_t)(left < most ? left : most);

    for (uint32_t b = 0; b < count; b++)
        t->batch[b] = EpisodeAt(t, first + b);
    return count;
}

/* --- visitors */

/* The mean of an answer. */
static double HeldUserLoss(Trainer *t)
{
    double loss = 0, answers = 0;
    uint32_t count;

    for (uint64_t first = t->sessions.learnt; first < t->sessions.count; first += count) {
        count = HeldAt(t, first);
        loss += UserLoss(&t->learner, t->batch, count);
        answers += BatchAnswers(t->batch, count);
        HostPoll(t->host);
    }
    return loss / answers;
}

/* An epoch of a stage that learns one network from the log. */
static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;
    double loss = LearnEpoch(t, t->phase, 0, t->to);

    (void)number;
    t->checked = t->phase == AGENT_PHASE && --t->left == 0 && !t->searching;
    return loss;
}

static void RunStage(Trainer *t, Loop *loop, const char *stage, int epochs, uint64_t to)
{
    t->to = to;
    t->left = epochs;
    LoopStage(loop, stage, epochs);
}

/* The number of epochs, up to `most`, by which what is held out is told best. */
static int Search(Trainer *t, Loop *loop, const char *stage, int64_t most,
                  double (*held)(Trainer *t), double *least)
{
    int best = 0;

    *least = INFINITY;
    for (int e = 1, stale = 0; e <= most && stale < STALE; e++, stale++) {
        double loss;

        RunStage(t, loop, stage, 1, t->sessions.learnt);
        loss = held(t);
        if (!(loss < *least))
            continue;
        *least = loss;
        best = e;
        stale = -1;
    }
    return best;
}

/* Returns the least held-out loss; NaN without one. */
static double LearnVisitors(Trainer *t, Loop *loop)
{
    double least = (double)NAN;
    int epochs = (int)ceil(UNCHECKED_SHARE * (double)t->options->user_epochs);

    t->phase = USER_PHASE;
    IrStartUser(&t->learner, (uint64_t)t->options->train.seed);
    if (Holds(t)) {
        epochs = Search(t, loop, "user search", t->options->user_epochs, HeldUserLoss, &least);
        IrStartUser(&t->learner, (uint64_t)t->options->train.seed);
    }
    RunStage(t, loop, "user", epochs, t->sessions.count);
    return least;
}

/* --- the agent */

static float BaselineOf(const Trainer *t, const Episode *episodes, uint64_t count)
{
    Gains gains = {0};

    AddGains(t->host, episodes, count, &gains);
    return gains.clicks == 0 ? 0 : (float)(t->options->baseline * gains.sum / (double)gains.clicks);
}

/* Simulated sessions are compared with each other: they are those of another policy, and what the
 * discriminator leaves of their gains would be little beside the log's. */
static void SetBaseline(Trainer *t)
{
    t->learner.baseline[0] = BaselineOf(t, t->sessions.episode, t->sessions.count);
    t->learner.baseline[1] = BaselineOf(t, t->play.pool.episode, PoolCount(&t->play.pool));
}

static double HeldAgentLoss(Trainer *t)
{
    Preference sum = {0};
    uint32_t count;

    for (uint64_t first = t->sessions.learnt; first < t->sessions.count; first += count) {
        count = HeldAt(t, first);
        AgentPreference(&t->learner, t->batch, count, &sum);
        HostPoll(t->host);
    }
    t->held = sum;
    return sum.loss / sum.clicks;
}

/* Returns what the visitors of a simulator give it; -infinity without them. */
static double LearnPolicy(Trainer *t, Loop *loop)
{
    double least;
    int epochs = (int)t->options->epochs;

    t->phase = AGENT_PHASE;
    SetBaseline(t);
    IrStartAgent(&t->learner, (uint64_t)t->options->train.seed);
    if (HoldsClicks(t)) {
        t->searching = true;
        epochs = Search(t, loop, "agent search", epochs, HeldAgentLoss, &least);
        t->searching = false;
        IrStartAgent(&t->learner, (uint64_t)t->options->train.seed);
    }
    RunStage(t, loop, "agent", epochs, t->sessions.count);
    return loop->kept ? loop->report->history[loop->report->best].metric[0] : -INFINITY;
}

/* --- simulated sessions */

/* The visitors stay as long as those of the log; otherwise the report says that they do not. */
static bool AreAlike(Trainer *t)
{
    double logged = MeanLength(t->host, &t->sessions), simulated = PlayByLog(&t->play);
    Finding *f = t->report->finding;

    f[LOGGED_LENGTH] = (Finding){"logged_length", logged};
    f[SIMULATED_LENGTH] = (Finding){"simulated_length", simulated};
    if (fabs(simulated - logged) <= MOST_OFF * logged)
        return true;
    snprintf(t->report->warning, sizeof(t->report->warning),
             "simulated sessions have %.2f answers, those of the log %.2f: nothing is learnt from "
             "them, but from the log alone",
             simulated, logged);
    return false;
}

static uint64_t LogEnd(const Trainer *t)
{
    return t->sessions.count;
}

static uint64_t PoolEnd(const Trainer *t)
{
    return t->sessions.count + PoolCount(&t->play.pool);
}

/* Visitors learn from what looks real, then from what is. */
static void LearnVisitorsAgain(Trainer *t)
{
    LearnEpoch(t, USER_PHASE, LogEnd(t), PoolEnd(t));
    LearnEpoch(t, USER_PHASE, 0, LogEnd(t));
}

/* One round; the loss of the agent. */
static double RunRound(void *trainer, int number)
{
    Trainer *t = trainer;
    const IrecganOptions *o = t->options;
    double loss;

    (void)number;
    PlayWithAgent(&t->play, (uint32_t)o->sessions, o->discriminator);
    SetBaseline(t);
    loss = LearnEpoch(t, AGENT_PHASE, 0, PoolEnd(t));
    t->checked = true;
    if (!o->discriminator)
        return loss;
    LearnVisitorsAgain(t);
    for (int64_t e = 0; e < o->discriminator_epochs; e++)
        LearnEpoch(t, JUDGE_PHASE, 0, PoolEnd(t));
    return loss;
}

static void StartDiscriminator(Trainer *t, Loop *loop)
{
    t->phase = JUDGE_PHASE;
    IrStartJudge(&t->learner, (uint64_t)t->options->train.seed);
    PlayWithAgent(&t->play, (uint32_t)t->options->sessions, false);
    RunStage(t, loop, "discriminator", (int)t->options->discriminator_epochs, PoolEnd(t));
}

/* A round stays where it is a gain over `before`, what the log alone has earned. */
static void LearnFromVisitors(Trainer *t, Loop *loop, double before)
{
    if (!Plays(t->options))
        return;
    PlayReadLog(&t->play, &t->sessions);
    if (!AreAlike(t))
        return;
    if (t->options->discriminator)
        StartDiscriminator(t, loop);
    loop->epoch = RunRound;
    LoopStageAgainst(loop, "round", (int)t->options->rounds, before);
}

/* --- training */

static void CheckData(const Trainer *t)
{
    if (t->data->slates->shown_count == 0 || t->model->items == 0)
        HostFail(t->host, FAIL_INVALID, "Look at the log.", "the log has shown nothing");
    if (t->options->discriminator && !Plays(t->options))
        HostFail(t->host, FAIL_INVALID, "Set rounds to at least 1, or leave discriminator out.",
                 "a discriminator judges simulated sessions, and rounds = 0 makes none");
}

static void CheckClicks(const Trainer *t)
{
    if (!HasClicks(t, 0, t->sessions.count))
        HostFail(t->host, FAIL_INVALID, "Look at the log: is the column of clicks the right one?",
                 "nothing was clicked in the log: there are no returns to learn from");
}

static void ReadLog(Trainer *t)
{
    const IrecganOptions *o = t->options;

    t->play.worth = (Worth){(float)o->click_weight, (float)o->reward_weight, (float)o->gamma};
    SessionsRead(t->host, (uint64_t)o->train.seed, (uint32_t)o->history, &t->sessions);
    SessionsEarn(t->host, &t->play.worth, &t->sessions);
    CheckClicks(t);
    t->learner.user_losses.buys = t->learner.judge_net.buys = t->sessions.buys;
    CandidatesSet(&t->learner, t->model->part[POPULARITY_PART].data);
}

/* What the policy prefers within the slates of held-out sessions, and what that has earned. */
static void ReportHeld(Trainer *t)
{
    const Preference *held = &t->held;
    bool known = held->clicks > 0;

    t->report->finding[HELD_RETURN] =
        (Finding){"held_return", known ? held->earned / held->share : (double)NAN};
    t->report->finding[HELD_LIKELIHOOD] =
        (Finding){"held_likelihood", known ? exp(held->likelihood / held->clicks) : (double)NAN};
}

/* Who trains a policy should not take it for a good one because it is trained. */
static void WarnOfChance(Trainer *t)
{
    const TrainReport *r = t->report;
    double chance;

    if (t->check.environment == NULL || r->best < 0 || t->report->warning[0] != 0)
        return;
    chance = IrCheckRun(&t->check, true).reward;
    if (r->history[r->best].metric[0] <= chance)
        snprintf(t->report->warning, sizeof(t->report->warning),
                 "the policy earns %.2f in a session, random slates %.2f",
                 r->history[r->best].metric[0], chance);
}

static void Learn(Trainer *t, Loop *loop)
{
    Finding *finding = t->report->finding;

    finding[HELD_USER_LOSS] = (Finding){"held_user_loss", LearnVisitors(t, loop)};
    LearnFromVisitors(t, loop, LearnPolicy(t, loop));
    if (t->options->discriminator)
        finding[ACCURACY] = (Finding){"discriminator_accuracy", t->accuracy};
    ReportHeld(t);
    WarnOfChance(t);
}

void IrecganTrain(const Host *host, const PolicyData *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host,
                 .data = data,
                 .model = model,
                 .options = model->options,
                 .report = report,
                 .store = {.host = host},
                 .accuracy = (double)NAN};
    Loop loop = {
        .host = host,
        .model = model,
        .report = report,
        .epochs = (int)Epochs(model->options),
        .learnt = LEARNT_PARTS,
        .trainer = &t,
        .epoch = RunEpoch,
        .measure = Measure,
        .measures = data->simulator != NULL ? MEASURE_ALWAYS : MEASURE_AT_END,
    };

    CheckData(&t);
    BlasLoad(PoolThreads(host));
    Take(&t, PoolThreads(host));
    ReadLog(&t);
    IrCheckOpen(&t.check);
    LoopOpen(&loop);
    Learn(&t, &loop);
    LoopClose(&loop);
    IrCheckClose(&t.check);
    StoreRelease(&t.store);
}
