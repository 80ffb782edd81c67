/*
 * pending_write.c: adds the rows of observed events to a model's table.
 *
 * Written by SQL, so that the rights and the rules of an INSERT hold: by one statement for many
 * rows, since a statement costs more than the row.
 */
#include "pg/stream/pending.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "pg/ids/id_index.h"
#include "pg/model/statement.h"

/* Attempts to find block numbers that nobody has taken. */
#define MAX_ATTEMPTS 100

/* Rows of a statement, and bytes of ids from which on it takes no other row: one array holds all.
 */
#define STATEMENT_ROWS  1024
#define STATEMENT_BYTES ((Size)16 << 20)

/* From here on the events of a user share a row, and so do the items. */
#define BULK 1024

/* A row to be written: one event or several, one item (neither) or several. */
typedef struct NewRow {
    const char *part;
    const PendingEvent **events;
    const Id *items;
    uint32 count;
} NewRow;

struct PendingBatch {
    uint32 count;
    NewRow *row;
};

/* Kept for the session. */
static SPIPlanPtr InsertPlan(const ModelTable *table)
{
    static SPIPlanPtr plan = NULL;
    Oid types[] = {TEXTARRAYOID, INT4ARRAYOID, BYTEAARRAYOID};
    SPIPlanPtr made;

    if (plan != NULL && StatementIsValid(table, plan))
        return plan;
    made = StatementPrepare(table,
                            "INSERT INTO %s (version, part, block, data) "
                            "SELECT 0, r.part, r.block, r.data FROM ROWS FROM "
                            "(pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) "
                            "AS r(part, block, data) ON CONFLICT DO NOTHING RETURNING block",
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

static bytea *BlockOf(const NewRow *row, uint32 number)
{
    if (row->events != NULL)
        return EventBlock(row->part, number, row->events, row->count);
    return row->items != NULL ? ItemsBlock(number, row->items, row->count)
                              : ItemBlock(row->part, number);
}

/* The rows get the numbers from `first` on, which begin again after the greatest. */
static void Execute(const ModelTable *table, const NewRow *rows, uint32 count, uint32 first)
{
    SPIPlanPtr plan = InsertPlan(table);
    Datum *part = PallocArray(Datum, count), *number = PallocArray(Datum, count);
    Datum *data = PallocArray(Datum, count), values[3];

    for (uint32 i = 0; i < count; i++) {
        uint32 n = (first + i) & PG_INT32_MAX;

        part[i] = CStringGetTextDatum(rows[i].part);
        number[i] = Int32GetDatum((int32)n);
        data[i] = PointerGetDatum(BlockOf(&rows[i], n));
    }
    values[0] = PointerGetDatum(construct_array(part, (int)count, TEXTOID, -1, false, 'i'));
    values[1] = PointerGetDatum(construct_array(number, (int)count, INT4OID, 4, true, 'i'));
    values[2] = PointerGetDatum(construct_array(data, (int)count, BYTEAOID, -1, false, 'i'));
    StatementExecute(table, plan, values);
}

/* Moves the rows that the statement has not inserted, as their numbers were taken, to the front. */
static uint32 KeepMissing(NewRow *rows, uint32 count, uint32 first)
{
    bool *inserted = palloc0(count);
    uint32 missing = 0;

    for (uint64 i = 0; i < SPI_processed; i++) {
        bool null;
        Datum number = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null);

        inserted[((uint32)DatumGetInt32(number) - first) & PG_INT32_MAX] = true;
    }
    for (uint32 i = 0; i < count; i++)
        if (!inserted[i])
            rows[missing++] = rows[i];
    return missing;
}

static void InsertSome(const ModelTable *table, NewRow *rows, uint32 count)
{
    for (int attempt = 0; attempt < MAX_ATTEMPTS && count > 0; attempt++) {
        uint32 first = RandomNumber();

        Execute(table, rows, count, first);
        count = SPI_processed == count ? 0 : KeepMissing(rows, count, first);
        SPI_freetuptable(SPI_tuptable);
    }
    if (count > 0)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("part \"%s\" has no free block number", rows->part),
                        errhint("Call recadv_refresh().")));
}

static Size BytesOfId(Id id)
{
    return id.kind == ID_TEXT ? id.length : BIGINT_LENGTH;
}

static Size BytesOf(const NewRow *row)
{
    Size bytes = strlen(row->part);

    for (uint32 i = 0; i < row->count && row->events != NULL; i++)
        bytes += BIGINT_LENGTH + BytesOfId(row->events[i]->item);
    for (uint32 i = 0; i < row->count && row->items != NULL; i++)
        bytes += BytesOfId(row->items[i]);
    return bytes;
}

/* Those that go into one statement, one at least. */
static uint32 CountOfStatement(const NewRow *rows, uint32 count)
{
    Size bytes = 0;
    uint32 taken = 0;

    while (taken < Min(STATEMENT_ROWS, count) && bytes < STATEMENT_BYTES)
        bytes += BytesOf(&rows[taken++]);
    return taken;
}

void PendingWrite(const ModelTable *table, PendingBatch *rows)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext scratch = AllocSetContextCreate(caller, "recadv rows", ALLOCSET_DEFAULT_SIZES);

    MemoryContextSwitchTo(scratch);
    for (uint32 at = 0, taken; at < rows->count; at += taken) {
        taken = CountOfStatement(rows->row + at, rows->count - at);
        InsertSome(table, rows->row + at, taken);
        MemoryContextReset(scratch);
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
}

/* Counts the events of each user and puts them together, in the order in which they came. */
static const PendingEvent **GroupByUser(const PendingEvent *events, uint32 count)
{
    IdIndex *users = IdIndexCreate(CurrentMemoryContext, IdTypeOf(events->user.kind));
    uint32 *user = PallocArray(uint32, count), *place, at = 0;
    const PendingEvent **grouped = PallocArray(const PendingEvent *, count);

    for (uint32 i = 0; i < count; i++)
        user[i] = IdIndexAdd(users, events[i].user);
    place = palloc0(((Size)IdIndexCount(users) + 1) * sizeof(uint32));
    for (uint32 i = 0; i < count; i++)
        place[user[i] + 1]++;
    for (uint32 u = 0; u < IdIndexCount(users); u++)
        at = place[u] += at;
    for (uint32 i = 0; i < count; i++)
        grouped[place[user[i]]++] = &events[i];
    return grouped;
}

/* How many events, from the first on, share a row. */
static uint32 CountTogether(const PendingEvent **events, uint32 count)
{
    uint32 together = 1;

    while (together < Min(count, MAX_PACK) &&
           CompareIds(events[0]->user, events[together]->user) == 0)
        together++;
    return together;
}

static const PendingEvent **AsTheyCame(const PendingEvent *events, uint32 count)
{
    const PendingEvent **ordered = PallocArray(const PendingEvent *, (Size)count + 1);

    for (uint32 i = 0; i < count; i++)
        ordered[i] = &events[i];
    return ordered;
}

static void AddEvents(PendingBatch *rows, const PendingEvent *events, uint32 count)
{
    bool bulk = count >= BULK;
    const PendingEvent **ordered = bulk ? GroupByUser(events, count) : AsTheyCame(events, count);

    for (uint32 i = 0, together; i < count; i += together) {
        const char *prefix;

        together = bulk ? CountTogether(ordered + i, count - i) : 1;
        prefix = together > 1 ? EVENTS_PREFIX : EVENT_PREFIX;
        rows->row[rows->count++] =
            (NewRow){PartOfId(prefix, ordered[i]->user), ordered + i, NULL, together};
    }
}

static void AddItems(ModelTable *table, PendingBatch *rows, const IdList *items)
{
    for (uint32 i = 0; i < items->count; i++) {
        Id item = IdListGet(items, i);

        if (!PendingIsNoted(table, item))
            rows->row[rows->count++] = (NewRow){.part = PartOfId(ITEM_PREFIX, item)};
        CHECK_FOR_INTERRUPTS();
    }
}

static void AddPacksOfItems(PendingBatch *rows, const IdList *items)
{
    Id *ids = PallocArray(Id, items->count);

    for (uint32 i = 0; i < items->count; i++)
        ids[i] = IdListGet(items, i);
    for (uint32 i = 0; i < items->count; i += MAX_PACK)
        rows->row[rows->count++] =
            (NewRow){ITEMS_PART, NULL, ids + i, Min(MAX_PACK, items->count - i)};
}

/* In the order of the key, whose pages are then touched one after the other. */
#define ST_SORT          SortByPart
#define ST_ELEMENT_TYPE  NewRow
#define ST_COMPARE(a, b) strcmp((a)->part, (b)->part)
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

PendingBatch *PendingPrepare(ModelTable *table, const PendingEvent *events, uint32 count,
                             const IdList *new_items)
{
    PendingBatch *batch = palloc0(sizeof(PendingBatch));

    batch->row = PallocArray(NewRow, (Size)count + new_items->count + 1);
    AddEvents(batch, events, count);
    if (new_items->count >= BULK)
        AddPacksOfItems(batch, new_items);
    else
        AddItems(table, batch, new_items);
    SortByPart(batch->row, batch->count);
    InsertPlan(table);
    return batch;
}
