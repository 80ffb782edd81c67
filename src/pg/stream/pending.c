/*
 * pending.c: reads and deletes the rows of observed events in a model's table.
 *
 * Read below the executor by the primary key, since serving a user looks here for every question.
 */
#include "pg/stream/pending.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "core/block.h"
#include "pg/base/times.h"
#include "pg/ids/id_index.h"
#include "pg/model/statement.h"

/* Columns of a model's table. */
enum { COLUMN_VERSION = 1, COLUMN_PART, COLUMN_BLOCK, COLUMN_DATA };

/* Rows of version 0 whose part is `part`, or begins with it. */
static SysScanDesc ScanParts(ModelTable *table, const char *part, bool prefix)
{
    ScanKeyData key[3];
    char *end = pstrdup(part);

    ScanKeyInit(&key[0], COLUMN_VERSION, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(0));
    if (!prefix) {
        ScanKeyInit(&key[1], COLUMN_PART, BTEqualStrategyNumber, F_TEXTEQ,
                    CStringGetTextDatum(part));
        return systable_beginscan(table->relation, table->index, true, GetActiveSnapshot(), 2, key);
    }
    end[strlen(end) - 1]++; /* the column's collation is "C" */
    ScanKeyInit(&key[1], COLUMN_PART, BTGreaterEqualStrategyNumber, F_TEXT_GE,
                CStringGetTextDatum(part));
    ScanKeyInit(&key[2], COLUMN_PART, BTLessStrategyNumber, F_TEXT_LT, CStringGetTextDatum(end));
    return systable_beginscan(table->relation, table->index, true, GetActiveSnapshot(), 3, key);
}

/* Also if the present statement has written the item's row. */
bool PendingIsNoted(ModelTable *table, Id item)
{
    SysScanDesc scan;
    bool noted;

    PushCopiedSnapshot(GetActiveSnapshot());
    UpdateActiveSnapshotCommandId();
    scan = ScanParts(table, PartOfId(ITEM_PREFIX, item), false);
    noted = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    PopActiveSnapshot();
    return noted;
}

/* Column of a row that is part of the key, so never NULL. */
static Datum Column(ModelTable *table, HeapTuple tuple, int column)
{
    bool null;

    return heap_getattr(tuple, column, RelationGetDescr(table->relation), &null);
}

static char *PartOf(ModelTable *table, HeapTuple tuple)
{
    return TextDatumGetCString(Column(table, tuple, COLUMN_PART));
}

static uint32 NumberOf(ModelTable *table, HeapTuple tuple)
{
    return (uint32)DatumGetInt32(Column(table, tuple, COLUMN_BLOCK));
}

/* NULL and the data, or what is wrong with it: whoever may INSERT or ALTER can write anything. */
static const char *DataOf(ModelTable *table, HeapTuple tuple, bytea **data)
{
    bool null;
    Datum stored = heap_getattr(tuple, COLUMN_DATA, RelationGetDescr(table->relation), &null);

    if (null)
        return "it has no data";
    if (toast_raw_datum_size(stored) > MAX_SHARED_ROW)
        return "it is larger than such rows are";
    *data = DatumGetByteaPCopy(stored);
    return NULL;
}

/* The events of a row. */
typedef struct RowEvents {
    uint32 count;
    PendingEvent *event;
} RowEvents;

/* NULL and the events, or what is wrong with the row. */
static const char *ReadEvents(ModelTable *table, const Header *header, HeapTuple tuple,
                              RowEvents *events)
{
    bytea *data = NULL;
    const char *problem = DataOf(table, tuple, &data);

    if (problem == NULL)
        problem = ParseEvents(header, PartOf(table, tuple), NumberOf(table, tuple), data,
                              &events->event, &events->count);
    if (problem != NULL && data != NULL) /* there may be many such rows */
        pfree(data);
    return problem;
}

static char *Describe(ModelTable *table, HeapTuple tuple, const char *problem)
{
    return psprintf("part \"%s\", block %u: %s", PartOf(table, tuple), NumberOf(table, tuple),
                    problem);
}

/* What a row under the name of an event is. */
typedef enum Soundness { SOUND, DAMAGED, NEWER } Soundness;

static bool TimesAreOf(Oid type, const RowEvents *events)
{
    for (uint32 i = 0; i < events->count; i++)
        if (!TimeIsOf(type, events->event[i].time))
            return false;
    return true;
}

/*
 * Whether the row is of events that some source could have; notes it if it is not.  One
 * of a newer format waits for the version of recadv that knows it, but stops nobody: whoever may
 * insert could have written it.
 */
static Soundness Examine(ModelTable *table, const Header *header, HeapTuple tuple,
                         RowEvents *events, PendingDamage *damage)
{
    const char *problem = ReadEvents(table, header, tuple, events);

    if (problem == block_newer) {
        if (damage->newer++ == 0)
            damage->first_newer = Describe(table, tuple, problem);
        return NEWER;
    }
    if (problem == NULL && !TimesAreOf(header->time_type, events))
        problem = "its time is not of the model's type";
    if (problem == NULL)
        return SOUND;
    if (damage->count++ == 0)
        damage->first = Describe(table, tuple, problem);
    return DAMAGED;
}

static void WarnOfNewer(const PendingDamage *damage)
{
    if (damage->newer > 0)
        ereport(WARNING,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg_plural(
                     "%llu observed event needs a newer version of recadv and was left alone",
                     "%llu observed events need a newer version of recadv and were left alone",
                     (unsigned long)damage->newer, (unsigned long long)damage->newer),
                 errdetail("The first is %s.", damage->first_newer),
                 errhint("Update recadv on this server.")));
}

static void WarnOfDamage(const PendingDamage *damage)
{
    if (damage->count > 0)
        ereport(WARNING,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg_plural("%llu observed event could not be read and was dropped",
                               "%llu observed events could not be read and were dropped",
                               (unsigned long)damage->count, (unsigned long long)damage->count),
                 errdetail("The first is %s.", damage->first)));
    WarnOfNewer(damage);
}

/* Whoever may INSERT can write them: they are no reason not to answer. */
static void WarnOfPassedOver(const ModelTable *table, const PendingDamage *damage)
{
    if (damage->count > 0)
        ereport(WARNING,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg_plural("%llu observed event of model \"%s\" could not be read",
                               "%llu observed events of model \"%s\" could not be read",
                               (unsigned long)damage->count, (unsigned long long)damage->count,
                               table->store.name),
                 errdetail("The first is %s.", damage->first),
                 errhint("recadv_refresh() drops such rows; what they stood for may still be in "
                         "the source.")));
    WarnOfNewer(damage);
}

static int CompareEvents(const PendingEvent *a, const PendingEvent *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return CompareIds(a->item, b->item);
}

#define ST_SORT          SortEvents
#define ST_ELEMENT_TYPE  PendingEvent
#define ST_COMPARE(a, b) CompareEvents(a, b)
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* The array with room for `more` elements of `size` bytes behind its first `count`. */
static void *Grown(void *array, uint32 count, uint32 more, uint32 *room, Size size)
{
    if (array != NULL && *room - count >= more)
        return array;
    *room = Max(Max(64, 2 * *room), count + more);
    return array == NULL ? palloc_extended(*room * size, MCXT_ALLOC_HUGE)
                         : repalloc_huge(array, *room * size);
}

static void AddPlace(PendingRows *pending, HeapTuple tuple)
{
    pending->places =
        Grown(pending->places, pending->rows, 1, &pending->place_room, sizeof(ItemPointerData));
    pending->places[pending->rows++] = tuple->t_self;
}

static void AddEvents(PendingRows *pending, const RowEvents *events)
{
    pending->events = Grown(pending->events, pending->count, events->count, &pending->event_room,
                            sizeof(PendingEvent));
    memcpy(pending->events + pending->count, events->event, events->count * sizeof(PendingEvent));
    pending->count += events->count;
}

static void ReadUser(ModelTable *table, const Header *header, const char *part,
                     PendingRows *pending)
{
    SysScanDesc scan = ScanParts(table, part, false);
    HeapTuple tuple;
    RowEvents events;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        if (Examine(table, header, tuple, &events, &pending->damage) == SOUND)
            AddEvents(pending, &events);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
}

PendingRows PendingOfUser(ModelTable *table, const Header *header, Id user)
{
    PendingRows pending = {0};
    Id known;

    if (!IdConvert(user, header->user_kind, &known))
        return pending;
    ReadUser(table, header, PartOfId(EVENT_PREFIX, known), &pending);
    ReadUser(table, header, PartOfId(EVENTS_PREFIX, known), &pending);
    WarnOfPassedOver(table, &pending.damage);
    SortEvents(pending.events, pending.count);
    return pending;
}

static void ReadAll(ModelTable *table, const Header *header, const char *prefix,
                    PendingRows *pending)
{
    SysScanDesc scan = ScanParts(table, prefix, true);
    HeapTuple tuple;
    RowEvents events;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Soundness soundness = Examine(table, header, tuple, &events, &pending->damage);

        if (soundness != NEWER)
            AddPlace(pending, tuple);
        if (soundness == SOUND)
            AddEvents(pending, &events);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
}

static uint64 CountSound(ModelTable *table, const Header *header, const char *prefix)
{
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv pending", ALLOCSET_DEFAULT_SIZES);
    SysScanDesc scan = ScanParts(table, prefix, true);
    PendingDamage damage = {0};
    uint64 count = 0;
    HeapTuple tuple;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        MemoryContext caller = MemoryContextSwitchTo(scratch);
        RowEvents events;

        if (Examine(table, header, tuple, &events, &damage) == SOUND)
            count += events.count;
        MemoryContextSwitchTo(caller);
        MemoryContextReset(scratch);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
    MemoryContextDelete(scratch);
    return count;
}

uint64 PendingCount(ModelTable *table, const Header *header)
{
    return CountSound(table, header, EVENT_PREFIX) + CountSound(table, header, EVENTS_PREFIX);
}

/* A pack of items, as it is read: what is wrong with it, or NULL and the names that can be ids. */
typedef struct Pack {
    HeapTuple tuple;
    const char *problem;
    Id *items;
    uint32 count;
} Pack;

/* Calls visit(pack, arg) for each, whose memory is for that call alone. */
static void VisitPacks(ModelTable *table, IdKind kind, void (*visit)(const Pack *pack, void *arg),
                       void *arg)
{
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv pack", ALLOCSET_DEFAULT_SIZES);
    SysScanDesc scan = ScanParts(table, ITEMS_PART, false);
    Pack pack = {0};

    while (HeapTupleIsValid(pack.tuple = systable_getnext(scan))) {
        MemoryContext caller = MemoryContextSwitchTo(scratch);
        bytea *data = NULL;

        pack.problem = DataOf(table, pack.tuple, &data);
        if (pack.problem == NULL)
            pack.problem =
                ParseItems(kind, NumberOf(table, pack.tuple), data, &pack.items, &pack.count);
        MemoryContextSwitchTo(caller);
        visit(&pack, arg);
        MemoryContextReset(scratch);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
    MemoryContextDelete(scratch);
}

static void AddPlaceOfPack(const Pack *pack, void *arg)
{
    if (pack->problem != block_newer)
        AddPlace(arg, pack->tuple);
}

static void ReadItemPlaces(ModelTable *table, const Header *header, PendingRows *pending)
{
    SysScanDesc scan = ScanParts(table, ITEM_PREFIX, true);
    HeapTuple tuple;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        AddPlace(pending, tuple);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
    VisitPacks(table, header->item_kind, AddPlaceOfPack, pending);
}

PendingRows PendingAll(ModelTable *table, const Header *header)
{
    PendingRows pending = {0};

    ReadAll(table, header, EVENT_PREFIX, &pending);
    ReadAll(table, header, EVENTS_PREFIX, &pending);
    if (pending.damage.newer == 0) /* else their items may be among those noted */
        ReadItemPlaces(table, header, &pending);
    return pending;
}

/* Those that the dictionary lacks; `ids` ascend. */
static IdList Unknown(ModelTable *table, const Dictionary *items, const IdList *ids)
{
    uint32 *found = PallocArray(uint32, (Size)ids->count + 1);
    IdList unknown = IdListCreate(ids->kind, ids->count);

    DictionaryFindAll(items, &table->store, ids, found);
    for (uint32 i = 0; i < ids->count; i++)
        if (found[i] == UNKNOWN_ID)
            IdListAppend(&unknown, IdListGet(ids, i));
    return unknown;
}

static void CollectNames(ModelTable *table, IdIndex *index)
{
    SysScanDesc scan = ScanParts(table, ITEM_PREFIX, true);
    HeapTuple tuple;
    Id id;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        CHECK_FOR_INTERRUPTS();
        if (IdOfPart(PartOf(table, tuple), ITEM_PREFIX, IdIndexKind(index), &id))
            IdIndexAdd(index, id);
    }
    systable_endscan(scan);
}

/* The index has copies of its own. */
static void CollectPack(const Pack *pack, void *arg)
{
    for (uint32 i = 0; pack->problem == NULL && i < pack->count; i++)
        IdIndexAdd(arg, pack->items[i]);
}

/* A name that is no id stands for no item: who may only insert cannot stop what serves everyone. */
IdList PendingItems(ModelTable *table, const Header *header, const Dictionary *items)
{
    IdIndex *index = IdIndexCreate(CurrentMemoryContext, IdTypeOf(header->item_kind));
    uint32 *dense;
    IdList ids;

    CollectNames(table, index);
    VisitPacks(table, header->item_kind, CollectPack, index);
    if (IdIndexCount(index) == 0)
        return (IdList){.kind = header->item_kind};
    IdIndexSort(index, &ids, &dense);
    return Unknown(table, items, &ids);
}

static void MarkRows(SysScanDesc scan, PendingItemsMark *mark)
{
    HeapTuple tuple;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        struct {
            BlockNumber block;
            uint32 offset;
            TransactionId writer;
        } row = {ItemPointerGetBlockNumber(&tuple->t_self),
                 ItemPointerGetOffsetNumber(&tuple->t_self),
                 HeapTupleHeaderGetRawXmin(tuple->t_data)};

        mark->rows++;
        mark->hash = hash_bytes_extended((unsigned char *)&row, sizeof(row), mark->hash);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
}

PendingItemsMark PendingItemsMarkTake(ModelTable *table)
{
    PendingItemsMark mark = {.file = table->relation->rd_rel->relfilenode};

    MarkRows(ScanParts(table, ITEM_PREFIX, true), &mark);
    MarkRows(ScanParts(table, ITEMS_PART, false), &mark);
    return mark;
}

/* What of the rows that were read goes, and which of their events stay. */
typedef struct Forgetting {
    const Header *header;
    const PendingTests *tests;
    PendingRows gone;
    PendingRows kept; /* events of rows that go */
} Forgetting;

/* Takes the events that are learnt away from the row's; true if there were any. */
static bool TakeLearnt(const PendingTests *tests, RowEvents *events)
{
    uint32 kept = 0, count = events->count;

    for (uint32 i = 0; i < count; i++)
        if (!tests->learnt(tests->arg, &events->event[i]))
            events->event[kept++] = events->event[i];
    events->count = kept;
    return kept < count;
}

static void ForgetEvents(ModelTable *table, const char *prefix, Forgetting *f)
{
    SysScanDesc scan = ScanParts(table, prefix, true);
    HeapTuple tuple;
    RowEvents events;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Soundness soundness = Examine(table, f->header, tuple, &events, &f->gone.damage);

        if (soundness == DAMAGED)
            AddPlace(&f->gone, tuple);
        if (soundness == SOUND && TakeLearnt(f->tests, &events)) {
            AddPlace(&f->gone, tuple);
            AddEvents(&f->kept, &events);
        }
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
}

static void ForgetNames(ModelTable *table, Forgetting *f)
{
    SysScanDesc scan = ScanParts(table, ITEM_PREFIX, true);
    HeapTuple tuple;
    Id id;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        if (!IdOfPart(PartOf(table, tuple), ITEM_PREFIX, f->header->item_kind, &id) ||
            f->tests->known(f->tests->arg, id))
            AddPlace(&f->gone, tuple);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
}

static bool AreKnown(const PendingTests *tests, const Id *items, uint32 count)
{
    for (uint32 i = 0; i < count; i++)
        if (!tests->known(tests->arg, items[i]))
            return false;
    return true;
}

/* A pack goes when all of its items are known. */
static void ForgetPack(const Pack *pack, void *arg)
{
    Forgetting *f = arg;

    if (pack->problem != block_newer &&
        (pack->problem != NULL || AreKnown(f->tests, pack->items, pack->count)))
        AddPlace(&f->gone, pack->tuple);
}

void PendingForget(ModelTable *table, const Header *header, const PendingTests *tests)
{
    Forgetting f = {header, tests};

    ForgetEvents(table, EVENT_PREFIX, &f);
    ForgetEvents(table, EVENTS_PREFIX, &f);
    ForgetNames(table, &f);
    VisitPacks(table, header->item_kind, ForgetPack, &f);
    PendingDelete(RelationGetRelid(table->relation), &f.gone);
    if (f.kept.count > 0)
        PendingWrite(table, PendingPrepare(table, f.kept.events, f.kept.count,
                                           &(IdList){.kind = header->item_kind}));
}

static void Delete(Oid relid, const PendingRows *pending)
{
    Oid types[] = {get_array_type(TIDOID)};
    Datum *places = PallocArray(Datum, (Size)pending->rows);
    ModelTable table;
    Datum argument;

    for (uint32 i = 0; i < pending->rows; i++)
        places[i] = PointerGetDatum(&pending->places[i]);
    argument = PointerGetDatum(
        construct_array(places, (int)pending->rows, TIDOID, sizeof(ItemPointerData), false, 's'));
    ModelTableOpenOwned(relid, &table);
    StatementRun(&table, "DELETE FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) ANY ($1)", 1, types,
                 &argument);
    /* They were read with the latest snapshot; that of a serializable transaction is older. */
    if (SPI_processed != pending->rows)
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not serialize access due to concurrent observers"),
                        errhint("Try again, or use the isolation level READ COMMITTED.")));
    ModelTableClose(&table);
}

void PendingDelete(Oid relid, const PendingRows *pending)
{
    if (pending->rows > 0)
        Delete(relid, pending);
    WarnOfDamage(&pending->damage);
}
