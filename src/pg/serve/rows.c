/*
 * rows.c: finds, gathers and walks through rows of users or items, for select.c and those who ask.
 *
 * Items come from memory where the item side is resident.  All else is read block by block, each
 * block once, however many of its rows are wanted.
 */
#include "pg/serve/rows.h"

#include "catalog/pg_type.h"

#include "pg/base/settings.h"
#include "pg/ids/id_text.h"

/* Rows between two looks at interrupts. */
#define VISIT_ROWS  4096
#define CHECK_EVERY 4096

static const Dictionary *DictionaryOf(const Served *served, Axis axis)
{
    return axis == AXIS_USER ? &served->users : &served->items;
}

uint32 AxisCount(const Served *served, Axis axis)
{
    return axis == AXIS_USER ? served->header.users : served->header.items;
}

IdKind AxisKind(const Served *served, Axis axis)
{
    return axis == AXIS_USER ? served->header.user_kind : served->header.item_kind;
}

bool AxisServes(const Served *served, Axis axis, IdKind kind)
{
    const Header *header = &served->header;

    return kind == ID_TEXT || AxisKind(served, axis) == ID_INTEGER ||
           (axis == AXIS_USER ? header->user_text : header->item_text) == NUMERICOID;
}

void CheckAxisKind(const Served *served, Axis axis, IdKind kind)
{
    if (!AxisServes(served, axis, kind))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("%s of model \"%s\" are not integers",
                               axis == AXIS_USER ? "users" : "items", served->store->name),
                        errhint("Pass ids with the type that they have, id::uuid say, or as text: "
                                "id::text, ids::text[].")));
}

uint32 AxisFind(Served *served, Axis axis, Id id)
{
    return axis == AXIS_USER ? ServedUser(served, id) : ServedItem(served, id);
}

static bool IsResident(const Served *served, Axis axis)
{
    return axis == AXIS_ITEM && served->resident;
}

static void FindResident(Served *served, const IdList *ids, uint32 *found)
{
    for (uint32 i = 0; i < ids->count; i++) {
        if (i % CHECK_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
        found[i] = ServedItem(served, IdListGet(ids, i));
    }
}

static void FindNewItems(const Served *served, const IdList *ids, uint32 *found)
{
    for (uint32 i = 0; i < ids->count && served->new_items.count > 0; i++) {
        uint32 at =
            found[i] == UNKNOWN_ID ? IdListFind(&served->new_items, IdListGet(ids, i)) : UNKNOWN_ID;

        if (at != UNKNOWN_ID)
            found[i] = served->header.items + at;
    }
}

/* Does the order of rows follow that of ids?  Not where some came after the training. */
static bool RowsFollowIds(const Served *served, Axis axis)
{
    return DictionaryOf(served, axis)->added.count == 0 &&
           (axis == AXIS_USER || served->new_items.count == 0);
}

void ServedCanonicalAll(const Served *served, Axis axis, IdList *ids)
{
    Oid type = axis == AXIS_USER ? served->header.user_text : served->header.item_text;

    for (uint32 i = 0; i < ids->count && ids->kind == ID_TEXT && OidIsValid(type); i++) {
        Id id = IdCanonical(type, IdListGet(ids, i));

        ids->texts[i] = id.text;
        ids->lengths[i] = id.length;
        CHECK_FOR_INTERRUPTS();
    }
}

RowList RowsOfIds(Served *served, Axis axis, const IdList *ids)
{
    IdList sorted = IdListConvert(ids, AxisKind(served, axis));
    RowList list = {PallocArray(uint32, (Size)ids->count + 1), 0};

    ServedCanonicalAll(served, axis, &sorted);
    IdListSort(&sorted);
    if (IsResident(served, axis))
        FindResident(served, &sorted, list.rows);
    else
        DictionaryFindAll(DictionaryOf(served, axis), served->store, &sorted, list.rows);
    if (axis == AXIS_ITEM)
        FindNewItems(served, &sorted, list.rows);
    for (uint32 i = 0; i < sorted.count; i++)
        if (list.rows[i] != UNKNOWN_ID)
            list.rows[list.count++] = list.rows[i];
    if (!RowsFollowIds(served, axis))
        SortIndexes(list.rows, list.count);
    return list;
}

RowList RowsUnion(RowList a, RowList b)
{
    RowList all = {PallocArray(uint32, (Size)a.count + b.count + 1), 0};
    uint32 i = 0, j = 0;

    while (i < a.count || j < b.count) {
        uint32 row =
            j == b.count || (i < a.count && a.rows[i] <= b.rows[j]) ? a.rows[i] : b.rows[j];

        i += i < a.count && a.rows[i] == row;
        j += j < b.count && b.rows[j] == row;
        all.rows[all.count++] = row;
    }
    return all;
}

RowList RowsMinus(RowList a, RowList b)
{
    RowList left = {PallocArray(uint32, (Size)a.count + 1), 0};
    uint32 j = 0;

    for (uint32 i = 0; i < a.count; i++) {
        while (j < b.count && b.rows[j] < a.rows[i])
            j++;
        if (j == b.count || b.rows[j] != a.rows[i])
            left.rows[left.count++] = a.rows[i];
    }
    return left;
}

RowReader RowReaderOpen(Served *served, Axis axis, uint32 capacity)
{
    RowReader reader = {.served = served, .axis = axis, .loaded = UNKNOWN_ID};

    reader.view = ViewAllocate(&served->model, axis, capacity);
    if (!IsResident(served, axis)) {
        reader.per_block = AxisBlockRows(&served->model, axis);
        reader.block = ViewAllocate(&served->model, axis, reader.per_block);
    }
    return reader;
}

static void CopyRow(const Model *from, uint32 row, Model *to, uint32 at, Axis axis)
{
    for (int i = 0; i < to->parts; i++) {
        Size stride = to->part[i].stride;

        if (PartServes(&to->part[i], axis))
            memcpy(to->part[i].data + at * stride, from->part[i].data + row * stride,
                   stride * sizeof(float));
    }
}

/* The view that holds a row, and its place there. */
static const Model *Locate(RowReader *reader, uint32 row, uint32 *at)
{
    *at = row;
    if (reader->axis == AXIS_ITEM && row >= reader->served->header.items) {
        *at = row - reader->served->header.items;
        return &reader->served->new_rows;
    }
    if (reader->per_block == 0)
        return &reader->served->model;
    if (row / reader->per_block != reader->loaded) {
        reader->loaded = row / reader->per_block;
        ViewReadBlock(reader->served->store, &reader->served->model, reader->axis, reader->loaded,
                      &reader->block);
    }
    *at = row % reader->per_block;
    return &reader->block;
}

const Model *RowReaderTake(RowReader *reader, const uint32 *rows, uint32 count)
{
    ViewSetRows(&reader->view, reader->axis, count);
    if (reader->axis == AXIS_ITEM)
        reader->view.item_rows = rows;
    for (uint32 i = 0; i < count; i++) {
        uint32 at;
        const Model *from = Locate(reader, rows[i], &at);

        CopyRow(from, at, &reader->view, i, reader->axis);
        if (i % CHECK_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
    return &reader->view;
}

Model RowsGather(Served *served, Axis axis, const uint32 *rows, uint32 count)
{
    RowReader reader;

    CheckMemory(SizeMultiply(ViewRowBytes(&served->model, axis), count), "serving");
    reader = RowReaderOpen(served, axis, count);
    return *RowReaderTake(&reader, rows, count);
}

static uint32 SortDistinct(uint32 *rows, uint32 count)
{
    uint32 kept = 0;

    SortIndexes(rows, count);
    for (uint32 i = 0; i < count; i++)
        if (i == 0 || rows[i] != rows[i - 1])
            rows[kept++] = rows[i];
    return kept;
}

Model RowsGatherAny(Served *served, Axis axis, const uint32 *rows, uint32 count)
{
    uint32 *sorted = PallocArray(uint32, (Size)count + 1), distinct;
    Model gathered, view;

    CheckMemory(SizeMultiply(ViewRowBytes(&served->model, axis), count), "serving");
    memcpy(sorted, rows, (Size)count * sizeof(uint32));
    distinct = SortDistinct(sorted, count);
    gathered = RowsGather(served, axis, sorted, distinct);
    view = ViewAllocate(&served->model, axis, count);
    if (axis == AXIS_ITEM)
        view.item_rows = rows;
    for (uint32 i = 0; i < count; i++) {
        uint32 *at = bsearch(&rows[i], sorted, distinct, sizeof(uint32), CompareIndexes);

        CopyRow(&gathered, (uint32)(at - sorted), &view, i, axis);
    }
    return view;
}

uint32 RowsPerVisit(const Served *served, Axis axis)
{
    uint32 rows = IsResident(served, axis) ? VISIT_ROWS : AxisBlockRows(&served->model, axis);

    return Min(rows, AxisCount(served, axis));
}

static void VisitResident(Served *served, RowVisitor visit, void *arg)
{
    uint32 items = served->header.items;

    for (uint32 first = 0; first < items; first += VISIT_ROWS) {
        Model view;

        ModelViewItems(&served->model, first, Min(VISIT_ROWS, items - first), &view);
        visit(arg, first, &view);
        CHECK_FOR_INTERRUPTS();
    }
}

void RowsVisit(Served *served, Axis axis, RowVisitor visit, void *arg)
{
    uint32 per_block = AxisBlockRows(&served->model, axis), count = AxisCount(served, axis);
    Model view;

    if (IsResident(served, axis)) {
        VisitResident(served, visit, arg);
        return;
    }
    view = ViewAllocate(&served->model, axis, Min(per_block, count));
    for (uint32 b = 0; b < BlockCount(count, per_block); b++) {
        ViewReadBlock(served->store, &served->model, axis, b, &view);
        visit(arg, b * per_block, &view);
        CHECK_FOR_INTERRUPTS();
    }
}

IdReader IdReaderOpen(Served *served, Axis axis)
{
    IdReader reader = {.served = served, .axis = axis};

    if (!IsResident(served, axis))
        reader.context =
            AllocSetContextCreate(CurrentMemoryContext, "recadv ids", ALLOCSET_DEFAULT_SIZES);
    return reader;
}

Id IdReaderGet(IdReader *reader, uint32 row)
{
    MemoryContext caller;

    if (reader->context == NULL ||
        (reader->axis == AXIS_ITEM && row >= AxisCount(reader->served, AXIS_ITEM)))
        return ServedItemId(reader->served, row);
    if (row >= reader->first && row - reader->first < reader->block.count)
        return IdListGet(&reader->block, row - reader->first);
    MemoryContextReset(reader->context);
    caller = MemoryContextSwitchTo(reader->context);
    reader->block = DictionaryAround(DictionaryOf(reader->served, reader->axis),
                                     reader->served->store, row, &reader->first);
    MemoryContextSwitchTo(caller);
    return IdListGet(&reader->block, row - reader->first);
}

void IdReaderLoadAll(IdReader *reader)
{
    MemoryContext caller;

    if (reader->context == NULL)
        return;
    caller = MemoryContextSwitchTo(reader->context);
    reader->block =
        DictionaryRead(DictionaryOf(reader->served, reader->axis), reader->served->store);
    reader->first = 0;
    MemoryContextSwitchTo(caller);
}
