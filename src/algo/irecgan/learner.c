/* learner.c: memory and first values. */
#include "algo/irecgan/learner.h"

#define START_DEVIATION 0.1 /* of rows of items */

#define INIT_POLL 1024

/* --- memory */

static uint32_t BatchOf(const IrecganOptions *o)
{
    return (uint32_t)o->batch;
}

static uint32_t Smaller(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* Shares of a batch; more than can be counted make the memory too large for any limit. */
static uint32_t ShareRoom(Store *store, size_t shares)
{
    if (shares > UINT32_MAX)
        store->bytes = SIZE_MAX;
    return Smaller(shares, UINT32_MAX);
}

static void TakeTable(Store *store, const Learner *l, uint32_t stride, Table *table)
{
    ItemAdamTake(store, l->items, stride, &table->adam);
}

static void TakeNetwork(Store *store, const Pack *pack, Network *network)
{
    network->floats = pack->floats;
    network->state = StoreTake(store, SizeMultiply(2, pack->floats), sizeof(float));
}

static void TakeWork(Store *store, const Learner *l, const BatchShape *shape, SliceWork *w)
{
    size_t answers = (size_t)SLICE_ROWS * shape->longest;
    size_t shown = SizeMultiply(SLICE_ROWS, shape->shown);
    size_t user = UserWorkSet(&l->user_net, answers, shown, NULL, NULL);
    size_t agent = AgentWorkSet(&l->agent_net, answers, NULL, NULL);
    size_t judge =
        l->options->discriminator ? JudgeWorkSet(&l->judge_net, answers, shown, NULL, NULL) : 0;
    float *memory = StoreTake(store, SizeLarger(judge, SizeLarger(user, agent)), sizeof(float));

    if (w != NULL && memory != NULL) {
        UserWorkSet(&l->user_net, answers, shown, memory, &w->user);
        AgentWorkSet(&l->agent_net, answers, memory, &w->agent);
    }
    if (w != NULL && memory != NULL && l->options->discriminator)
        JudgeWorkSet(&l->judge_net, answers, shown, memory, &w->judge);
    memory =
        StoreTake(store, SizeLarger(l->judge.floats, SizeLarger(l->user.floats, l->agent.floats)),
                  sizeof(float));
    if (w != NULL)
        w->gradient = memory;
}

static void TakeCandidates(Store *store, Learner *l, size_t answers)
{
    Candidates *c = &l->candidates;
    size_t query = QueryReals(&l->agent_net);

    c->count = (uint32_t)l->options->samples;
    c->item = StoreTake(store, c->count, sizeof(uint32_t));
    c->correction = StoreTake(store, c->count, sizeof(float));
    c->rows = StoreTake(store, SizeMultiply(c->count, query), sizeof(float));
    c->gradient = StoreTake(store, SizeMultiply(c->count, query), sizeof(float));
    c->own = StoreTake(store, answers, sizeof(float));
    c->below = StoreTake(store, l->items, sizeof(double));
    ItemSharesTake(store, l->items, (uint32_t)query, ShareRoom(store, answers + c->count), false,
                   &l->policy_shares);
}

static void TakeAgent(Store *store, Learner *l, size_t answers, int threads)
{
    size_t query = QueryReals(&l->agent_net);

    l->sampled = l->items > MOST_EXACT_ITEMS;
    l->columns = l->sampled ? (size_t)l->options->samples + 1 : l->items;
    l->pitch = Pitch(l->columns);
    l->query = StoreTake(store, SizeMultiply(answers, query), sizeof(float));
    l->dquery = StoreTake(store, SizeMultiply(answers, query), sizeof(float));
    l->logits = StoreTake(store, SizeMultiply(answers, l->pitch), sizeof(float));
    l->tile = StoreTake(store, SizeMultiply((size_t)threads * TILE_ROWS, query), sizeof(float));
    if (l->sampled)
        TakeCandidates(store, l, answers);
}

static void TakeJudge(Store *store, Learner *l, size_t answers, size_t shown)
{
    uint32_t stride = VectorStride(l->judge_net.factors);

    if (!l->options->discriminator)
        return;
    TakeNetwork(store, &l->judge_net.pack, &l->judge);
    TakeTable(store, l, stride, &l->judge_items);
    l->judge.values = StoreTake(store, l->judge.floats, sizeof(float));
    l->judge_items.rows = StoreTake(store, SizeMultiply(l->items, stride), sizeof(float));
    ItemSharesTake(store, l->items, stride,
                   ShareRoom(store, SizeMultiply(2, SizeAdd(shown, answers))), false,
                   &l->judge_shares);
}

void IrLearnerTake(Store *store, const Model *model, const BatchShape *shape, int threads,
                   Learner *learner)
{
    const IrecganOptions *o = model->options;
    Learner *l = learner;
    size_t answers = SizeMultiply(BatchOf(o), shape->longest);
    size_t shown = SizeMultiply(BatchOf(o), shape->shown);

    *l = (Learner){.host = store->host, .options = o, .items = model->items};
    IrecganUserNet(o, &l->user_net);
    IrecganAgentNet(o, &l->agent_net);
    JudgeNetSet((uint32_t)o->factors, (uint32_t)o->hidden, (uint32_t)o->layers, true,
                &l->judge_net);
    l->slices = (int)((BatchOf(o) + SLICE_ROWS - 1) / SLICE_ROWS);
    TakeNetwork(store, &l->user_net.pack, &l->user);
    TakeNetwork(store, &l->agent_net.pack, &l->agent);
    TakeTable(store, l, model->part[IR_USER_ITEM_PART].stride, &l->user_items);
    TakeTable(store, l, model->part[IR_CLICK_PART].stride, &l->clicks);
    TakeTable(store, l, model->part[IR_ITEM_PART].stride, &l->policy);
    ItemSharesTake(store, l->items, model->part[IR_USER_ITEM_PART].stride,
                   ShareRoom(store, SizeAdd(shown, SizeMultiply(2, answers))), false,
                   &l->user_shares);
    ItemSharesTake(store, l->items, model->part[IR_CLICK_PART].stride, ShareRoom(store, answers),
                   false, &l->click_shares);
    TakeAgent(store, l, answers, threads);
    TakeJudge(store, l, answers, shown);
    l->work = StoreTake(store, (size_t)l->slices, sizeof(SliceWork));
    for (int s = 0; s < l->slices; s++)
        TakeWork(store, l, shape, l->work == NULL ? NULL : &l->work[s]);
    l->user.values = model->part[IR_USER_NETWORK_PART].data;
    l->agent.values = model->part[IR_NETWORK_PART].data;
    l->user_items.rows = model->part[IR_USER_ITEM_PART].data;
    l->clicks.rows = model->part[IR_CLICK_PART].data;
    l->policy.rows = model->part[IR_ITEM_PART].data;
}

/* --- first values */

static void StartTable(const Host *host, uint64_t seed, uint64_t key, uint32_t items,
                       uint32_t columns, Table *table)
{
    size_t stride = VectorStride(columns);

    for (uint32_t i = 0; i < items; i++) {
        Random random;

        RandomSeed(&random, seed, RANDOM_INIT_ITEM, i, key);
        RealClear(table->rows + i * stride, stride);
        RealClear(table->adam.state + 2 * i * stride, 2 * stride);
        table->adam.step[i] = 0;
        for (uint32_t k = 0; k < columns; k++)
            table->rows[i * stride + k] = (float)(START_DEVIATION * RandomNormal(&random));
        if (i % INIT_POLL == 0)
            HostPoll(host);
    }
}

static void StartNetwork(Network *network, Random *random, uint64_t seed, uint64_t key)
{
    RandomSeed(random, seed, RANDOM_INIT_WEIGHT, key, 0);
    RealClear(network->values, network->floats);
    RealClear(network->state, 2 * network->floats);
    network->step = 0;
}

void IrStartUser(Learner *learner, uint64_t seed)
{
    Learner *l = learner;
    Random random;

    StartNetwork(&l->user, &random, seed, 1);
    UserNetStart(&l->user_net, &random, l->user.values);
    StartTable(l->host, seed, 1, l->items, l->user_net.factors, &l->user_items);
}

void IrStartAgent(Learner *learner, uint64_t seed)
{
    Learner *l = learner;
    Random random;

    StartNetwork(&l->agent, &random, seed, 0);
    AgentNetStart(&l->agent_net, &random, l->agent.values);
    StartTable(l->host, seed, 0, l->items, l->agent_net.factors, &l->clicks);
    StartTable(l->host, seed, 2, l->items, l->agent_net.hidden + 1, &l->policy);
}

void IrStartJudge(Learner *learner, uint64_t seed)
{
    Learner *l = learner;
    Random random;

    StartNetwork(&l->judge, &random, seed, 2);
    JudgeNetStart(&l->judge_net, &random, l->judge.values);
    StartTable(l->host, seed, 3, l->items, l->judge_net.factors, &l->judge_items);
}
