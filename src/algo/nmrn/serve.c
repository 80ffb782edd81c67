/*
 * serve.c: what nmrn and nmrn_gan answer: the parts of their models, first values of rows that are
 * new, queries, scores, and the slots for recadv_memory().
 */
#include <math.h>
#include <string.h>

#include "algo/nmrn/memory_network.h"
#include "core/vector.h"

/* At most half a megabyte, as the options are limited: serving allocates nothing. */
#define STACK_FLOATS(count) __builtin_alloca_with_align((count) * sizeof(float), 512)

/* First weight of the last item, and that of each one before against the one after it. */
#define RECENT_PULL 0.3f
#define RECENT_NEXT 0.6f

MemoryShape NmrnShape(const NmrnOptions *o)
{
    bool own = o->memory == MEMORY_USER;

    return (MemoryShape){.factors = (uint32_t)o->factors,
                         .stride = VectorStride((uint32_t)o->factors),
                         .slots = (uint32_t)o->slots,
                         .recent = own ? (uint32_t)o->recent : 0,
                         .hops = (uint32_t)o->hops,
                         .addressing = (Addressing)o->addressing,
                         .write = (WriteForm)o->write,
                         .beta = o->address_beta,
                         .query_weight = o->query_weight};
}

WeightRows NmrnWeightRows(const NmrnOptions *o)
{
    WeightRows rows = {.start = (size_t)o->slots, .gate = 2 * (size_t)o->slots};

    rows.head = rows.gate + GateRows((uint32_t)o->factors);
    rows.recent = rows.head + HEAD_ROWS;
    rows.count = rows.recent + NmrnShape(o).recent;
    return rows;
}

static void AddState(Model *model, const char *name, Axis axis, uint32_t rows)
{
    const NmrnOptions *o = model->options;

    if (o->optimizer == 0)
        ModelAddColumn(model, name, axis, rows);
    else
        ModelAddPart(model, name, axis, rows, (uint32_t)o->factors);
    model->part[model->parts - 1].learning = true;
}

void NmrnLayout(Model *model)
{
    const NmrnOptions *o = model->options;
    MemoryShape shape = NmrnShape(o);
    uint32_t weights = (uint32_t)NmrnWeightRows(o).count;

    ModelAddPart(model, "user", AXIS_USER, model->users, shape.factors);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, shape.factors);
    ModelAddColumn(model, "item_bias", AXIS_ITEM, model->items);
    if (o->memory == MEMORY_USER)
        ModelAddPart(model, "memory", AXIS_USER, model->users, (uint32_t)BankReals(&shape));
    else
        ModelAddPart(model, "memory", AXIS_SHARED, shape.slots, shape.factors);
    model->part[NMRN_MEMORY_PART].written = true;
    ModelAddPart(model, "weight", AXIS_SHARED, weights,
                 shape.factors < HEAD_BIAS ? HEAD_BIAS : shape.factors);
    ModelAddPart(model, "slot", AXIS_SHARED, shape.slots, SLOT_COLUMNS);
    AddState(model, "user_state", AXIS_USER, model->users);
    AddState(model, "item_state", AXIS_ITEM, model->items);
    ModelAddColumn(model, "item_bias_state", AXIS_ITEM, model->items);
    model->part[NMRN_BIAS_STATE].learning = true;
    ModelAddPart(model, "weight_state", AXIS_SHARED, weights,
                 model->part[NMRN_WEIGHT_PART].columns);
    model->part[NMRN_WEIGHT_STATE].learning = true;
    if (o->addressing == ADDRESS_NTM) {
        ModelAddPart(model, "attention", AXIS_USER, model->users, shape.slots);
        model->part[NMRN_ATTENTION_PART].written = true;
    }
    if (o->loss == LOSS_SOFTMAX) {
        ModelAddColumn(model, "temperature", AXIS_SHARED, 1);
        model->part[NmrnTemperaturePart(o)].learning = true;
    }
}

int NmrnTemperaturePart(const NmrnOptions *o)
{
    return o->addressing == ADDRESS_NTM ? NMRN_ATTENTION_PART + 1 : NMRN_ATTENTION_PART;
}

/* A stored number may be anything. */
float NmrnTemperature(const Model *model)
{
    float value = model->part[NmrnTemperaturePart(model->options)].data[0];

    return value >= LEAST_TEMPERATURE && value <= GREATEST_TEMPERATURE ? value : PLAIN_TEMPERATURE;
}

static float *RowOf(const Model *model, int part, size_t row)
{
    return model->part[part].data + row * model->part[part].stride;
}

Net NmrnNet(const Model *model, float *scratch)
{
    WeightRows rows = NmrnWeightRows(model->options);

    return (Net){.shape = NmrnShape(model->options),
                 .key = RowOf(model, NMRN_WEIGHT_PART, rows.key),
                 .gate = RowOf(model, NMRN_WEIGHT_PART, rows.gate),
                 .head = RowOf(model, NMRN_WEIGHT_PART, rows.head),
                 .recent = RowOf(model, NMRN_WEIGHT_PART, rows.recent),
                 .scratch = scratch};
}

float *NmrnBank(const Model *model, uint32_t user)
{
    const NmrnOptions *o = model->options;

    return RowOf(model, NMRN_MEMORY_PART, o->memory == MEMORY_USER ? user : 0);
}

float *NmrnAttention(const Model *model, uint32_t user)
{
    const NmrnOptions *o = model->options;

    return o->addressing == ADDRESS_NTM ? RowOf(model, NMRN_ATTENTION_PART, user) : NULL;
}

void NmrnResetBank(const Model *model, uint32_t user)
{
    const NmrnOptions *o = model->options;
    MemoryShape shape = NmrnShape(o);
    size_t floats = (size_t)shape.slots * shape.stride;

    memcpy(NmrnBank(model, user), RowOf(model, NMRN_WEIGHT_PART, NmrnWeightRows(o).start),
           floats * sizeof(float));
    memset(NmrnBank(model, user) + floats, 0, (BankReals(&shape) - floats) * sizeof(float));
}

void NmrnResetAttention(const Model *model, uint32_t user)
{
    const NmrnOptions *o = model->options;
    float *attention = NmrnAttention(model, user);

    for (int64_t i = 0; i < o->slots && attention != NULL; i++)
        attention[i] = 1.0f / (float)o->slots;
}

/* --- first values */

static void Fill(float *row, size_t columns, double deviation, Random *random)
{
    for (size_t k = 0; k < columns; k++)
        row[k] = (float)(deviation * RandomNormal(random));
}

/* At scale 1 two random rows are about 1 apart. */
static double Deviation(const NmrnOptions *o, double scale)
{
    return scale / sqrt(2.0 * (double)o->factors);
}

void NmrnStartUser(const Model *view, uint32_t row, uint64_t key)
{
    const NmrnOptions *o = view->options;
    Random random;

    RandomSeed(&random, (uint64_t)o->train.seed, RANDOM_INIT_USER, key, 0);
    Fill(RowOf(view, NMRN_USER_PART, row), (size_t)o->factors, Deviation(o, o->user_scale),
         &random);
    if (o->memory == MEMORY_USER)
        NmrnResetBank(view, row);
    NmrnResetAttention(view, row);
}

void NmrnStartItem(const Model *view, uint32_t row, uint64_t key)
{
    const NmrnOptions *o = view->options;
    Random random;

    RandomSeed(&random, (uint64_t)o->train.seed, RANDOM_INIT_ITEM, key, 0);
    Fill(RowOf(view, NMRN_ITEM_PART, row), (size_t)o->factors, Deviation(o, o->item_scale),
         &random);
}

static void FillRows(Model *model, size_t first, size_t rows, double deviation, Random *random)
{
    const NmrnOptions *o = model->options;

    for (size_t r = first; r < first + rows; r++)
        Fill(RowOf(model, NMRN_WEIGHT_PART, r), (size_t)o->factors, deviation, random);
}

/* Weights of the add gate are stored by input: row k is column k of the matrix. */
static void StartGates(Model *model, Random *random)
{
    const NmrnOptions *o = model->options;
    size_t r = (size_t)o->factors, gate = NmrnWeightRows(o).gate;

    FillRows(model, gate, r, 0.01, random);
    for (size_t k = 0; k < r; k++)
        RowOf(model, NMRN_WEIGHT_PART, gate + r)[k] = (float)o->erase_bias;
    if (o->add_start == ADD_XAVIER)
        FillRows(model, gate + r + 1, r, sqrt(1.0 / (double)r), random);
    else
        for (size_t k = 0; k < r; k++)
            RowOf(model, NMRN_WEIGHT_PART, gate + r + 1 + k)[k] = 1;
}

/* First biases of the heads: strength as address_beta says, no shift, hardly any sharpening. */
static void StartHeads(Model *model, Random *random)
{
    const NmrnOptions *o = model->options;
    size_t head = NmrnWeightRows(o).head;
    float *bias = RowOf(model, NMRN_WEIGHT_PART, head + HEAD_BIAS);

    FillRows(model, head, HEAD_BIAS, 0.01, random);
    bias[HEAD_BETA] = (float)(o->address_beta > 30 ? o->address_beta : log(expm1(o->address_beta)));
    bias[HEAD_GATE] = 2;
    bias[HEAD_SHIFT + 1] = 2;
    bias[HEAD_SHARPEN] = -2;
}

/* The last items pull from the start, older ones less. */
static void StartRecent(Model *model)
{
    const NmrnOptions *o = model->options;
    WeightRows rows = NmrnWeightRows(o);
    float pull = RECENT_PULL;

    for (size_t r = rows.recent; r < rows.count; r++, pull *= RECENT_NEXT)
        for (int64_t k = 0; k < o->factors; k++)
            RowOf(model, NMRN_WEIGHT_PART, r)[k] = pull;
}

void NmrnStartWeights(Model *model)
{
    const NmrnOptions *o = model->options;
    WeightRows rows = NmrnWeightRows(o);
    Random random;

    RandomSeed(&random, (uint64_t)o->train.seed, RANDOM_INIT_WEIGHT, 0, 0);
    FillRows(model, rows.key, (size_t)o->slots, Deviation(o, o->key_scale), &random);
    FillRows(model, rows.start, (size_t)o->slots, Deviation(o, o->memory_scale), &random);
    StartGates(model, &random);
    StartHeads(model, &random);
    StartRecent(model);
}

/* --- serving */

uint32_t NmrnQueryWidth(const Model *model)
{
    return VectorStride((uint32_t)((const NmrnOptions *)model->options)->factors);
}

void NmrnQuery(const Model *view, const QueryInput *input, float *query)
{
    uint32_t row = input->row;
    Net net = NmrnNet(view, NULL);
    float *tape = STACK_FLOATS(ShortTapeReals(&net.shape));
    Step step = {.user = RowOf(view, NMRN_USER_PART, row),
                 .previous = NmrnAttention(view, row),
                 .tape = tape};

    MemoryRead(&net, &step, NmrnBank(view, row));
    memcpy(query, TapePoint(&net.shape, tape), net.shape.stride * sizeof(float));
}

void NmrnItemScalars(const Model *view, float *out)
{
    const Part *item = &view->part[NMRN_ITEM_PART];

    MemorySquares(item->data, view->items, item->stride, out);
    memcpy(out + NMRN_BIAS * (size_t)view->items, view->part[NMRN_BIAS_PART].data,
           view->items * sizeof(float));
}

/* -d(s, b) + c with d^2 = |s|^2 + |b|^2 - 2 s.b (3.2 of Wang et al., with the item's bias). */
void NmrnFinish(const Model *model, const float *query, const float *scalars, size_t pitch,
                uint32_t count, float *products)
{
    const float *square = scalars + NMRN_SQUARE * pitch, *bias = scalars + NMRN_BIAS * pitch;
    float own;

    MemorySquares(query, 1, NmrnQueryWidth(model), &own);
    for (uint32_t i = 0; i < count; i++) {
        float distance = own + square[i] - 2.0f * products[i];

        products[i] = bias[i] - sqrtf((distance > 0 ? distance : 0) + DISTANCE_FLOOR);
    }
}

void NmrnWrite(const Model *view, const Event *event)
{
    uint32_t user = event->user;
    Net net = NmrnNet(view, NULL);
    float *tape = STACK_FLOATS(ShortTapeReals(&net.shape));
    float *attention = NmrnAttention(view, user);
    Step step = {.user = RowOf(view, NMRN_USER_PART, user),
                 .item = RowOf(view, NMRN_ITEM_PART, event->item),
                 .previous = attention,
                 .tape = tape};

    MemoryRead(&net, &step, NmrnBank(view, user));
    MemoryWrite(&net, &step, NmrnBank(view, user), false);
    if (attention != NULL)
        memcpy(attention, HopAt(&net.shape, tape, 0).weight, net.shape.slots * sizeof(float));
}

uint32_t NmrnSlots(const Model *model)
{
    return (uint32_t)((const NmrnOptions *)model->options)->slots;
}

Slot NmrnSlot(const Model *model, uint32_t slot)
{
    const NmrnOptions *o = model->options;
    WeightRows rows = NmrnWeightRows(o);
    const float *column = RowOf(model, NMRN_SLOT_PART, slot);

    return (Slot){.usage = column[SLOT_USAGE],
                  .entropy = column[SLOT_ENTROPY],
                  .erase = column[SLOT_ERASE],
                  .key = RowOf(model, NMRN_WEIGHT_PART, rows.key + slot),
                  .value = o->memory == MEMORY_USER
                               ? RowOf(model, NMRN_WEIGHT_PART, rows.start + slot)
                               : RowOf(model, NMRN_MEMORY_PART, slot)};
}
