/*
 * collect.c: collects rows of users, items and times in compact arrays.
 *
 * A row takes 8 bytes (16 with a time), and each distinct id an entry of a hash table.  The reader
 * of a source adds rows here, and so does the aggregate recadv_fit(), whose workers each have a
 * collector.
 */
#include "pg/train/collect.h"

#include "pg/base/settings.h"
#include "pg/base/times.h"
#include "pg/model/window.h"

#define CHECK_MEMORY_EVERY 65536

Collector *CollectorCreate(MemoryContext context, Oid user_type, Oid item_type, Oid time_type)
{
    Collector *collector = MemoryContextAllocZero(context, sizeof(Collector));

    collector->context = context;
    collector->scratch =
        AllocSetContextCreate(context, "recadv collector row", ALLOCSET_SMALL_SIZES);
    collector->users = IdIndexCreate(context, user_type);
    collector->items = IdIndexCreate(context, item_type);
    collector->time_type = OidIsValid(time_type) ? TimeType(time_type) : InvalidOid;
    collector->time_typmod = -1;
    return collector;
}

static void *Resize(MemoryContext context, void *array, Size count, Size width)
{
    Size bytes = mul_size(count, width);

    return array == NULL ? MemoryContextAllocHuge(context, bytes) : repalloc_huge(array, bytes);
}

static Size RoomFor(const Collector *c, uint32 more)
{
    if (c->room - c->count >= more)
        return c->room;
    return c->room == 0 ? 1024 : mul_size(c->room, 2);
}

static Size RowMemory(const Collector *c, Size rows)
{
    return mul_size(rows, 2 * sizeof(uint32) + (OidIsValid(c->time_type) ? sizeof(int64) : 0));
}

/* Bytes with `more` rows, if all of them have ids that are new. */
static Size MemoryFor(const Collector *c, uint32 more)
{
    return add_size(RowMemory(c, RoomFor(c, more)),
                    add_size(IdIndexMemory(c->users, more), IdIndexMemory(c->items, more)));
}

Size CollectorMemory(const Collector *c)
{
    return MemoryFor(c, 0);
}

static void CheckFor(const Collector *c, uint32 more)
{
    CheckMemory(MemoryFor(c, more), "reading the interactions");
}

/* Makes room for `more` rows. */
static void Grow(Collector *c, uint32 more)
{
    Size room = RoomFor(c, more);

    if (room == c->room)
        return;
    c->room = room;
    c->user = Resize(c->context, c->user, c->room, sizeof(uint32));
    c->item = Resize(c->context, c->item, c->room, sizeof(uint32));
    if (OidIsValid(c->time_type))
        c->time = Resize(c->context, c->time, c->room, sizeof(int64));
}

void CollectorAddNumbers(Collector *c, uint32 user, uint32 item, int64 time)
{
    Grow(c, 1);
    c->user[c->count] = user;
    c->item[c->count] = item;
    if (c->time != NULL)
        c->time[c->count] = time;
    if (++c->count % CHECK_MEMORY_EVERY == 0)
        CheckFor(c, 0);
}

static void LookUp(IdIndex *index, const int64 *pending, uint32 count, uint32 *numbers)
{
    if (IdIndexKind(index) == ID_INTEGER) {
        IdIndexAddIntegers(index, pending, count, numbers);
        return;
    }
    for (uint32 i = 0; i < count; i++)
        numbers[i] = (uint32)pending[i];
}

void CollectorFlush(Collector *c)
{
    uint32 n = c->pending;

    c->pending = 0;
    CheckFor(c, n);
    Grow(c, n);
    LookUp(c->users, c->pending_user, n, c->user + c->count);
    LookUp(c->items, c->pending_item, n, c->item + c->count);
    if (c->time != NULL)
        memcpy(c->time + c->count, c->pending_time, n * sizeof(int64));
    c->count += n;
}

/* Integers wait for the batch; a text is looked up at once, for its memory goes with the row. */
static int64 PendingId(Collector *c, IdIndex *index, Datum value)
{
    MemoryContext caller;
    int64 number;

    if (IdIndexKind(index) == ID_INTEGER)
        return IdIndexInteger(index, value);
    caller = MemoryContextSwitchTo(c->scratch);
    number = IdIndexAddDatum(index, value);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(c->scratch);
    return number;
}

void CollectorAdd(Collector *c, NullableDatum user, NullableDatum item, NullableDatum time)
{
    uint32 at = c->pending;

    if (user.isnull || item.isnull) {
        c->null_rows++;
        return;
    }
    c->pending_user[at] = PendingId(c, c->users, user.value);
    c->pending_item[at] = PendingId(c, c->items, item.value);
    c->pending_time[at] =
        OidIsValid(c->time_type) && !time.isnull ? TimeOf(c->time_type, time.value) : NO_TIME;
    if (++c->pending == COLLECT_BATCH)
        CollectorFlush(c);
}

static void ReleaseArrays(Pairs *pairs)
{
    pfree(pairs->user);
    pfree(pairs->item);
    CHECK_FOR_INTERRUPTS(); /* many pages take a while to give back */
    if (pairs->time != NULL)
        pfree(pairs->time);
}

/* No row will follow. */
static void Shrink(Collector *c)
{
    if (c->count == 0 || c->count == c->room)
        return;
    c->room = c->count;
    c->user = repalloc_huge(c->user, mul_size(c->room, sizeof(uint32)));
    c->item = repalloc_huge(c->item, mul_size(c->room, sizeof(uint32)));
    if (c->time != NULL)
        c->time = repalloc_huge(c->time, mul_size(c->room, sizeof(int64)));
}

static void CheckSorting(const Collector *c)
{
    Size ids = add_size(IdIndexSortMemory(c->users), IdIndexSortMemory(c->items));
    Size rows = InteractionsMemory(c->count, IdIndexCount(c->users), c->time != NULL);

    if (c->streams)
        rows = SizeAdd(rows, EventsMemory(c->count, IdIndexCount(c->users)));
    CheckMemory(SizeAdd(add_size(RowMemory(c, c->room), ids), rows), "sorting the interactions");
}

/* Keeps the order of events and the window, before the pairs become a set without repeats. */
static void KeepStream(const Collector *c, const Host *host, const Pairs *pairs, Collected *result)
{
    MemoryContext caller = MemoryContextSwitchTo(c->context);

    EventsBuild(host, pairs, result->users.count, &result->events);
    result->window = palloc(sizeof(Window));
    *result->window =
        WindowOfPairs(pairs, &result->users, &result->items, c->time_type, c->lateness);
    result->window->time_typmod = c->time_typmod;
    MemoryContextSwitchTo(caller);
}

void CollectorFinish(Collector *c, BackendHost *backend, Collected *result)
{
    uint32 *dense_user, *dense_item;
    Pairs pairs = {0};

    Shrink(c);
    *result = (Collected){.rows = c->count, .null_rows = c->null_rows};
    result->user_type = IdIndexType(c->users);
    result->item_type = IdIndexType(c->items);
    CheckSorting(c);
    IdIndexSort(c->users, &result->users, &dense_user);
    IdIndexSort(c->items, &result->items, &dense_item);
    IdIndexRelease(c->users);
    IdIndexRelease(c->items);
    for (Size i = 0; i < c->count; i++) {
        c->user[i] = dense_user[c->user[i]];
        c->item[i] = dense_item[c->item[i]];
        if (i % CHECK_MEMORY_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    if (c->count > 0)
        pairs = (Pairs){c->count, c->user, c->item, c->time, ReleaseArrays};
    if (c->streams)
        KeepStream(c, &backend->host, &pairs, result);
    InteractionsBuild(&backend->host, &pairs, result->users.count, result->items.count,
                      &result->data);
    if (c->streams)
        result->data.events = &result->events;
    result->duplicates = result->rows - result->data.count;
    pfree(dense_user);
    pfree(dense_item);
    c->user = c->item = NULL;
    c->time = NULL;
    c->count = c->room = 0;
}
