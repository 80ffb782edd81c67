/*
 * serve.c: shape of the model, queries from histories, and visitors.
 *
 * A visitor's state: z (as long as an item's row), c_s + c, U_s.  Records are read from a table:
 * what names no item is left out.
 */
#include <string.h>

#include "algo/policy/environment.h"
#include "algo/user_response/user_response.h"
#include "core/vector.h"

/* Items whose products are made at a time, on the stack. */
#define PRODUCTS 128

void ResponseLayout(Model *model)
{
    const ResponseOptions *o = model->options;
    uint32_t factors = (uint32_t)o->factors, records = (uint32_t)o->records;

    ModelAddPart(model, "item", AXIS_ITEM, model->items, factors + 1);
    ModelAddPart(model, "click", AXIS_ITEM, model->items, factors);
    ModelAddPart(model, "mapping", AXIS_SHARED, factors, factors);
    ModelAddColumn(model, "constant", AXIS_SHARED, 1);
    ModelAddPart(model, "record", AXIS_SHARED, records, factors + 1);
    ModelAddPart(model, "record_history", AXIS_SHARED, records, (uint32_t)o->history + 1);
}

/* --- the formula */

static void AddMean(const Model *model, const uint32_t *items, uint32_t count, float *mean)
{
    const Part *click = &model->part[RESPONSE_CLICK_PART];

    for (uint32_t h = 0; h < count; h++)
        for (uint32_t k = 0; k < click->columns; k++)
            mean[k] += PartRow(click, items[h])[k] / (float)count;
}

/* z = u + A mean */
static void Map(const Model *model, const float *u, const float *mean, float *z)
{
    const Part *mapping = &model->part[RESPONSE_MAPPING_PART];

    DotRows(mean, mapping->data, mapping->rows, mapping->stride, z);
    for (uint32_t k = 0; k < mapping->rows && u != NULL; k++)
        z[k] += u[k];
    z[mapping->rows] = 1;
}

#define MOST_STRIDE 544 /* of 512 factors and a bias */

void ResponseInterest(const Model *model, const float *u, const uint32_t *items, uint32_t count,
                      float *mean, float *z)
{
    float own[MOST_STRIDE] __attribute__((aligned(64)));
    uint32_t stride = model->part[RESPONSE_ITEM_PART].stride;

    mean = mean == NULL ? own : mean;
    memset(mean, 0, stride * sizeof(float));
    memset(z, 0, stride * sizeof(float));
    AddMean(model, items, count, mean);
    Map(model, u, mean, z);
}

/* What is no item has the row of the first for a moment. */
static void ProductsOf(const Part *item, const float *z, const uint32_t *shown, uint32_t count,
                       float *out)
{
    uint32_t rows[PRODUCTS] = {0};

    for (uint32_t i = 0; i < count; i++)
        rows[i] = shown[i] == NO_ITEM ? 0 : shown[i];
    DotRowsAt(z, item->data, rows, count, item->stride, out);
    for (uint32_t i = 0; i < count; i++)
        out[i] = shown[i] == NO_ITEM ? 0 : out[i];
}

void ResponseProducts(const Model *model, const float *z, const uint32_t *shown, uint32_t count,
                      float *out)
{
    for (uint32_t first = 0; first < count; first += PRODUCTS)
        ProductsOf(&model->part[RESPONSE_ITEM_PART], z, shown + first,
                   count - first < PRODUCTS ? count - first : PRODUCTS, out + first);
}

/* --- queries: of somebody of whom nothing but the history is known */

uint32_t ResponseQueryWidth(const Model *model)
{
    return model->part[RESPONSE_ITEM_PART].stride;
}

HistoryNeed ResponseHistory(const void *options)
{
    return (HistoryNeed){.ordered = true,
                         .limit = (uint32_t)((const ResponseOptions *)options)->history};
}

void ResponseQuery(const Model *view, const QueryInput *input, float *query)
{
    const Part *click = &view->part[RESPONSE_CLICK_PART];
    float mean[MOST_STRIDE] __attribute__((aligned(64))) = {0};

    for (uint32_t h = 0; h < input->count; h++)
        for (uint32_t k = 0; k < click->columns; k++)
            mean[k] += InputRow(view, input, RESPONSE_CLICK_PART, h)[k] / (float)input->count;
    memset(query, 0, ResponseQueryWidth(view) * sizeof(float));
    Map(view, NULL, mean, query);
}

/* --- visitors */

static VisitorRules Rules(const void *options)
{
    return ((const ResponseOptions *)options)->rules;
}

static uint32_t Stride(const Model *simulator)
{
    return simulator->part[RESPONSE_ITEM_PART].stride;
}

static uint32_t State(const Model *simulator)
{
    return 2 * Stride(simulator) + VECTOR_LANES;
}

static float *Constant(const Model *simulator, float *state)
{
    return state + Stride(simulator);
}

static float *Own(const Model *simulator, float *state)
{
    return state + Stride(simulator) + VECTOR_LANES;
}

static uint32_t Records(const Model *simulator)
{
    return simulator->part[RESPONSE_RECORD_PART].rows;
}

/* What is no whole number below the limit becomes the limit. */
static uint32_t WholeBelow(float value, uint32_t limit)
{
    uint32_t whole = value >= 0 && value < (float)limit ? (uint32_t)value : limit;

    return (float)whole == value ? whole : limit;
}

/* The clicks of a record, at most the last `limit`. */
static uint32_t ReadHistory(const Model *simulator, uint32_t record, uint32_t *items,
                            uint32_t limit)
{
    const Part *part = &simulator->part[RESPONSE_HISTORY_PART];
    const float *row = PartRow(part, record);
    uint32_t count = WholeBelow(row[0], part->columns), kept = 0;

    count = count == part->columns ? 0 : count;
    for (uint32_t h = count > limit ? count - limit : 0; h < count; h++) {
        items[kept] = WholeBelow(row[1 + h], simulator->items);
        kept += items[kept] != simulator->items;
    }
    return kept;
}

static void Advance(const Model *simulator, float *state, const uint32_t *items, uint32_t count)
{
    uint32_t history = ResponseHistoryLength(simulator);
    uint32_t first = count > history ? count - history : 0;

    ResponseInterest(simulator, Own(simulator, state), items + first, count - first, NULL, state);
}

static uint32_t Start(const Model *simulator, uint32_t record, float *state, uint32_t *items,
                      uint32_t limit)
{
    const Part *part = &simulator->part[RESPONSE_RECORD_PART];
    const float *row = PartRow(part, record);
    uint32_t factors = part->columns - 1, count = ReadHistory(simulator, record, items, limit);

    memset(state, 0, State(simulator) * sizeof(float));
    memcpy(Own(simulator, state), row, factors * sizeof(float));
    *Constant(simulator, state) = row[factors] + simulator->part[RESPONSE_CONSTANT_PART].data[0];
    Advance(simulator, state, items, count);
    return count;
}

static void Respond(const Model *simulator, const float *state, const uint32_t *shown,
                    uint32_t count, float *out)
{
    float constant = *Constant(simulator, (float *)state);

    ResponseProducts(simulator, state, shown, count, out);
    for (uint32_t i = 0; i < count; i++)
        out[i] += constant;
}

const SimulatorMethods response_methods = {
    .rules = Rules,
    .state = State,
    .records = Records,
    .start = Start,
    .respond = Respond,
    .advance = Advance,
};
