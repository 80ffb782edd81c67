/*
 * collect.c: collects rows of users, items and times in compact arrays.
 *
 * A row takes 8 bytes (8 more with a time, 4 with a weight), each distinct id an entry of a hash
 * table.  The reader of a source adds rows here, and so does the aggregate recadv_fit(), whose
 * workers each have a collector.
 */
#include "pg/train/collect.h"

#include "pg/base/settings.h"
#include "pg/base/times.h"
#include "pg/model/window.h"

#define CHECK_MEMORY_EVERY 65536

Collector *CollectorCreate(MemoryContext context, const RowTypes *types)
{
    Collector *collector = MemoryContextAllocZero(context, sizeof(Collector));

    collector->context = context;
    collector->scratch =
        AllocSetContextCreate(context, "recadv collector row", ALLOCSET_SMALL_SIZES);
    collector->users = IdIndexCreate(context, types->user);
    collector->items = IdIndexCreate(context, types->item);
    collector->types = *types;
    if (OidIsValid(types->time))
        collector->types.time = TimeType(types->time);
    if (OidIsValid(types->weight))
        collector->types.weight = WeightType(types->weight);
    return collector;
}

Columns CollectorColumns(const Collector *c)
{
    return (OidIsValid(c->types.time) ? COLUMN_TIME : 0) |
           (OidIsValid(c->types.weight) ? COLUMN_WEIGHT : 0);
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
    return mul_size(rows, 2 * sizeof(uint32) + ColumnBytes(CollectorColumns(c)));
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
    if (OidIsValid(c->types.time))
        c->time = Resize(c->context, c->time, c->room, sizeof(int64));
    if (OidIsValid(c->types.weight))
        c->weight = Resize(c->context, c->weight, c->room, sizeof(float));
}

NumberedRow CollectorRow(const Collector *c, Size i)
{
    return (NumberedRow){c->user[i], c->item[i], c->time == NULL ? NO_TIME : c->time[i],
                         c->weight == NULL ? NO_WEIGHT : c->weight[i]};
}

void CollectorAddNumbers(Collector *c, const NumberedRow *row)
{
    Grow(c, 1);
    c->user[c->count] = row->user;
    c->item[c->count] = row->item;
    if (c->time != NULL)
        c->time[c->count] = row->time;
    if (c->weight != NULL)
        c->weight[c->count] = row->weight;
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
    if (c->weight != NULL)
        memcpy(c->weight + c->count, c->pending_weight, n * sizeof(float));
    c->count += n;
}

void UnusableCount(Unusable *unusable, const char *side, Id id, MemoryContext context)
{
    if (unusable->rows++ == 0)
        unusable->first = MemoryContextStrdup(
            context, psprintf("the %s \"%s\" of %u bytes", side, IdExcerpt(id), id.length));
}

void UnusableReport(const Unusable *unusable)
{
    if (unusable->rows > 0)
        ereport(NOTICE,
                (errmsg_plural("%llu row was skipped, whose id is longer than %d bytes or no text",
                               "%llu rows were skipped, whose ids are longer than %d bytes or no "
                               "text",
                               (unsigned long)unusable->rows, (unsigned long long)unusable->rows,
                               MAX_ID_LENGTH),
                 errdetail("The first has %s.", unusable->first)));
}

void SkippedReport(uint64 null_rows, uint64 weightless_rows)
{
    if (null_rows > 0)
        ereport(NOTICE, (errmsg_plural("%lld row with a NULL id was skipped",
                                       "%lld rows with a NULL id were skipped",
                                       (unsigned long)null_rows, (long long)null_rows)));
    if (weightless_rows > 0)
        ereport(NOTICE,
                (errmsg_plural("%lld row was skipped, whose weight is not above zero and "
                               "finite",
                               "%lld rows were skipped, whose weights are not above zero "
                               "and finite",
                               (unsigned long)weightless_rows, (long long)weightless_rows)));
}

static void AddSkipped(StringInfo detail, uint64 rows, const char *which)
{
    if (rows > 0)
        appendStringInfo(detail, "%s" UINT64_FORMAT " %s",
                         detail->len == 0 ? "Skipped rows: " : ", ", rows, which);
}

void CollectorFailEmpty(const Collector *c, const char *source)
{
    StringInfoData detail;

    initStringInfo(&detail);
    AddSkipped(&detail, c->null_rows, "with a NULL id");
    AddSkipped(&detail, c->weightless_rows, "with a weight that is not above zero and finite");
    AddSkipped(&detail, c->unusable.rows, "with an id that is too long or no text");
    UnusableReport(&c->unusable);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("source \"%s\" has no interactions", source),
                    detail.len == 0 ? 0 : errdetail("%s.", detail.data)));
}

/* False, and counted, if the row is to be skipped. */
static bool CheckId(Collector *c, const char *side, Id id)
{
    if (IdIsUsable(id))
        return true;
    UnusableCount(&c->unusable, side, id, c->context);
    return false;
}

/* Integers wait for the batch; a text is looked up at once, for its memory goes with the row. */
static int64 PendingId(IdIndex *index, Id id)
{
    return id.kind == ID_INTEGER ? id.integer : IdIndexAdd(index, id);
}

/* Both ids are looked at before one of them is added. */
static bool TakeIds(Collector *c, const SourceRow *row, uint32 at)
{
    MemoryContext caller = MemoryContextSwitchTo(c->scratch);
    Id user = IdIndexIdOf(c->users, row->user.value);
    Id item = IdIndexIdOf(c->items, row->item.value);
    bool usable = CheckId(c, "user", user) && CheckId(c, "item", item);

    if (usable) {
        c->pending_user[at] = PendingId(c->users, user);
        c->pending_item[at] = PendingId(c->items, item);
    }
    MemoryContextSwitchTo(caller);
    if (user.kind == ID_TEXT || item.kind == ID_TEXT)
        MemoryContextReset(c->scratch);
    return usable;
}

/* False, and counted, if the row is to be skipped. */
static bool TakeWeight(Collector *c, NullableDatum value, float *weight)
{
    *weight = NO_WEIGHT;
    if (!OidIsValid(c->types.weight) || value.isnull ||
        WeightOf(c->types.weight, value.value, weight))
        return true;
    c->weightless_rows++;
    return false;
}

static bool CountNull(Collector *c, const SourceRow *row)
{
    bool null = row->user.isnull || row->item.isnull;

    c->null_rows += null;
    return null;
}

void CollectorAdd(Collector *c, const SourceRow *row)
{
    uint32 at = c->pending;

    if (CountNull(c, row) || !TakeWeight(c, row->weight, &c->pending_weight[at]) ||
        !TakeIds(c, row, at))
        return;
    c->pending_time[at] = OidIsValid(c->types.time) && !row->time.isnull
                              ? TimeOf(c->types.time, row->time.value)
                              : NO_TIME;
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
    if (pairs->weight != NULL)
        pfree(pairs->weight);
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
    if (c->weight != NULL)
        c->weight = repalloc_huge(c->weight, mul_size(c->room, sizeof(float)));
}

static void CheckSorting(const Collector *c)
{
    Size ids = add_size(IdIndexSortMemory(c->users), IdIndexSortMemory(c->items));
    Columns columns = CollectorColumns(c);
    Size rows = InteractionsMemory(c->count, IdIndexCount(c->users), columns);

    if (c->purpose.events)
        rows = SizeAdd(rows, EventsMemory(c->count, IdIndexCount(c->users), columns));
    if (c->purpose.window)
        rows = SizeAdd(rows, LearntMemory(c->count, IdIndexCount(c->users)));
    CheckMemory(SizeAdd(add_size(RowMemory(c, c->room), ids), rows), "sorting the interactions");
}

/* Dense indexes, in order of the ids, for the provisional numbers. */
static void Renumber(Collector *c, Collected *result)
{
    uint32 *dense_user, *dense_item;

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
    pfree(dense_user);
    pfree(dense_item);
}

static void KeepWindow(const Collector *c, Collected *result)
{
    LearntEvents learnt = {c->count, c->user, c->item, c->time};
    MemoryContext caller = MemoryContextSwitchTo(c->context);

    result->window = palloc(sizeof(Window));
    *result->window =
        WindowOfEvents(&learnt, &result->users, &result->items, c->types.time, c->purpose.lateness);
    result->window->time_typmod = c->types.time_typmod;
    result->learnt = LearntOfEvents(&learnt, &result->users, &result->items);
    MemoryContextSwitchTo(caller);
}

/* In place: both take eight bytes. */
static double *TakeSeconds(const Collector *c)
{
    for (Size i = 0; i < c->count && c->time != NULL; i++) {
        double seconds = TimeSeconds(c->types.time, c->time[i]);

        memcpy(&c->time[i], &seconds, sizeof(seconds));
        if (i % CHECK_MEMORY_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    return (double *)c->time;
}

/* All rows, before they become a set without repeats. */
static void KeepEvents(const Collector *c, const Host *host, const Pairs *pairs, Collected *result)
{
    MemoryContext caller = MemoryContextSwitchTo(c->context);

    EventsBuild(host, pairs, result->users.count, &result->events);
    result->mean_weight = result->events.mean_weight;
    MemoryContextSwitchTo(caller);
}

void CollectorFinish(Collector *c, BackendHost *backend, Collected *result)
{
    const Host *host = &backend->host;
    Pairs pairs = {0};

    Shrink(c);
    *result = (Collected){.rows = c->count,
                          .null_rows = c->null_rows,
                          .weightless_rows = c->weightless_rows,
                          .unusable = c->unusable,
                          .mean_weight = 1};
    result->user_type = IdIndexType(c->users);
    result->item_type = IdIndexType(c->items);
    CheckSorting(c);
    if (c->weight != NULL)
        result->capped = WeightsCap(c->weight, c->count, WeightLimit(c->weight, c->count));
    Renumber(c, result);
    if (c->purpose.window)
        KeepWindow(c, result);
    if (c->count > 0)
        pairs = (Pairs){c->count, c->user, c->item, TakeSeconds(c), c->weight, ReleaseArrays};
    if (c->purpose.events)
        KeepEvents(c, host, &pairs, result);
    InteractionsBuild(host, &pairs, result->users.count, result->items.count, &result->data);
    if (c->purpose.events)
        result->data.events = &result->events;
    result->duplicates = result->rows - result->data.count;
    c->user = c->item = NULL;
    c->time = NULL;
    c->weight = NULL;
    c->count = c->room = 0;
}
