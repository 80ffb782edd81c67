/* serve.c: shape of the model, and the query of a visitor. */
#include "algo/actor_critic/actor_critic.h"

#include "algo/learn/factors.h"

_Static_assert(sizeof(Real) == sizeof(float), "queries are floats");

/* At most 330 kB, as the options are limited: serving allocates nothing. */
#define STACK_FLOATS(count) __builtin_alloca_with_align((count) * sizeof(float), 512)

StateEncoder AcEncoder(const AcOptions *options, Pack *pack)
{
    StateShape shape = {(StateKind)options->encoder, (uint32_t)options->factors,
                        (uint32_t)options->history, (uint32_t)options->layers};

    return StateAdd(pack, &shape);
}

uint32_t AcSlate(const AcOptions *options, const Slates *log, uint32_t items)
{
    uint32_t size = options->slate > 0 ? (uint32_t)options->slate : UsualSlate(log);

    size = size < MOST_SLATE ? size : MOST_SLATE;
    return size < items ? size : items;
}

void AcLayout(Model *model)
{
    const AcOptions *o = model->options;
    Pack pack = {0};

    AcEncoder(o, &pack);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, (uint32_t)o->factors);
    ModelAddPack(model, "network", &pack);
}

uint32_t AcQueryWidth(const Model *model)
{
    return model->part[AC_ITEM_PART].stride;
}

HistoryNeed AcHistory(const void *options)
{
    return (HistoryNeed){.ordered = true, .limit = (uint32_t)((const AcOptions *)options)->history};
}

void AcQuery(const Model *view, const QueryInput *input, float *query)
{
    const AcOptions *o = view->options;
    uint32_t history = (uint32_t)o->history, stride = AcQueryWidth(view);
    uint32_t first = input->count > history ? input->count - history : 0;
    uint32_t count = input->count - first;
    Pack pack = {0};
    StateEncoder encoder = AcEncoder(o, &pack);
    float *rows = STACK_FLOATS((size_t)(count + 1) * stride);
    float *scratch = STACK_FLOATS(StateScratch(&encoder, count));

    for (uint32_t h = 0; h < count; h++)
        RealCopy(InputRow(view, input, AC_ITEM_PART, first + h), stride, rows + (size_t)h * stride);
    StateOfRows(&encoder, &pack, view->part[AC_NETWORK_PART].data, rows, count, scratch, query);
}

/* Cosine of the items' rows. */
void AcSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    (void)axis;
    PartCosines(&one->part[AC_ITEM_PART], &view->part[AC_ITEM_PART], out);
}
