/* train.c: pairwise ranking, then rounds of the two players, and at last what was held out. */
#include "algo/irgan/game.h"
#include "algo/irgan/steps.h"
#include "algo/learn/positives.h"
#include "algo/learn/schedule.h"
#include "core/pool.h"

/* Epochs of the discriminator that see the same draws. */
#define SAME_DRAWS 5

#define POLL_PAIRS 4096

/* Parts that are learnt. */
#define FIRST_PART IRGAN_USER_PART
#define LAST_PART  IRGAN_JUDGE_BIAS_PART

typedef struct Trainer {
    const Host *host;
    Interactions data; /* as it now trains */
    const IrganOptions *options;
    Model *model;
    Player generator, discriminator;
    IrganGame game;
    Positives positives;
    uint32_t *order;   /* of users */
    uint32_t *taken;   /* per user: draws that have been used */
    uint64_t passes;   /* names random numbers: passes so far */
    bool plays;        /* an epoch is a round of the players */
    Schedule schedule; /* of ranking */
} Trainer;

static int AllEpochs(const Model *model, bool held)
{
    const IrganOptions *o = model->options;
    int epochs = MainEpochs(model, o->epochs, o->warm_epochs), rounds = (int)o->adv_epochs;
    int after = EpochsAfter(model, epochs, held);

    return epochs + rounds + after + (after > 0 ? rounds : 0);
}

static uint32_t LearntParts(void)
{
    uint32_t learnt = 0;

    for (int p = FIRST_PART; p <= LAST_PART; p++)
        learnt |= LEARNT(p);
    return learnt;
}

size_t IrganMemory(const Model *model, const Interactions *shape, int threads)
{
    size_t total = SizeAdd(IrganGameMemory(model, shape, threads), PositivesMemory(shape));

    total = SizeAdd(total, SizeMultiply(2 * (size_t)shape->users, sizeof(uint32_t)));
    return SizeAdd(total, LoopMemory(model, shape, threads, LearntParts(),
                                     AllEpochs(model, shape->held_count > 0)));
}

/* --- start */

/* Rows of a warm start stay. */
static void StartPart(const Trainer *t, Part *part, RandomPurpose purpose, uint64_t player)
{
    for (uint32_t r = 0; r < part->rows; r++) {
        Random random;

        if (r % POLL_PAIRS == 0)
            HostPoll(t->host);
        if (!RowIsZero(part, r))
            continue;
        RandomSeed(&random, (uint64_t)t->options->train.seed, purpose, r, player);
        for (uint32_t k = 0; k < part->columns; k++)
            PartRow(part, r)[k] = (float)(IRGAN_START * (2 * RandomUniform(&random) - 1));
    }
}

static void Prepare(Trainer *t)
{
    const Host *host = t->host;

    t->generator = IrganGenerator(t->model);
    t->discriminator = IrganDiscriminator(t->model);
    PositivesCreate(host, &t->data, &t->positives);
    IrganGameCreate(host, &t->data, t->model, &t->game);
    t->order = HostAllocate(host, t->data.users, sizeof(uint32_t));
    t->taken = HostAllocate(host, t->data.users, sizeof(uint32_t));
    StartPart(t, t->generator.user, RANDOM_INIT_USER, 0);
    StartPart(t, t->generator.item, RANDOM_INIT_ITEM, 0);
    StartPart(t, t->discriminator.user, RANDOM_INIT_USER, 1);
    StartPart(t, t->discriminator.item, RANDOM_INIT_ITEM, 1);
}

static void Release(Trainer *t)
{
    PositivesRelease(t->host, &t->positives);
    IrganGameRelease(t->host, &t->game);
    HostRelease(t->host, t->order);
    HostRelease(t->host, t->taken);
}

/* --- ranking */

static void DrawPositives(Trainer *t, Random *random)
{
    RandomSeed(random, (uint64_t)t->options->train.seed, RANDOM_ORDER, t->passes++, 0);
    PositivesDraw(t->host, &t->data, random, &t->positives);
}

/* Mean loss per interaction. */
static double Rank(Trainer *t)
{
    const IrganOptions *o = t->options;
    double loss = 0;
    Random random;

    DrawPositives(t, &random);
    for (uint32_t at = 0; at < t->positives.count; at++) {
        Positive pair = t->positives.pair[at];
        double rate = ScheduleRate(&t->schedule, (double)at / t->positives.count);
        StepSize size = {(float)rate, (float)o->regularization};
        uint32_t other =
            HardestNegative(&t->generator, &t->data, pair.user, o->candidates, &random);

        if (other != NO_ITEM)
            loss += RankingStep(&t->generator, size, pair.user, pair.item, other);
        if (at % POLL_PAIRS == 0)
            HostPoll(t->host);
    }
    t->schedule.done++;
    return t->positives.count == 0 ? 0 : loss / t->positives.count;
}

/* --- rounds */

/* The user's next draw; where weights ask for more than there are, from the first on. */
static uint32_t NextDraw(Trainer *t, uint32_t user)
{
    uint64_t first = t->data.offset[user], count = t->data.offset[user + 1] - first;

    return t->game.drawn[first + t->taken[user]++ % count];
}

static double Judge(Trainer *t)
{
    const IrganOptions *o = t->options;
    StepSize size = {(float)o->adv_learning_rate, (float)o->discriminator_regularization};
    double loss = 0;
    Random random;

    DrawPositives(t, &random);
    for (uint32_t u = 0; u < t->data.users; u++)
        t->taken[u] = 0;
    for (uint32_t at = 0; at < t->positives.count; at++) {
        Positive pair = t->positives.pair[at];

        loss +=
            JudgementStep(&t->discriminator, size, pair.user, pair.item, NextDraw(t, pair.user));
        if (at % POLL_PAIRS == 0)
            HostPoll(t->host);
    }
    return t->positives.count == 0 ? 0 : loss / t->positives.count;
}

/* Users from whom something can be learnt, in an order that is drawn; how many. */
static uint32_t OrderUsers(Trainer *t)
{
    uint32_t count = 0;
    Random random;

    RandomSeed(&random, (uint64_t)t->options->train.seed, RANDOM_BATCH, t->passes++, 0);
    for (uint32_t u = 0; u < t->data.users; u++) {
        uint32_t items = TrainingItems(&t->data, u);

        if (items > 0 && items < t->data.items)
            t->order[count++] = u;
    }
    RandomShuffle(&random, t->order, count);
    return count;
}

static void Generate(Trainer *t)
{
    const IrganOptions *o = t->options;
    uint32_t users = OrderUsers(t), batch = (uint32_t)o->generator_batch;

    t->game.rate = (float)o->adv_learning_rate;
    t->game.epoch = t->passes++;
    for (uint32_t at = 0; at < users; at += batch) {
        IrganGameStep(&t->game, t->order + at, users - at < batch ? users - at : batch);
        HostPoll(t->host);
    }
}

/* Mean loss of the discriminator's last epoch. */
static double Play(Trainer *t)
{
    double loss = 0;

    for (int64_t e = 0; e < t->options->discriminator_epochs; e++) {
        if (e % SAME_DRAWS == 0) {
            t->game.epoch = t->passes++;
            IrganGameDraw(&t->game);
        }
        loss = Judge(t);
    }
    for (int64_t e = 0; e < t->options->generator_epochs; e++)
        Generate(t);
    return loss;
}

static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;

    (void)number;
    return t->plays ? Play(t) : Rank(t);
}

/* --- stages */

static void LearnHeld(Trainer *t, Loop *loop, Stage ranked, Stage played)
{
    t->data.held_learnt = true;
    t->plays = false;
    t->schedule = ScheduleAfter(&t->schedule, ranked.epochs);
    LoopLearnAll(loop, "all ranking", t->schedule.epochs);
    if (!IsGain(played.metric, ranked.metric))
        return;
    t->plays = true;
    LoopLearnAll(loop, "all players", played.epochs);
}

static void RunStages(Trainer *t, Loop *loop)
{
    const IrganOptions *o = t->options;
    Stage ranked, played = {.metric = -1};

    t->schedule = (Schedule){
        .first = o->learning_rate,
        .last = o->last_rate,
        .epochs = MainEpochs(t->model, o->epochs, o->warm_epochs),
    };
    ranked = LoopStage(loop, "ranking", t->schedule.epochs);
    if (o->adv_epochs > 0) {
        t->plays = true;
        played = LoopStageAgainst(loop, "players", (int)o->adv_epochs, ranked.metric);
    }
    if (loop->validation.count > 0 && !t->model->trial)
        LearnHeld(t, loop, ranked, played);
}

void IrganTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    Trainer t = {.host = host, .data = *data, .options = model->options, .model = model};
    Loop loop = {
        .host = host,
        .data = data,
        .model = model,
        .report = report,
        .epochs = AllEpochs(model, data->held_count > 0),
        .learnt = LearntParts(),
        .trainer = &t,
        .epoch = RunEpoch,
    };

    CheckRankable(host, data);
    Prepare(&t);
    LoopOpen(&loop);
    RunStages(&t, &loop);
    LoopClose(&loop);
    Release(&t);
}
