/*
 * user.c: what a user has done since the last refresh counts in the next question.
 *
 * The pending events of the user are learnt in copies of the rows that they change, for this
 * question alone; nothing is written.  A user whom the model does not know yet starts as a refresh
 * would start him.
 */
#include "pg/serve/user.h"

#include "pg/stream/pending.h"
#include "pg/model/interactions.h"
#include "pg/serve/history.h"

static void TakeEvents(Served *served, const PendingRows *pending, TargetUser *target)
{
    target->order = PallocArray(uint32, (Size)pending->count + 1);
    target->noted.rows = PallocArray(uint32, (Size)pending->count + 1);
    for (uint32 i = 0; i < pending->count; i++) {
        uint32 row = ServedItem(served, pending->events[i].item);

        if (row != UNKNOWN_ID) /* else: of a version that has been rolled back, say */
            target->order[target->events++] = row;
        CHECK_FOR_INTERRUPTS();
    }
    memcpy(target->noted.rows, target->order, target->events * sizeof(uint32));
    SortIndexes(target->noted.rows, target->events);
    for (uint32 i = 0; i < target->events; i++)
        if (i == 0 || target->noted.rows[i] != target->noted.rows[i - 1])
            target->noted.rows[target->noted.count++] = target->noted.rows[i];
}

TargetUser TargetUserOpen(Served *served, ModelTable *table, Id id)
{
    return TargetUserOfIndex(served, table, id, ServedUser(served, id));
}

TargetUser TargetUserOfIndex(Served *served, ModelTable *table, Id id, uint32 user)
{
    TargetUser target = {.id = ServedCanonical(served, AXIS_USER, id), .user = user};

    HeaderCheckUsers(served->store, &served->header);
    if (table != NULL && served->header.algorithm->stream != NULL) {
        PendingRows pending = PendingOfUser(table, &served->header, target.id);

        TakeEvents(served, &pending, &target);
    }
    return target;
}

bool TargetUserIsKnown(const TargetUser *target)
{
    return target->user != UNKNOWN_ID || target->events > 0;
}

static void StartUser(Served *served, const TargetUser *target, Model *view)
{
    Id id;

    IdConvert(target->id, served->header.user_kind, &id);
    ViewClear(view, AXIS_USER);
    view->algorithm->stream->start_user(view, 0, IdKey(id));
}

/* Learning an event writes into these shared parts: the question gets copies. */
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

static void NoteEvents(Served *served, const TargetUser *target, Model *view)
{
    const RowList *noted = &target->noted;
    Model items = RowsGather(served, AXIS_ITEM, noted->rows, noted->count);

    view->items = items.items;
    for (int i = 0; i < view->parts; i++)
        if (view->part[i].axis == AXIS_ITEM)
            view->part[i] = items.part[i];
    for (uint32 i = 0; i < target->events; i++) {
        uint32 *at =
            bsearch(&target->order[i], noted->rows, noted->count, sizeof(uint32), CompareIndexes);

        view->algorithm->stream->write(
            view, &(Event){.user = 0, .item = (uint32)(at - noted->rows), .weight = 1});
        CHECK_FOR_INTERRUPTS();
    }
}

float *TargetUserQuery(Served *served, const TargetUser *target)
{
    Model view;
    float *query;

    if (!TargetUserIsKnown(target) && served->header.half_life > 0)
        return NULL;
    if (!IsPersonal(&served->model))
        return ServedQueryRoom(served); /* everybody's, also a stranger's */
    if (!TargetUserIsKnown(target))
        return NULL;
    if (target->events == 0)
        return MakesQueriesOfHistories(served) ? StoredHistoryQuery(served, target->user)
                                               : ServedQuery(served, target->user);
    if (target->user == UNKNOWN_ID) {
        view = ViewAllocate(&served->model, AXIS_USER, 1);
        StartUser(served, target, &view);
    } else {
        view = RowsGather(served, AXIS_USER, &target->user, 1);
    }
    CopyWritten(&view);
    NoteEvents(served, target, &view);
    query = ServedQueryRoom(served);
    view.algorithm->query(&view, &(QueryInput){.row = 0}, query);
    return query;
}

RowList TargetUserSeen(Served *served, const TargetUser *target)
{
    RowList seen = {0};

    if (target->user != UNKNOWN_ID)
        seen.rows = ReadSeen(served->store, &served->header, target->user, &seen.count);
    return RowsUnion(seen, target->noted);
}
