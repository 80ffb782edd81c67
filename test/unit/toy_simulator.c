/* toy_simulator.c: a simulator by a formula. */
#include "toy_simulator.h"

#include <string.h>

#include "support.h"

static void Layout(Model *model)
{
    ModelAddColumn(model, "odds", AXIS_ITEM, model->items);
    ModelAddPart(model, "alike", AXIS_ITEM, model->items, 2);
}

static uint32_t State(const Model *simulator)
{
    (void)simulator;
    return 1;
}

static uint32_t Records(const Model *simulator)
{
    (void)simulator;
    return TOY_RECORDS;
}

float ToyMood(const uint32_t *items, uint32_t count)
{
    uint32_t sum = count;

    for (uint32_t i = 0; i < count; i++)
        sum += (i + 1) * items[i];
    return 0.1f * (float)(sum % 11) - 0.5f;
}

/* Record r has clicked the items r, r - 1, ... 0. */
static uint32_t Start(const Model *simulator, uint32_t record, float *state, uint32_t *items,
                      uint32_t limit)
{
    uint32_t count = record < simulator->items ? record : simulator->items - 1;

    count = count < limit ? count : limit;
    for (uint32_t i = 0; i < count; i++)
        items[i] = count - 1 - i;
    state[0] = ToyMood(items, count);
    return count;
}

static void Respond(const Model *simulator, const float *state, const uint32_t *shown,
                    uint32_t count, float *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = (shown[i] == NO_ITEM ? 0 : *PartRow(&simulator->part[TOY_ODDS_PART], shown[i])) +
                 state[0];
}

static void Advance(const Model *simulator, float *state, const uint32_t *items, uint32_t count)
{
    (void)simulator;
    state[0] = ToyMood(items, count);
}

static const SimulatorMethods methods = {
    .state = State, .records = Records, .start = Start, .respond = Respond, .advance = Advance};
static const PolicyMethods policy = {.simulator = &methods};
static const Algorithm toy_algorithm = {
    .name = "toy visitors", .layout = Layout, .embedding = {0, TOY_ALIKE_PART}, .policy = &policy};

void ToyCreate(TestHost *t, uint32_t items, Toy *toy)
{
    memset(toy, 0, sizeof(*toy));
    ModelLayout(&toy->model, &toy_algorithm, &toy->options, 0, items);
    ModelAllocate(&t->host, &toy->model);
}

void ToySetOdds(Toy *toy, uint32_t item, float odds)
{
    *PartRow(&toy->model.part[TOY_ODDS_PART], item) = odds;
}
