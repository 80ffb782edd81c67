/* user.c: noting pending events before the question is asked. */
#include "pg/serve/user.h"

#include "pg/stream/pending.h"
#include "pg/model/interactions.h"

static void TakeEvents(Served *served, const PendingRows *pending, Asker *asker)
{
    asker->order = PallocArray(uint32, (Size)pending->count + 1);
    asker->noted.rows = PallocArray(uint32, (Size)pending->count + 1);
    for (uint32 i = 0; i < pending->count; i++) {
        uint32 row = ServedItem(served, pending->events[i].item);

        if (row != UNKNOWN_ID) /* else: of a version that has been rolled back, say */
            asker->order[asker->events++] = row;
    }
    memcpy(asker->noted.rows, asker->order, asker->events * sizeof(uint32));
    qsort(asker->noted.rows, asker->events, sizeof(uint32), CompareIndexes);
    for (uint32 i = 0; i < asker->events; i++)
        if (i == 0 || asker->noted.rows[i] != asker->noted.rows[i - 1])
            asker->noted.rows[asker->noted.count++] = asker->noted.rows[i];
}

Asker AskerOpen(Served *served, ModelTable *table, Id id)
{
    return AskerOfUser(served, table, id, ServedUser(served, id));
}

Asker AskerOfUser(Served *served, ModelTable *table, Id id, uint32 user)
{
    Asker asker = {.id = id, .user = user};

    if (table != NULL && served->header.algorithm->stream != NULL) {
        PendingRows pending = PendingOfUser(table, &served->header, id);

        TakeEvents(served, &pending, &asker);
    }
    return asker;
}

bool AskerIsKnown(const Asker *asker)
{
    return asker->user != UNKNOWN_ID || asker->events > 0;
}

static void StartUser(Served *served, const Asker *asker, Model *view)
{
    Id id;

    IdConvert(asker->id, served->header.user_kind, &id);
    ViewClear(view, AXIS_USER);
    view->algorithm->stream->start_user(view, 0, IdKey(id));
}

/* What events are noted in is this question's own. */
static void CopyWritten(Model *view)
{
    for (int i = 0; i < view->parts; i++) {
        Part *part = &view->part[i];
        float *copy;

        if (part->axis != AXIS_SHARED || !part->written)
            continue;
        copy = AllocateFloats(part->rows, part->stride);
        memcpy(copy, part->data, (Size)part->rows * part->stride * sizeof(float));
        part->data = copy;
    }
}

static void NoteEvents(Served *served, const Asker *asker, Model *view)
{
    const RowList *noted = &asker->noted;
    Model items = RowsGather(served, AXIS_ITEM, noted->rows, noted->count);

    view->items = items.items;
    for (int i = 0; i < view->parts; i++)
        if (view->part[i].axis == AXIS_ITEM)
            view->part[i] = items.part[i];
    for (uint32 i = 0; i < asker->events; i++) {
        uint32 *at =
            bsearch(&asker->order[i], noted->rows, noted->count, sizeof(uint32), CompareIndexes);

        view->algorithm->stream->write(view, 0, (uint32)(at - noted->rows));
        CHECK_FOR_INTERRUPTS();
    }
}

float *AskerQuery(Served *served, const Asker *asker)
{
    Model view;
    float *query;

    if (!AskerIsKnown(asker))
        return NULL;
    if (asker->events == 0)
        return ServedQuery(served, asker->user);
    if (asker->user == UNKNOWN_ID) {
        view = ViewAllocate(&served->model, AXIS_USER, 1);
        StartUser(served, asker, &view);
    } else {
        view = RowsGather(served, AXIS_USER, &asker->user, 1);
    }
    CopyWritten(&view);
    NoteEvents(served, asker, &view);
    query = ServedQueryRoom(served);
    view.algorithm->query(&view, 0, query);
    return query;
}

RowList AskerSeen(Served *served, const Asker *asker)
{
    RowList seen = {0};

    if (asker->user != UNKNOWN_ID)
        seen.rows = ReadSeen(served->store, &served->header, asker->user, &seen.count);
    return RowsUnion(seen, asker->noted);
}
