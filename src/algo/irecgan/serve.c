/* serve.c: shape of the model, the query of a visitor, and the visitors that were learnt. */
#include "algo/irecgan/irecgan.h"

#include "algo/learn/factors.h"

_Static_assert(sizeof(Real) == sizeof(float), "queries are floats");

/* At most 60 kB, as the options are limited: serving allocates nothing. */
#define STACK_FLOATS(count) __builtin_alloca_with_align((count) * sizeof(float), 512)

void IrecganUserNet(const IrecganOptions *options, UserNet *net)
{
    UserNetSet((uint32_t)options->factors, (uint32_t)options->hidden, (uint32_t)options->layers,
               net);
}

void IrecganAgentNet(const IrecganOptions *options, AgentNet *net)
{
    AgentNetSet((uint32_t)options->factors, (uint32_t)options->hidden, (uint32_t)options->layers,
                net);
}

void IrecganLayout(Model *model)
{
    const IrecganOptions *o = model->options;
    UserNet user;
    AgentNet agent;

    IrecganUserNet(o, &user);
    IrecganAgentNet(o, &agent);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, (uint32_t)o->hidden + 1);
    ModelAddPart(model, "click", AXIS_ITEM, model->items, (uint32_t)o->factors);
    ModelAddPack(model, "network", &agent.pack);
    ModelAddPart(model, "user_item", AXIS_ITEM, model->items, (uint32_t)o->factors);
    model->part[IR_USER_ITEM_PART].learning = true;
    ModelAddPack(model, "user_network", &user.pack);
    model->part[IR_USER_NETWORK_PART].learning = true;
}

/* --- queries */

uint32_t IrecganQueryWidth(const Model *model)
{
    return model->part[IR_ITEM_PART].stride;
}

HistoryNeed IrecganHistory(const void *options)
{
    return (HistoryNeed){.ordered = true,
                         .limit = (uint32_t)((const IrecganOptions *)options)->history};
}

void IrecganQuery(const Model *view, const QueryInput *input, float *query)
{
    const IrecganOptions *o = view->options;
    uint32_t history = (uint32_t)o->history;
    uint32_t first = input->count > history ? input->count - history : 0;
    AgentNet net;
    float *state, *scratch;

    IrecganAgentNet(o, &net);
    state = STACK_FLOATS(RecurrentState(&net.lstm));
    scratch = STACK_FLOATS(RecurrentScratch(&net.lstm, 1));
    RealClear(state, RecurrentState(&net.lstm));
    for (uint32_t h = first; h < input->count; h++)
        RecurrentStep(&net.lstm, &net.pack, view->part[IR_NETWORK_PART].data, 1,
                      InputRow(view, input, IR_CLICK_PART, h), state, scratch);
    AgentQuery(&net, state + RecurrentTop(&net.lstm), query);
}

/* Cosine of the items' rows. */
void IrecganSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    (void)axis;
    PartCosines(&one->part[IR_ITEM_PART], &view->part[IR_ITEM_PART], out);
}

/* --- visitors */

/* Who starts has clicked nothing. */
static uint32_t Records(const Model *simulator)
{
    (void)simulator;
    return 1;
}

static uint32_t State(const Model *simulator)
{
    UserNet net;

    IrecganUserNet(simulator->options, &net);
    return (uint32_t)RecurrentState(&net.lstm);
}

static uint32_t Start(const Model *simulator, uint32_t record, float *state, uint32_t *items,
                      uint32_t limit)
{
    (void)record, (void)items, (void)limit;
    RealClear(state, State(simulator));
    return 0;
}

static void Respond(const Model *simulator, const float *state, const uint32_t *shown,
                    uint32_t count, float *out)
{
    const float *parameters = simulator->part[IR_USER_NETWORK_PART].data;
    UserNet net;
    float *wish;

    IrecganUserNet(simulator->options, &net);
    wish = STACK_FLOATS(Pitch(net.factors));
    UserWish(&net, parameters, state + RecurrentTop(&net.lstm), 1, wish);
    UserOdds(&net, parameters, simulator->part[IR_USER_ITEM_PART].data, wish, shown, count, out);
}

static float Answered(const Model *simulator, float *state, uint32_t item)
{
    const float *parameters = simulator->part[IR_USER_NETWORK_PART].data;
    UserNet net;
    float *scratch;

    IrecganUserNet(simulator->options, &net);
    scratch = STACK_FLOATS(RecurrentScratch(&net.lstm, 1));
    RecurrentStep(&net.lstm, &net.pack, parameters, 1,
                  UserRow(&net, parameters, simulator->part[IR_USER_ITEM_PART].data, item), state,
                  scratch);
    return UserLeaves(&net, parameters, state + RecurrentTop(&net.lstm));
}

/* Who never leaves is not followed any further. */
static VisitorRules Rules(const void *options)
{
    (void)options;
    return (VisitorRules){.patience = MOST_STEPS};
}

const SimulatorMethods irecgan_visitors = {
    .rules = Rules,
    .state = State,
    .records = Records,
    .start = Start,
    .respond = Respond,
    .answered = Answered,
};
