/* learner.c: memory, counted and taken by the same code, and first values. */
#include "algo/actor_critic/learner.h"

/* The second hidden layer of critics, and both of the inverse model. */
#define CRITIC_LAST   64
#define INVERSE_WIDTH 256

/* Items whose rows are copied between two looks at interrupts: all can be gigabytes. */
#define ITEMS_AT_ONCE 4096

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

static void TakeJudgeWork(Store *store, const Learner *l, SliceWork *w)
{
    size_t tape = MlpTape(&l->critic[0].mlp, SLICE_ROWS), wide = Pitch(2 * (size_t)l->factors);

    if (l->switches->inverse)
        tape = SizeLarger(tape, MlpTape(&l->inverse.mlp, SLICE_ROWS));
    w->input = StoreTake(store, SLICE_ROWS * wide, sizeof(float));
    w->dinput = StoreTake(store, SLICE_ROWS * wide, sizeof(float));
    w->judge_tape = StoreTake(store, tape, sizeof(float));
    w->g = StoreTake(store, SLICE_ROWS * wide, sizeof(float));
    for (int c = 0; c < l->switches->critics; c++)
        w->judge_gradient[c] = StoreTake(
            store, SizeLarger(l->critic[c].pack.floats, l->inverse.pack.floats), sizeof(float));
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
    l->encoder.transformer.host = store->host;
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

static void CopyItems(const Learner *l, const float *from, float *to)
{
    for (size_t i = 0; i < l->items; i += ITEMS_AT_ONCE) {
        size_t left = l->items - i, count = left < ITEMS_AT_ONCE ? left : ITEMS_AT_ONCE;

        RealCopy(from + i * l->stride, count * l->stride, to + i * l->stride);
        HostPoll(l->host);
    }
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
    CopyItems(l, l->actor.items, l->target.items);
}
