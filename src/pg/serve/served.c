/*
 * served.c: what a served model answers by itself: who and what has which index or id, the query of
 * a user, the score of one item.
 *
 * Answers come from memory where the item side is resident, else from the model's table or image.
 * Lists of rows are the business of rows.c, the best items that of select.c.
 */
#include "pg/serve/served.h"

#include <math.h>

#include "common/hashfn.h"

#include "pg/ids/id_text.h"
#include "pg/model/view.h"

/* In the current context: the header, without the JSON documents that it is made of. */
static Header ReadHeader(ModelStore *store)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext reading = AllocSetContextCreate(caller, "recadv header", ALLOCSET_DEFAULT_SIZES);
    Header header;
    void *options;

    MemoryContextSwitchTo(reading);
    header = HeaderRead(store);
    MemoryContextSwitchTo(caller);
    options = palloc(header.algorithm->options_size);
    memcpy(options, header.options, header.algorithm->options_size);
    header.options = options;
    if (header.scenarios != NULL)
        header.scenarios = ScenariosCopy(header.scenarios);
    MemoryContextDelete(reading);
    return header;
}

/* Of every number by which the model acts: the same bytes act alike, wherever they lie. */
static uint64 Fingerprint(const Model *model)
{
    uint64 hash = 0;

    for (int i = 0; i < model->parts; i++) {
        const Part *part = &model->part[i];

        if (!PartServes(part, AXIS_SHARED))
            continue;
        for (uint32 row = 0; row < part->rows; row++)
            hash = hash_bytes_extended((const unsigned char *)PartRow(part, row),
                                       (int)(part->columns * sizeof(float)), hash);
    }
    return hash;
}

void ServedLoad(Served *served, ModelStore *store)
{
    served->store = store;
    served->header = ReadHeader(store);
    HeaderLayout(&served->header, &served->model);
    DictionaryOpen(store, &served->header, AXIS_USER, &served->users);
    DictionaryOpen(store, &served->header, AXIS_ITEM, &served->items);
    for (int i = 0; i < served->model.parts; i++) {
        Part *part = &served->model.part[i];

        if (!PartServes(part, AXIS_SHARED))
            continue;
        part->data = AllocateFloats(part->rows, part->stride);
        ReadPart(store, &served->model, part);
    }
    if (served->model.acts != NULL)
        served->fingerprint = Fingerprint(&served->model);
}

Id ServedCanonical(const Served *served, Axis axis, Id id)
{
    return IdCanonical(axis == AXIS_USER ? served->header.user_text : served->header.item_text, id);
}

uint32 ServedUser(Served *served, Id id)
{
    return DictionaryFind(&served->users, served->store, ServedCanonical(served, AXIS_USER, id));
}

/* Among the items of the model. */
static uint32 FindTrained(Served *served, Id id)
{
    uint32 found;

    if (!served->resident)
        return DictionaryFind(&served->items, served->store, id);
    found = ItemSideFind(served->side, id);
    return found != UNKNOWN_ID ? found : DictionaryFindAdded(&served->items, id);
}

uint32 ServedItem(Served *served, Id id)
{
    uint32 found;

    id = ServedCanonical(served, AXIS_ITEM, id);
    found = FindTrained(served, id);
    if (found == UNKNOWN_ID && served->new_items.count > 0) {
        found = IdListFind(&served->new_items, id);
        if (found != UNKNOWN_ID)
            found += served->header.items;
    }
    return found;
}

Id ServedItemId(Served *served, uint32 item)
{
    if (item >= served->header.items)
        return IdListGet(&served->new_items, item - served->header.items);
    if (served->resident)
        return ItemSideId(served->side, item);
    return DictionaryGet(&served->items, served->store, item);
}

uint32 ServedItems(const Served *served)
{
    return served->header.items + served->new_items.count;
}

float *ServedQueryRoom(const Served *served)
{
    return AllocateFloats(1, (Size)served->model.algorithm->query_width(&served->model) + 1);
}

float *ServedQuery(Served *served, uint32 user)
{
    Model view = ViewAllocate(&served->model, AXIS_USER, 1);
    float *query = ServedQueryRoom(served);

    ViewReadRow(served->store, &served->model, AXIS_USER, user, &view);
    view.algorithm->query(&view, &(QueryInput){.row = 0}, query);
    return query;
}

float CheckScore(const Served *served, float score)
{
    if (!isfinite(score))
        ereport(ERROR,
                (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                 errmsg("model \"%s\" gives scores that are not finite", served->store->name),
                 errhint("Train it again, or return to another version with "
                         "recadv_rollback().")));
    return score;
}

float ServedScore(Served *served, const float *query, uint32 item)
{
    Model view;
    float score;

    if (item >= served->header.items) {
        ModelViewItems(&served->new_rows, item - served->header.items, 1, &view);
    } else if (served->resident) {
        ModelViewItems(&served->model, item, 1, &view);
    } else {
        view = ViewAllocate(&served->model, AXIS_ITEM, 1);
        ViewReadRow(served->store, &served->model, AXIS_ITEM, item, &view);
    }
    ModelScore(&view, query, 1, &score);
    return CheckScore(served, score);
}
