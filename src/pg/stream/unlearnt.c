/*
 * unlearnt.c: finds what a refresh has to learn: rows of the source and observed events that the
 * window has no fingerprint of.
 *
 * Source and observers are read into one list of rows, which is sorted by fingerprint, so that
 * equal events stand together and can be counted.
 */
#include "pg/stream/unlearnt.h"

#include "pg/base/settings.h"
#include "pg/model/interactions.h"
#include "pg/train/reader.h"
#include "pg/base/times.h"
#include "pg/model/trust.h"

/* A row of the source or of the observers. */
typedef struct Row {
    uint64 key;
    UnlearntEvent event;
    bool observed;
} Row;

/* Somebody may have altered the source since the model was trained. */
static void CheckTypes(ModelTable *table, const Header *header, const Collector *rows)
{
    bool same = IdIndexKind(rows->users) == header->user_kind &&
                IdIndexKind(rows->items) == header->item_kind &&
                rows->types.time == header->time_type;

    if (!same)
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("the columns of source \"%s\" have other types than when model \"%s\" "
                        "was trained",
                        header->source.text, table->store.name),
                 errhint("Train the model again.")));
}

/* A model that came from an aggregate has no source: then only what was observed is new. */
static Collector *ReadRows(ModelTable *table, const Header *header, const Window *window,
                           MemoryContext context)
{
    RowTypes types = {.user = IdTypeOf(header->user_kind),
                      .item = IdTypeOf(header->item_kind),
                      .time = header->time_type,
                      .time_typmod = -1};
    Collector *rows;
    Caller caller;

    if (header->source.text == NULL || header->source.time_column == NULL)
        return CollectorCreate(context, &types);
    HeaderCheckIds(&table->store, header);
    TakeSourceRights(table, "SET ROLE to the owner first.", &caller);
    rows = SourceReadFrom(&header->source, header->time_type, WindowStart(window), context);
    ActAsCaller(&caller);
    CheckTypes(table, header, rows);
    return rows;
}

/* Observers know no weights: what they saw counts as much as the mean of the training. */
static void AddObserved(Collector *rows, const Header *header, const PendingRows *pending)
{
    for (uint32 i = 0; i < pending->count; i++) {
        const PendingEvent *event = &pending->events[i];

        CollectorAddNumbers(rows, &(NumberedRow){IdIndexAdd(rows->users, event->user),
                                                 IdIndexAdd(rows->items, event->item), event->time,
                                                 (float)header->mean_weight});
    }
}

#define ST_SORT         SortRows
#define ST_ELEMENT_TYPE Row
#define ST_COMPARE(a, b)                                                                           \
    ((a)->key != (b)->key ? ((a)->key > (b)->key ? 1 : -1)                                         \
     : (a)->observed != (b)->observed                                                              \
         ? (a)->observed - (b)->observed                                                           \
         : ((a)->event.weight > (b)->event.weight) - ((a)->event.weight < (b)->event.weight))
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* Ids ascend with their indexes. */
static int CompareUnlearnt(const UnlearntEvent *a, const UnlearntEvent *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->user != b->user)
        return a->user < b->user ? -1 : 1;
    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    return (a->weight > b->weight) - (a->weight < b->weight);
}

#define ST_SORT          SortEvents
#define ST_ELEMENT_TYPE  UnlearntEvent
#define ST_COMPARE(a, b) CompareUnlearnt(a, b)
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

void SortUnlearnt(UnlearntEvent *events, uint64 count)
{
    SortEvents(events, count);
}

static Row *MakeRows(const Collector *c, const Unlearnt *unlearnt, const uint32 *user,
                     const uint32 *item, uint64 from_source)
{
    Row *rows = PallocArray(Row, c->count + 1);

    for (Size i = 0; i < c->count; i++) {
        NumberedRow row = CollectorRow(c, i);
        UnlearntEvent event = {user[row.user], item[row.item], row.time, row.weight};
        Fingerprint print = FingerprintOf(IdListGet(&unlearnt->users, event.user),
                                          IdListGet(&unlearnt->items, event.item), event.time);

        rows[i] = (Row){print.key, event, i >= from_source};
        CHECK_FOR_INTERRUPTS();
    }
    SortRows(rows, c->count);
    return rows;
}

/*
 * How many of a group of equal rows are to be learnt, as far as the window can tell.  Rows of the
 * source from before the window have no fingerprint, so they are not new: NaN is none, yet SQL
 * finds it greater than any time.
 */
static uint64 CountNew(const Window *window, const Row *rows, uint64 count)
{
    uint64 in_source = 0, learnt, wanted;

    while (in_source < count && !rows[in_source].observed)
        in_source++;
    if (rows->event.time < WindowStart(window))
        return count - in_source;
    learnt = WindowCount(window, rows->key);
    wanted = in_source > 0 ? in_source : count;
    return wanted > learnt ? wanted - learnt : 0;
}

static void TakeNew(Unlearnt *unlearnt, const Window *window, const Row *rows, uint64 count)
{
    unlearnt->events = PallocArray(UnlearntEvent, count + 1);
    for (uint64 first = 0, end; first < count; first = end) {
        uint64 wanted;

        for (end = first + 1; end < count && rows[end].key == rows[first].key; end++)
            ;
        wanted = CountNew(window, rows + first, end - first);
        for (uint64 i = 0; i < wanted; i++)
            unlearnt->events[unlearnt->count++] = rows[first + i].event;
        CHECK_FOR_INTERRUPTS();
    }
    SortUnlearnt(unlearnt->events, unlearnt->count);
}

/* Marks the users with events from before the window; false if there are none. */
static bool MarkLate(const Unlearnt *unlearnt, int64 start, bool *late)
{
    bool any = false;

    for (uint64 i = 0; i < unlearnt->count; i++)
        if (unlearnt->events[i].time < start)
            any = late[unlearnt->events[i].user] = true;
    return any;
}

/* The stored index of each marked user, UNKNOWN_ID for all others. */
static uint32 *FindMarked(ModelTable *table, const Header *header, const IdList *users,
                          const bool *marked)
{
    uint32 *found = PallocArray(uint32, (Size)users->count + 1), *index, at = 0;
    IdList wanted = IdListCreate(users->kind, users->count);
    Dictionary dictionary;

    for (uint32 i = 0; i < users->count; i++)
        if (marked[i])
            IdListAppend(&wanted, IdListGet(users, i));
    index = PallocArray(uint32, (Size)wanted.count + 1);
    DictionaryOpen(&table->store, header, AXIS_USER, &dictionary);
    DictionaryFindAll(&dictionary, &table->store, &wanted, index);
    for (uint32 i = 0; i < users->count; i++)
        found[i] = marked[i] ? index[at++] : UNKNOWN_ID;
    return found;
}

/* What was learnt of some users, in order of their stored indexes. */
typedef struct LateUsers {
    uint32 *known; /* ascending */
    uint32 count;
    History learnt;
} LateUsers;

static void ReadLate(ModelTable *table, const Header *header, BackendHost *backend,
                     const uint32 *found, uint32 users, LateUsers *late)
{
    late->known = PallocArray(uint32, (Size)users + 1);
    late->count = 0;
    for (uint32 i = 0; i < users; i++)
        if (found[i] != UNKNOWN_ID)
            late->known[late->count++] = found[i];
    SortIndexes(late->known, late->count);
    HistoryInit(&backend->host, Max(late->count, 1), 0, &late->learnt);
    ReadListsOf(&table->store, &learnt_lists, header, late->known, late->count, &late->learnt);
}

static bool IsLearnt(const LateUsers *late, const Unlearnt *unlearnt, uint32 stored,
                     const UnlearntEvent *event)
{
    uint32 *at = bsearch(&stored, late->known, late->count, sizeof(uint32), CompareIndexes);
    uint32 hash = LearntHash(IdListGet(&unlearnt->users, event->user),
                             IdListGet(&unlearnt->items, event->item), event->time);

    return at != NULL && HistoryContains(&late->learnt, (uint32)(at - late->known), hash);
}

/* Events from before the window that were learnt at some time are not learnt again. */
static void DropLearnt(ModelTable *table, const Header *header, const Window *window,
                       BackendHost *backend, Unlearnt *unlearnt)
{
    bool *marked = palloc0((Size)unlearnt->users.count + 1);
    int64 start = WindowStart(window);
    LateUsers late;
    uint64 kept = 0;
    uint32 *found;

    if (!window->lists || !MarkLate(unlearnt, start, marked))
        return;
    found = FindMarked(table, header, &unlearnt->users, marked);
    ReadLate(table, header, backend, found, unlearnt->users.count, &late);
    for (uint64 i = 0; i < unlearnt->count; i++) {
        const UnlearntEvent *event = &unlearnt->events[i];

        CHECK_FOR_INTERRUPTS();
        if (event->time >= start || !IsLearnt(&late, unlearnt, found[event->user], event))
            unlearnt->events[kept++] = *event;
    }
    unlearnt->count = kept;
}

void UnlearntRead(ModelTable *table, const Header *header, const Window *window,
                  BackendHost *backend, Unlearnt *unlearnt)
{
    MemoryContext context = backend->context;
    Collector *collector = ReadRows(table, header, window, context);
    MemoryContext caller = MemoryContextSwitchTo(context);
    uint32 *user, *item;
    Row *rows;

    memset(unlearnt, 0, sizeof(*unlearnt));
    unlearnt->read = collector->count;
    unlearnt->null_rows = collector->null_rows;
    unlearnt->weightless_rows = collector->weightless_rows;
    unlearnt->unusable = collector->unusable;
    if (collector->weight != NULL)
        unlearnt->capped =
            WeightsCap(collector->weight, collector->count, WEIGHT_LIMIT * header->mean_weight);
    unlearnt->pending = PendingAll(table, header);
    AddObserved(collector, header, &unlearnt->pending);
    IdIndexSort(collector->users, &unlearnt->users, &user);
    IdIndexSort(collector->items, &unlearnt->items, &item);
    CheckMemory(SizeAdd(MemoryContextMemAllocated(context, true),
                        SizeMultiply(collector->count, sizeof(Row) + sizeof(UnlearntEvent))),
                "reading what is new");
    rows = MakeRows(collector, unlearnt, user, item, unlearnt->read);
    TakeNew(unlearnt, window, rows, collector->count);
    pfree(rows);
    DropLearnt(table, header, window, backend, unlearnt);
    MemoryContextSwitchTo(caller);
}

Fingerprint *UnlearntFingerprints(const Unlearnt *unlearnt)
{
    Fingerprint *prints = PallocArray(Fingerprint, unlearnt->count + 1);

    for (uint64 i = 0; i < unlearnt->count; i++) {
        const UnlearntEvent *event = &unlearnt->events[i];

        prints[i] = FingerprintOf(IdListGet(&unlearnt->users, event->user),
                                  IdListGet(&unlearnt->items, event->item), event->time);
        CHECK_FOR_INTERRUPTS();
    }
    return prints;
}
