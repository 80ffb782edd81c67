/*
 * learner.c: one step of learning.
 *
 * The phases of a step follow each other; within one, each slice of the batch is a task.
 */
#include "algo/actor_critic/learner.h"

#include <math.h>

#include "core/pool.h"

/* The second hidden layer of critics, and both of the inverse model. */
#define CRITIC_LAST   64
#define INVERSE_WIDTH 256

/* Advantages are cut off here (code of Liu et al. 2023). */
#define MOST_ADVANTAGE 1.0f

#define STEP_FLOATS 4096  /* parameters of a task */
#define ITEM_FLOATS 65536 /* of the items' rows that follow, of a task */

/* Memory of one slice. */
struct SliceWork {
    float *tape;        /* of the encoder, from the judging to the climbing */
    float *target_tape; /* of the target's encoder */
    float *input;       /* rows x pitch of both halves: of a critic, or the inverse model */
    float *judge_tape;
    float *g;      /* rows x 1, or x factors: the gradient of what a judge says */
    float *dinput; /* by its input */
    float *scores;
    Scored *entries;
    float *network_gradient;
    float *judge_gradient[2];
    double loss;
};

/* --- memory */

static uint32_t InputWidth(const Learner *l)
{
    return l->switches->values ? l->factors : 2 * l->factors;
}

static void AddCritic(Learner *l, Judge *judge)
{
    const AcOptions *o = l->options;
    uint32_t width[] = {InputWidth(l), (uint32_t)o->critic_hidden, CRITIC_LAST, 1};

    judge->mlp = MlpAdd(&judge->pack, 3, width, o->critic_norm, (float)o->critic_dropout);
}

static void AddInverse(Learner *l)
{
    uint32_t width[] = {2 * l->factors, INVERSE_WIDTH, l->factors};

    l->inverse.mlp = MlpAdd(&l->inverse.pack, 2, width, false, 0);
}

static void TakeJudge(Store *store, Judge *judge, bool follows)
{
    judge->values = StoreTake(store, judge->pack.floats, sizeof(float));
    judge->state = StoreTake(store, judge->pack.floats, 2 * sizeof(float));
    if (follows)
        judge->target = StoreTake(store, judge->pack.floats, sizeof(float));
}

static void TakeAdam(Store *store, const Learner *l, ActorAdam *adam)
{
    adam->network = StoreTake(store, l->pack.floats, 2 * sizeof(float));
    ItemAdamTake(store, l->items, l->stride, &adam->items);
}

static void TakeJudges(Store *store, Learner *l)
{
    for (int c = 0; c < l->switches->critics; c++) {
        AddCritic(l, &l->critic[c]);
        TakeJudge(store, &l->critic[c], true);
    }
    if (l->switches->inverse) {
        AddInverse(l);
        TakeJudge(store, &l->inverse, false);
        ItemAdamTake(store, l->items, l->stride, &l->by_inverse);
    }
    if (l->switches->critics > 0) {
        TakeAdam(store, l, &l->by_critic);
        l->target.items = StoreTake(store, SizeMultiply(l->items, l->stride), sizeof(float));
        l->target.network = StoreTake(store, l->pack.floats, sizeof(float));
    }
}

static void TakeBatch(Store *store, Learner *l, uint32_t count)
{
    Batch *b = &l->batch;
    size_t rows = (size_t)count * l->stride;

    b->before = StoreTake(store, count, sizeof(Clicks));
    b->after = StoreTake(store, count, sizeof(Clicks));
    b->slate = StoreTake(store, count, sizeof(ShownSlate));
    b->label = StoreTake(store, count, sizeof(bool *));
    b->action = StoreTake(store, count, sizeof(float *));
    b->reward = StoreTake(store, count, sizeof(float));
    b->ended = StoreTake(store, count, sizeof(bool));
    l->z = StoreTake(store, rows, sizeof(float));
    l->next = StoreTake(store, rows, sizeof(float));
    l->dz = StoreTake(store, rows, sizeof(float));
    l->dclicks = StoreTake(store, rows * StateVectors(&l->encoder), sizeof(float));
    l->delta = StoreTake(store, rows, sizeof(float));
    l->guess = StoreTake(store, rows, sizeof(float));
    l->factor = StoreTake(store, (size_t)count * MOST_SLATE, sizeof(float));
    l->best = StoreTake(store, (size_t)count * l->slate, sizeof(uint32_t));
    l->best_size = StoreTake(store, count, sizeof(uint32_t));
    l->weight = StoreTake(store, count, sizeof(float));
    l->goal = StoreTake(store, count, sizeof(float));
    l->judged = StoreTake(store, count, sizeof(float));
}

static size_t Larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void TakeJudgeWork(Store *store, const Learner *l, SliceWork *w)
{
    size_t tape = MlpTape(&l->critic[0].mlp, SLICE_ROWS), wide = Pitch(2 * (size_t)l->factors);

    if (l->switches->inverse)
        tape = Larger(tape, MlpTape(&l->inverse.mlp, SLICE_ROWS));
    w->input = StoreTake(store, SLICE_ROWS * wide, sizeof(float));
    w->dinput = StoreTake(store, SLICE_ROWS * wide, sizeof(float));
    w->judge_tape = StoreTake(store, tape, sizeof(float));
    w->g = StoreTake(store, SLICE_ROWS * wide, sizeof(float));
    for (int c = 0; c < l->switches->critics; c++)
        w->judge_gradient[c] = StoreTake(
            store, Larger(l->critic[c].pack.floats, l->inverse.pack.floats), sizeof(float));
}

static void TakeWork(Store *store, const Learner *l, SliceWork *w)
{
    size_t tape = StateTape(&l->encoder, SLICE_ROWS);

    w->tape = StoreTake(store, tape, sizeof(float));
    w->network_gradient = StoreTake(store, l->pack.floats, sizeof(float));
    if (l->switches->critics == 0)
        return;
    w->target_tape = StoreTake(store, tape, sizeof(float));
    TakeJudgeWork(store, l, w);
    if (l->switches->aligns) {
        w->scores = StoreTake(store, SLICE_ROWS * CHOOSE_TILE, sizeof(float));
        w->entries = StoreTake(store, SLICE_ROWS * (size_t)l->slate, sizeof(Scored));
    }
}

/* Shares of a batch: clicks, and the slate. */
static uint32_t ShareRoom(const Learner *l, uint32_t batch)
{
    return batch * ((uint32_t)l->options->history + MOST_SLATE);
}

void LearnerTake(Store *store, const Model *model, uint32_t slate, uint32_t batch, int threads,
                 Learner *learner)
{
    Learner *l = learner;
    const Part *part = &model->part[AC_ITEM_PART];
    SliceWork counted = {0};
    bool dense;

    *l = (Learner){.host = store->host,
                   .options = model->options,
                   .switches = AcSwitches(model->algorithm),
                   .items = model->items,
                   .stride = part->stride,
                   .factors = part->columns,
                   .actor = {part->data, model->part[AC_NETWORK_PART].data}};
    dense = l->switches->values || l->switches->inverse;
    l->slate = slate;
    l->encoder = AcEncoder(l->options, &l->pack);
    TakeJudges(store, l);
    TakeAdam(store, l, &l->by_answers);
    ItemSharesTake(store, l->items, l->stride, ShareRoom(l, batch), dense, &l->shares);
    if (dense)
        SlateSoftmaxTake(store, l->items, l->stride, batch, threads, &l->softmax);
    TakeBatch(store, l, batch);
    l->slices = (int)((batch + SLICE_ROWS - 1) / SLICE_ROWS);
    l->work = StoreTake(store, (size_t)l->slices, sizeof(SliceWork));
    for (int s = 0; s < l->slices; s++)
        TakeWork(store, l, l->work != NULL ? &l->work[s] : &counted);
}

static void StartJudge(const Learner *l, Judge *judge, uint64_t number)
{
    Random random;

    RandomSeed(&random, (uint64_t)l->options->train.seed, RANDOM_INIT_WEIGHT, 1, number);
    MlpStart(&judge->mlp, &judge->pack, &random, judge->values);
    if (judge->target != NULL)
        RealCopy(judge->values, judge->pack.floats, judge->target);
}

void LearnerStart(Learner *learner)
{
    Learner *l = learner;

    for (int c = 0; c < l->switches->critics; c++)
        StartJudge(l, &l->critic[c], (uint64_t)c);
    if (l->switches->inverse)
        StartJudge(l, &l->inverse, 2);
    if (l->switches->critics == 0)
        return;
    RealCopy(l->actor.network, l->pack.floats, l->target.network);
    RealCopy(l->actor.items, (size_t)l->items * l->stride, l->target.items);
}

/* --- slices */

typedef struct Slice {
    Learner *l;
    SliceWork *w;
    uint32_t first;
    uint32_t rows;
    uint32_t number;
} Slice;

static Slice SliceOf(void *learner, int task)
{
    Learner *l = learner;
    uint32_t first = (uint32_t)task * SLICE_ROWS, left = l->batch.count - first;

    return (Slice){l, &l->work[task], first, left < SLICE_ROWS ? left : SLICE_ROWS, (uint32_t)task};
}

static int SlicesNow(const Learner *l)
{
    return (int)((l->batch.count + SLICE_ROWS - 1) / SLICE_ROWS);
}

static void RunSlices(Learner *l, PoolTask task)
{
    PoolRun(l->host, task, l, SlicesNow(l));
    if (HostCancelled(l->host))
        HostAbandon(l->host);
}

static double SumLosses(const Learner *l)
{
    double loss = 0;

    for (int s = 0; s < SlicesNow(l); s++)
        loss += l->work[s].loss;
    return loss;
}

static float *RowAt(const Learner *l, float *rows, size_t row)
{
    return rows + (size_t)row * l->stride;
}

/* The encoder on this slice's `clicks`; the states go to `out`, too. */
static void Encode(const Slice *s, const Actor *actor, const Clicks *clicks, float *tape,
                   float *out)
{
    const Learner *l = s->l;

    StateForward(&l->encoder, &l->pack, actor->network, actor->items, clicks + s->first, s->rows,
                 tape);
    RealCopy(tape, (size_t)s->rows * l->stride, RowAt(l, out, s->first));
}

/* input[r] = left[r], then right[r] */
static void Join(const Slice *s, const float *left, const float *right)
{
    const Learner *l = s->l;
    size_t pitch = Pitch(2 * (size_t)l->factors);

    for (uint32_t r = 0; r < s->rows; r++) {
        float *input = s->w->input + r * pitch;

        RealCopy(left + (size_t)r * l->stride, l->factors, input);
        RealCopy(right + (size_t)r * l->stride, l->factors, input + l->factors);
    }
}

/* What a judge of values, or of states and actions, says of the slice: a number every pitch of 1.
 */
static const float *Judged(const Slice *s, const Judge *judge, const float *values,
                           const float *states, const float *actions, Random *random)
{
    const float *input = states;

    if (!s->l->switches->values) {
        Join(s, states, actions);
        input = s->w->input;
    }
    MlpForward(&judge->mlp, &judge->pack, values, input, s->rows, random, s->w->judge_tape);
    return s->w->judge_tape;
}

/* --- critics */

static void Smooth(const Slice *s, float *actions)
{
    const Learner *l = s->l;
    const AcOptions *o = l->options;
    Random random;

    RandomSeed(&random, (uint64_t)o->train.seed, RANDOM_NOISE, 2 * l->iteration + 1, s->number);
    for (uint32_t r = 0; r < s->rows; r++)
        for (uint32_t k = 0; k < l->factors; k++) {
            double noise = o->smoothing * RandomNormal(&random);

            noise = fmin(fmax(noise, -o->smoothing_limit), o->smoothing_limit);
            actions[(size_t)r * l->stride + k] += (float)noise;
        }
}

static void SetGoals(const Slice *s, const float *future)
{
    const Learner *l = s->l;
    const Batch *b = &l->batch;

    for (uint32_t r = 0; r < s->rows; r++) {
        bool goes_on = b->ended[s->first + r] == l->options->compat_bootstrap;
        float worth = goes_on ? (float)l->options->gamma * future[r] : 0;

        l->goal[s->first + r] = b->reward[s->first + r] + worth;
    }
}

/* Of the more careful critic, by the targets. */
static void LookAhead(const Slice *s)
{
    Learner *l = s->l;
    float future[SLICE_ROWS], *actions = s->w->target_tape; /* the states, used up */

    Encode(s, &l->target, l->batch.after, s->w->target_tape, l->next);
    if (l->options->smoothing > 0)
        Smooth(s, actions);
    for (int c = 0; c < l->switches->critics; c++) {
        const float *said = Judged(s, &l->critic[c], l->critic[c].target,
                                   RowAt(l, l->next, s->first), actions, NULL);

        for (uint32_t r = 0; r < s->rows; r++) {
            float q = said[r * Pitch(1)];

            future[r] = c == 0 || q < future[r] ? q : future[r];
        }
    }
    SetGoals(s, future);
}

/* What was done, as the critic sees it: into dz, which is free. */
static void Actions(const Slice *s)
{
    const Learner *l = s->l;

    for (uint32_t r = 0; r < s->rows && !l->switches->values; r++) {
        float *action = RowAt(l, l->dz, s->first + r);

        if (l->switches->stored_action)
            RealCopy(l->batch.action[s->first + r], l->stride, action);
        else
            SlateMean(l->actor.items, l->factors, l->batch.slate[s->first + r], action);
    }
}

/* The gradient of the mean square into g; the loss. */
static double Square(const Slice *s, const float *said)
{
    const Learner *l = s->l;
    float share = 1 / (float)l->batch.count;
    double loss = 0;

    for (uint32_t r = 0; r < s->rows; r++) {
        float error = said[r * Pitch(1)] - l->goal[s->first + r];

        RealClear(s->w->g + r * Pitch(1), Pitch(1));
        s->w->g[r * Pitch(1)] = 2 * share * error;
        loss += (double)(share * error * error);
    }
    return loss;
}

/* By how much what came of the slate exceeds what the state was worth. */
static void SetWeights(const Slice *s)
{
    const Learner *l = s->l;

    for (uint32_t r = s->first; r < s->first + s->rows; r++) {
        float advantage = l->goal[r] - l->judged[r];

        l->weight[r] =
            fminf(fmaxf(advantage, -MOST_ADVANTAGE), MOST_ADVANTAGE) / (float)l->batch.count;
    }
}

static void LearnCritic(const Slice *s, int c)
{
    Learner *l = s->l;
    Judge *judge = &l->critic[c];
    const float *states = RowAt(l, l->z, s->first), *said;
    Random random;

    RandomSeed(&random, (uint64_t)l->options->train.seed, RANDOM_DROPOUT, 4 * l->iteration + c,
               s->number);
    said = Judged(s, judge, judge->values, states, RowAt(l, l->dz, s->first), &random);
    for (uint32_t r = 0; r < s->rows && c == 0; r++)
        l->judged[s->first + r] = said[r * Pitch(1)];
    s->w->loss += Square(s, said);
    MlpBackward(&judge->mlp, &judge->pack, judge->values,
                l->switches->values ? states : s->w->input, s->rows, s->w->judge_tape, s->w->g,
                NULL, s->w->judge_gradient[c]);
}

static void JudgeTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    s.w->loss = 0;
    LookAhead(&s);
    Encode(&s, &s.l->actor, s.l->batch.before, s.w->tape, s.l->z);
    Actions(&s);
    for (int c = 0; c < s.l->switches->critics; c++)
        LearnCritic(&s, c);
    if (s.l->switches->values)
        SetWeights(&s);
}

/* --- steps of networks */

typedef struct StepJob {
    const Learner *l;
    float *gradient[1 + (1 << 12) / SLICE_ROWS]; /* of each slice */
    size_t count;
    const AdamRule *rule;
    uint64_t step;
    float *values, *state;
} StepJob;

/* Sums the slices' gradients in their order, and clears them. */
static void StepTask(void *arg, int task, int worker)
{
    const StepJob *job = arg;
    float sum[STEP_FLOATS] __attribute__((aligned(64)));
    size_t first = (size_t)task * STEP_FLOATS, left = job->count - first;
    size_t count = left < STEP_FLOATS ? left : STEP_FLOATS;

    (void)worker;
    RealClear(sum, count);
    for (int s = 0; s < SlicesNow(job->l); s++) {
        float *gradient = job->gradient[s] + first;

        for (size_t i = 0; i < count; i++)
            sum[i] += gradient[i];
        RealClear(gradient, count);
    }
    AdamMany(job->rule, job->step, job->values + first, sum, job->state + 2 * first, count);
}

static void StepNetwork(StepJob *job)
{
    PoolRun(job->l->host, StepTask, job, (int)((job->count + STEP_FLOATS - 1) / STEP_FLOATS));
}

static void StepJudge(const Learner *l, Judge *judge, int c, double rate)
{
    AdamRule rule = {(float)rate, (float)l->options->weight_decay, 1};
    StepJob job = {.l = l,
                   .count = judge->pack.floats,
                   .rule = &rule,
                   .step = ++judge->step,
                   .values = judge->values,
                   .state = judge->state};

    for (int s = 0; s < SlicesNow(l); s++)
        job.gradient[s] = l->work[s].judge_gradient[c];
    StepNetwork(&job);
}

static void StepActor(Learner *l, bool dense, const AdamRule *rule, ActorAdam *adam)
{
    StepJob job = {.l = l,
                   .count = l->pack.floats,
                   .rule = rule,
                   .step = ++adam->step,
                   .values = l->actor.network,
                   .state = adam->network};

    for (int s = 0; s < SlicesNow(l); s++)
        job.gradient[s] = l->work[s].network_gradient;
    StepNetwork(&job);
    ItemSharesStep(l->host, &l->shares, dense, rule, &adam->items, l->actor.items);
}

/* What was clicked before has a share in the gradient of the state. */
static void ShareClicks(Learner *l)
{
    uint32_t vectors_each = StateVectors(&l->encoder);

    for (uint32_t r = 0; r < l->batch.count; r++) {
        Clicks clicks = l->batch.before[r];
        const float *vectors = RowAt(l, l->dclicks, r * vectors_each);

        for (uint32_t h = 0; h < clicks.count; h++)
            ItemSharesAdd(&l->shares, clicks.items[h],
                          vectors_each == 1 ? 1 / (float)clicks.count : 1,
                          vectors_each == 1 ? vectors : vectors + (size_t)h * l->stride);
    }
}

/* --- the actor */

/* dz = -dq/dz / count; the critic stays, and sees the state as it is. */
static void Climb(const Slice *s)
{
    Learner *l = s->l;
    const Judge *judge = &l->critic[0];
    const float *z = RowAt(l, l->z, s->first);
    size_t pitch = Pitch(2 * (size_t)l->factors);
    Random random;

    RandomSeed(&random, (uint64_t)l->options->train.seed, RANDOM_DROPOUT, 4 * l->iteration + 2,
               s->number);
    Judged(s, judge, judge->values, z, z, &random);
    for (uint32_t r = 0; r < s->rows; r++) {
        RealClear(s->w->g + r * Pitch(1), Pitch(1));
        s->w->g[r * Pitch(1)] = -1 / (float)l->batch.count;
    }
    MlpBackward(&judge->mlp, &judge->pack, judge->values, s->w->input, s->rows, s->w->judge_tape,
                s->w->g, s->w->dinput, NULL);
    for (uint32_t r = 0; r < s->rows; r++) {
        float *dz = RowAt(l, l->dz, s->first + r);

        RealClear(dz, l->stride);
        RealCopy(s->w->dinput + r * pitch + l->factors, l->factors, dz);
    }
}

static ShownSlate BestSlate(const Learner *l, uint32_t row)
{
    return (ShownSlate){l->best + (size_t)row * l->slate, l->best_size[row]};
}

static void Align(const Slice *s)
{
    Learner *l = s->l;
    Choice choice = {.host = l->host,
                     .rows = l->actor.items,
                     .items = l->items,
                     .stride = l->stride,
                     .slate = l->slate,
                     .scores = s->w->scores,
                     .entries = s->w->entries};
    float weight = (float)(l->options->lambda_hyper / l->batch.count);

    ChooseSlates(&choice, RowAt(l, l->z, s->first), s->rows, NULL,
                 l->best + (size_t)s->first * l->slate, l->best_size + s->first);
    for (uint32_t r = s->first; r < s->first + s->rows; r++) {
        float *dz = RowAt(l, l->dz, r), *delta = RowAt(l, l->delta, r);

        if (l->best_size[r] == 0) /* nothing but NaN */
            continue;
        AlignmentLoss(l->actor.items, l->factors, BestSlate(l, r), RowAt(l, l->z, r), weight,
                      delta);
        for (uint32_t k = 0; k < l->stride; k++)
            dz[k] += delta[k];
    }
}

static bool Aligns(const Learner *l)
{
    return l->switches->aligns && l->options->lambda_hyper > 0;
}

/* From dz to the gradients of the encoder, and of what was clicked. */
static void Descend(const Slice *s)
{
    Learner *l = s->l;

    StateBackward(&l->encoder, &l->pack, l->actor.network, l->batch.before + s->first, s->rows,
                  s->w->tape, RowAt(l, l->dz, s->first), s->w->network_gradient,
                  RowAt(l, l->dclicks, s->first * StateVectors(&l->encoder)));
}

static void ClimbTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    Climb(&s);
    if (Aligns(s.l))
        Align(&s);
    if (!HostCancelled(s.l->host))
        Descend(&s);
}

static void DescendTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    Descend(&s);
}

static void ShareSlates(Learner *l)
{
    for (uint32_t r = 0; r < l->batch.count; r++)
        for (uint32_t i = 0; i < l->best_size[r]; i++)
            ItemSharesAdd(&l->shares, BestSlate(l, r).items[i], -1 / (float)l->best_size[r],
                          RowAt(l, l->delta, r));
}

static AdamRule RuleOf(const Learner *l, double rate)
{
    return (AdamRule){(float)rate, (float)l->options->weight_decay, 1};
}

static void ClimbActor(Learner *l)
{
    AdamRule rule = RuleOf(l, l->options->actor_rate);

    RunSlices(l, ClimbTask);
    ShareClicks(l);
    if (Aligns(l))
        ShareSlates(l);
    StepActor(l, false, &rule, &l->by_critic);
}

/* The policy's gradient: what did better than expected becomes likelier. */
static void ReinforceActor(Learner *l)
{
    AdamRule rule = RuleOf(l, l->options->actor_rate);

    SlateSoftmaxRun(l->host, &l->softmax, l->actor.items, l->z, l->batch.count, l->batch.slate,
                    l->weight, l->shares.dense, l->dz);
    RunSlices(l, DescendTask);
    ShareClicks(l);
    StepActor(l, true, &rule, &l->by_critic);
}

/* --- the inverse model */

static void GuessTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);
    Learner *l = s.l;

    (void)worker;
    Join(&s, RowAt(l, l->z, s.first), RowAt(l, l->next, s.first));
    MlpForward(&l->inverse.mlp, &l->inverse.pack, l->inverse.values, s.w->input, s.rows, NULL,
               s.w->judge_tape);
    RealCopy(s.w->judge_tape, (size_t)s.rows * l->stride, RowAt(l, l->guess, s.first));
}

static void GuessBackTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);
    Learner *l = s.l;

    (void)worker;
    MlpBackward(&l->inverse.mlp, &l->inverse.pack, l->inverse.values, s.w->input, s.rows,
                s.w->judge_tape, RowAt(l, l->dz, s.first), NULL, s.w->judge_gradient[0]);
}

/* Which slate led from state to state?  The model and the items learn the answer. */
static void LearnInverse(Learner *l)
{
    AdamRule rule = RuleOf(l, l->options->inverse_rate);

    for (uint32_t r = 0; r < l->batch.count; r++)
        l->weight[r] = 1 / ((float)l->batch.slate[r].count * (float)l->batch.count);
    RunSlices(l, GuessTask);
    SlateSoftmaxRun(l->host, &l->softmax, l->actor.items, l->guess, l->batch.count, l->batch.slate,
                    l->weight, l->shares.dense, l->dz);
    RunSlices(l, GuessBackTask);
    StepJudge(l, &l->inverse, 0, l->options->inverse_rate);
    ItemSharesStep(l->host, &l->shares, true, &rule, &l->by_inverse, l->actor.items);
}

/* --- supervision */

static void Answer(const Slice *s, bool learns)
{
    Learner *l = s->l;
    float weight = 1 / (float)l->batch.count;

    s->w->loss = 0;
    Encode(s, &l->actor, l->batch.before, s->w->tape, l->z);
    for (uint32_t r = s->first; r < s->first + s->rows; r++)
        s->w->loss += (double)SupervisionLoss(
            l->actor.items, l->factors, l->batch.slate[r], l->batch.label[r], RowAt(l, l->z, r),
            weight, RowAt(l, l->dz, r), l->factor + (size_t)r * MOST_SLATE);
    if (learns)
        Descend(s);
}

static void AnswerTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    Answer(&s, true);
}

static void AnswerLossTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    Answer(&s, false);
}

static void ShareAnswers(Learner *l)
{
    for (uint32_t r = 0; r < l->batch.count; r++)
        for (uint32_t i = 0; i < l->batch.slate[r].count; i++)
            ItemSharesAdd(&l->shares, l->batch.slate[r].items[i],
                          l->factor[(size_t)r * MOST_SLATE + i], RowAt(l, l->z, r));
}

double LearnAnswers(Learner *learner, const AdamRule *rule)
{
    Learner *l = learner;

    RunSlices(l, AnswerTask);
    ShareClicks(l);
    ShareAnswers(l);
    StepActor(l, false, rule, &l->by_answers);
    return SumLosses(l);
}

double AnswerLoss(Learner *learner)
{
    RunSlices(learner, AnswerLossTask);
    return SumLosses(learner);
}

void ForgetAnswers(Learner *learner)
{
    Learner *l = learner;

    l->by_answers.step = 0;
    RealClear(l->by_answers.network, 2 * l->pack.floats);
    RealClear(l->by_answers.items.state, (size_t)l->items * 2 * l->stride);
    memset(l->by_answers.items.step, 0, l->items * sizeof(uint32_t));
}

/* --- targets */

static void FollowTask(void *learner, int task, int worker)
{
    const Learner *l = learner;
    size_t first = (size_t)task * ITEM_FLOATS, left = (size_t)l->items * l->stride - first;

    (void)worker;
    FollowSlowly((float)l->options->tau, l->actor.items + first, l->target.items + first,
                 left < ITEM_FLOATS ? left : ITEM_FLOATS);
}

static void Follow(Learner *l)
{
    size_t floats = (size_t)l->items * l->stride;
    float tau = (float)l->options->tau;

    for (int c = 0; c < l->switches->critics; c++)
        FollowSlowly(tau, l->critic[c].values, l->critic[c].target, l->critic[c].pack.floats);
    FollowSlowly(tau, l->actor.network, l->target.network, l->pack.floats);
    PoolRun(l->host, FollowTask, l, (int)((floats + ITEM_FLOATS - 1) / ITEM_FLOATS));
}

/* --- one step */

/* Returns the critics' mean square error. */
static double LearnByCritics(Learner *l)
{
    bool delayed = l->options->delay > 1 && l->iteration % (uint64_t)l->options->delay != 0;
    double loss;

    RunSlices(l, JudgeTask);
    loss = SumLosses(l);
    for (int c = 0; c < l->switches->critics; c++)
        StepJudge(l, &l->critic[c], c, l->options->critic_rate);
    if (l->switches->inverse)
        LearnInverse(l);
    if (delayed)
        return loss;
    if (l->switches->values)
        ReinforceActor(l);
    else
        ClimbActor(l);
    Follow(l);
    return loss;
}

static bool IsSupervised(const Learner *l)
{
    return l->switches->critics == 0 || l->options->supervision;
}

double LearnerStep(Learner *learner)
{
    Learner *l = learner;
    AdamRule rule = RuleOf(l, l->options->supervision_rate);
    double loss = 0;

    if (l->switches->critics > 0)
        loss = LearnByCritics(l);
    if (IsSupervised(l))
        loss = LearnAnswers(l, &rule);
    l->iteration++;
    return loss;
}
