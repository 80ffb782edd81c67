/*
 * fold_in.c: a user who was not trained, against items as they are.
 *
 * The user's row learns as in training, with the model's own options, stage by stage, while the
 * items stay.  Negatives come from a sample of the items.
 */
#include "algo/mf/mf.h"

#include <string.h>

/* Passes over the history per stage: more gain nothing, and long histories need fewer. */
#define MOST_EPOCHS   100
#define FEWEST_EPOCHS 10
#define STAGE_TRIPLES 3000

typedef struct Fold {
    const Host *host;
    const MfOptions *options;
    TripleRule rule;
    CellEntry *entries; /* the history: user 0, items 0, 1, ... */
    uint32_t *block;    /* the sample: the items that follow */
    uint32_t *order;
    uint32_t count;
    uint32_t sampled;
    size_t user_states; /* accumulators */
    size_t item_states;
} Fold;

static size_t States(const MfOptions *options, uint32_t rows, uint32_t stride)
{
    return options->optimizer == OPTIMIZER_ADAGRAD ? (size_t)rows * stride : rows;
}

/* History and sample in one matrix: the items of a triple are rows of the same matrix. */
static float *JoinItems(const Host *host, const Part *history, const Part *sample)
{
    size_t stride = history->stride, count = history->rows, sampled = sample->rows;
    float *items = HostAllocate(host, SizeMultiply(count + sampled, stride), sizeof(float));

    memcpy(items, history->data, count * stride * sizeof(float));
    memcpy(items + count * stride, sample->data, sampled * stride * sizeof(float));
    return items;
}

static void ListItems(Fold *f)
{
    f->entries = HostAllocate(f->host, f->count, sizeof(CellEntry));
    f->order = HostAllocate(f->host, f->count, sizeof(uint32_t));
    f->block = HostAllocate(f->host, f->sampled, sizeof(uint32_t));
    for (uint32_t i = 0; i < f->count; i++)
        f->entries[i] = (CellEntry){0, i};
    for (uint32_t i = 0; i < f->sampled; i++)
        f->block[i] = f->count + i;
}

static Fold FoldOpen(const Host *host, const Model *history, const Model *sample, float *query)
{
    const MfOptions *o = history->options;
    const Part *own = &history->part[MF_ITEM_PART], *others = &sample->part[MF_ITEM_PART];
    Strength strength = MfKeptStrength(host, history);
    Fold f = {.host = host, .options = o, .count = own->rows, .sampled = others->rows};

    f.user_states = States(o, 1, own->stride);
    f.item_states = States(o, own->rows + others->rows, own->stride);
    f.rule = (TripleRule){
        .host = host,
        .users = query,
        .items = JoinItems(host, own, others),
        .user_state = HostAllocate(host, f.user_states, sizeof(float)),
        .item_state = HostAllocate(host, f.item_states, sizeof(float)),
        .stride = own->stride,
        .factors = own->columns,
        .optimizer = (Optimizer)o->optimizer,
        .learning_rate = (float)o->learning_rate,
        .regularization = (float)MfRegularization(host, history),
        .epsilon = strength.epsilon,
        .relative = strength.relative,
        .lambda = (float)o->lambda,
        .candidates = MfNegatives(host, history),
        .items_fixed = true,
    };
    ListItems(&f);
    return f;
}

static void FoldClose(const Fold *f)
{
    HostRelease(f->host, f->rule.items);
    HostRelease(f->host, f->rule.user_state);
    HostRelease(f->host, f->rule.item_state);
    HostRelease(f->host, f->entries);
    HostRelease(f->host, f->order);
    HostRelease(f->host, f->block);
}

static void ResetState(const Fold *f)
{
    for (size_t i = 0; i < f->user_states; i++)
        f->rule.user_state[i] = ADAGRAD_START;
    for (size_t i = 0; i < f->item_states; i++)
        f->rule.item_state[i] = ADAGRAD_START;
}

static uint32_t StageEpochs(int64_t asked, uint32_t count)
{
    uint32_t epochs = STAGE_TRIPLES / count;

    if (epochs < FEWEST_EPOCHS)
        epochs = FEWEST_EPOCHS;
    if (epochs > MOST_EPOCHS)
        epochs = MOST_EPOCHS;
    return asked < epochs ? (uint32_t)asked : epochs;
}

static void LearnStage(const Fold *f, uint64_t stage, uint32_t epochs)
{
    CellWork work = {.entries = f->entries,
                     .count = f->count,
                     .block = f->block,
                     .block_size = f->sampled,
                     .order = f->order};

    RandomSeed(&work.random, (uint64_t)f->options->train.seed, RANDOM_FOLD_IN, stage, f->count);
    for (uint32_t e = 0; e < epochs; e++) {
        LearnCell(&f->rule, &work);
        if (work.abandoned)
            HostAbandon(f->host);
        HostPoll(f->host);
    }
}

/* A history of all items leaves no negatives to learn from: the mean of its rows has to do. */
static void TakeMean(const Part *history, float *query)
{
    for (uint32_t r = 0; r < history->rows; r++)
        for (uint32_t k = 0; k < history->stride; k++)
            query[k] += history->data[(size_t)r * history->stride + k] / (float)history->rows;
}

void MfFoldIn(const Host *host, const Model *history, const Model *sample, float *query)
{
    const MfOptions *o = history->options;
    const Part *own = &history->part[MF_ITEM_PART];
    Fold f;

    memset(query, 0, own->stride * sizeof(float));
    if (sample->items == 0) {
        TakeMean(own, query);
        return;
    }
    f = FoldOpen(host, history, sample, query);
    ResetState(&f);
    LearnStage(&f, 0, StageEpochs(o->epochs, f.count));
    if (f.rule.epsilon > 0) {
        f.rule.adversarial = true;
        if (o->reset_optimizer)
            ResetState(&f);
        LearnStage(&f, 1, StageEpochs(o->adv_epochs, f.count));
    }
    FoldClose(&f);
    CheckFoldedIn(host, query, own->columns);
}
