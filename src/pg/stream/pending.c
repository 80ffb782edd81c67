/*
 * pending.c: adds, reads and deletes the rows of observed events in a model's table.
 *
 * Written by SQL, so that the rights and the rules of an INSERT hold; read below the executor by
 * the primary key, since serving a user looks here for every question.
 */
#include "pg/stream/pending.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "catalog/pg_type.h"
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

/* Attempts to find a block number that nobody has taken. */
#define MAX_ATTEMPTS 100

/* Kept for the session. */
static SPIPlanPtr InsertPlan(const ModelTable *table)
{
    static SPIPlanPtr plan = NULL;
    Oid types[] = {TEXTOID, INT4OID, BYTEAOID};
    SPIPlanPtr made;

    if (plan != NULL && StatementIsValid(table, plan))
        return plan;
    made = StatementPrepare(table,
                            "INSERT INTO %s (version, part, block, data) "
                            "VALUES (0, $1, $2, $3) ON CONFLICT DO NOTHING",
                            3, types);
    SPI_keepplan(made);
    if (plan != NULL)
        SPI_freeplan(plan);
    plan = made;
    return plan;
}

static uint32 RandomNumber(void)
{
    uint32 number;

    if (!pg_strong_random(&number, sizeof(number)))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes")));
    return number & PG_INT32_MAX;
}

/* `event` is NULL for an item's row. */
static void Insert(const ModelTable *table, const char *part, const PendingEvent *event)
{
    SPIPlanPtr plan = InsertPlan(table);

    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        uint32 number = RandomNumber();
        bytea *bytes = event != NULL ? EventBlock(part, number, event) : ItemBlock(part, number);
        Datum values[] = {CStringGetTextDatum(part), Int32GetDatum((int32)number),
                          PointerGetDatum(bytes)};

        StatementExecute(table, plan, values);
        if (SPI_processed == 1)
            return;
    }
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("part \"%s\" has no free block number", part),
                    errhint("Call recadv_refresh().")));
}

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
static bool IsNoted(ModelTable *table, const char *part)
{
    SysScanDesc scan;
    bool noted;

    PushCopiedSnapshot(GetActiveSnapshot());
    UpdateActiveSnapshotCommandId();
    scan = ScanParts(table, part, false);
    noted = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    PopActiveSnapshot();
    return noted;
}

void PendingAdd(ModelTable *table, const PendingEvent *event, bool new_item)
{
    Insert(table, PartOfId(EVENT_PREFIX, event->user), event);
    if (new_item) {
        char *part = PartOfId(ITEM_PREFIX, event->item);

        if (!IsNoted(table, part))
            Insert(table, part, NULL);
    }
}

/* Column of a row that is part of the key, so never NULL. */
static Datum Column(ModelTable *table, HeapTuple tuple, int column)
{
    bool null;

    return heap_getattr(tuple, column, RelationGetDescr(table->relation), &null);
}

/* NULL and *event, or what is wrong with the row. */
static const char *ReadEvent(ModelTable *table, const Header *header, HeapTuple tuple,
                             PendingEvent *event)
{
    bool null;
    Datum data = heap_getattr(tuple, COLUMN_DATA, RelationGetDescr(table->relation), &null);

    if (null) /* who made or altered the table by hand may have left out NOT NULL */
        return "it has no data";
    return ParseEvent(header, TextDatumGetCString(Column(table, tuple, COLUMN_PART)),
                      (uint32)DatumGetInt32(Column(table, tuple, COLUMN_BLOCK)),
                      DatumGetByteaPCopy(data), event);
}

static char *Describe(ModelTable *table, HeapTuple tuple, const char *problem)
{
    return psprintf("part \"%s\", block %u: %s",
                    TextDatumGetCString(Column(table, tuple, COLUMN_PART)),
                    (uint32)DatumGetInt32(Column(table, tuple, COLUMN_BLOCK)), problem);
}

/* What a row under the name of an event is. */
typedef enum Soundness { SOUND, DAMAGED, NEWER } Soundness;

/*
 * Whether the row is an event that some column of the source could have; notes it if it is not. One
 * of a newer format waits for the version of recadv that knows it, but stops nobody: whoever may
 * insert could have written it.
 */
static Soundness Examine(ModelTable *table, const Header *header, HeapTuple tuple,
                         PendingEvent *event, PendingDamage *damage)
{
    const char *problem = ReadEvent(table, header, tuple, event);

    if (problem == block_newer) {
        if (damage->newer++ == 0)
            damage->first_newer = Describe(table, tuple, problem);
        return NEWER;
    }
    if (problem == NULL && !TimeIsOf(header->time_type, event->time))
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

static int CompareEvents(const void *a, const void *b)
{
    const PendingEvent *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return CompareIds(x->item, y->item);
}

static void AddPlace(PendingRows *pending, uint32 *room, HeapTuple tuple)
{
    if (pending->rows == *room) {
        *room = *room == 0 ? 64 : 2 * *room;
        pending->places = pending->places == NULL
                              ? PallocArray(ItemPointerData, *room)
                              : repalloc_huge(pending->places, *room * sizeof(ItemPointerData));
        pending->events = pending->events == NULL
                              ? PallocArray(PendingEvent, *room)
                              : repalloc_huge(pending->events, *room * sizeof(PendingEvent));
    }
    pending->places[pending->rows++] = tuple->t_self;
}

PendingRows PendingOfUser(ModelTable *table, const Header *header, Id user)
{
    PendingRows pending = {0};
    uint32 room = 0;
    SysScanDesc scan;
    HeapTuple tuple;
    Id known;

    if (!IdConvert(user, header->user_kind, &known))
        return pending;
    scan = ScanParts(table, PartOfId(EVENT_PREFIX, known), false);
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        AddPlace(&pending, &room, tuple);
        pending.count +=
            Examine(table, header, tuple, &pending.events[pending.count], &pending.damage) == SOUND;
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
    WarnOfPassedOver(table, &pending.damage);
    if (pending.count > 1)
        qsort(pending.events, pending.count, sizeof(PendingEvent), CompareEvents);
    return pending;
}

PendingRows PendingAll(ModelTable *table, const Header *header)
{
    PendingRows pending = {0};
    uint32 room = 0;
    SysScanDesc scan;
    HeapTuple tuple;

    scan = ScanParts(table, EVENT_PREFIX, true);
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        PendingEvent event;
        Soundness soundness = Examine(table, header, tuple, &event, &pending.damage);

        if (soundness != NEWER)
            AddPlace(&pending, &room, tuple);
        if (soundness == SOUND)
            pending.events[pending.count++] = event;
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
    if (pending.damage.newer > 0) /* their items may be among those noted */
        return pending;
    scan = ScanParts(table, ITEM_PREFIX, true);
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        AddPlace(&pending, &room, tuple);
    systable_endscan(scan);
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

/* A name that is no id stands for no item: who may only insert cannot stop what serves everyone. */
IdList PendingItems(ModelTable *table, const Header *header, const Dictionary *items)
{
    IdIndex *index = NULL;
    SysScanDesc scan = ScanParts(table, ITEM_PREFIX, true);
    HeapTuple tuple;
    uint32 *dense;
    IdList ids = {.kind = header->item_kind};

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Id id;

        CHECK_FOR_INTERRUPTS();
        if (!IdOfPart(TextDatumGetCString(Column(table, tuple, COLUMN_PART)), ITEM_PREFIX,
                      header->item_kind, &id))
            continue;
        if (index == NULL)
            index = IdIndexCreate(CurrentMemoryContext, IdTypeOf(header->item_kind));
        IdIndexAdd(index, id);
    }
    systable_endscan(scan);
    if (index == NULL)
        return ids;
    IdIndexSort(index, &ids, &dense);
    return Unknown(table, items, &ids);
}

static void ForgetEvents(ModelTable *table, const Header *header, const PendingTests *tests,
                         PendingRows *gone, uint32 *room)
{
    SysScanDesc scan = ScanParts(table, EVENT_PREFIX, true);
    HeapTuple tuple;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        PendingEvent event;
        Soundness soundness = Examine(table, header, tuple, &event, &gone->damage);

        if (soundness == DAMAGED || (soundness == SOUND && tests->learnt(tests->arg, &event)))
            AddPlace(gone, room, tuple);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
}

void PendingForget(ModelTable *table, const Header *header, const PendingTests *tests)
{
    PendingRows gone = {0};
    uint32 room = 0;
    SysScanDesc scan;
    HeapTuple tuple;

    ForgetEvents(table, header, tests, &gone, &room);
    scan = ScanParts(table, ITEM_PREFIX, true);
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Id id;

        if (!IdOfPart(TextDatumGetCString(Column(table, tuple, COLUMN_PART)), ITEM_PREFIX,
                      header->item_kind, &id) ||
            tests->known(tests->arg, id))
            AddPlace(&gone, &room, tuple);
    }
    systable_endscan(scan);
    PendingDelete(RelationGetRelid(table->relation), &gone);
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
