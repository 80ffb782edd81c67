/*
 * id_list.c: looking up, sorting and converting lists of ids.
 *
 * Lists of a model's users and items come from the dictionaries, those of a question from the
 * arguments of a function; both are searched in order of ids.
 */
#include "pg/ids/id_list.h"

#include "pg/ids/id_sort.h"

Id IdListGet(const IdList *list, uint32 index)
{
    if (list->kind == ID_INTEGER)
        return IdOfInteger(list->integers[index]);
    return (Id){ID_TEXT, 0, list->texts[index], list->lengths[index]};
}

static uint32 IndexAt(const IdList *list, uint32 position)
{
    return list->order == NULL ? position : list->order[position];
}

static Id IdAt(const IdList *list, uint32 position)
{
    return IdListGet(list, IndexAt(list, position));
}

/* First position in [low, high) whose id is not below `key`, or high. */
static uint32 LowerBound(const IdList *list, uint32 low, uint32 high, Id key)
{
    while (low < high) {
        uint32 middle = low + (high - low) / 2;

        if (CompareIds(IdAt(list, middle), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32 FindBetween(const IdList *list, uint32 low, uint32 high, Id key)
{
    uint32 found = LowerBound(list, low, high, key);

    return found < list->count && CompareIds(IdAt(list, found), key) == 0 ? IndexAt(list, found)
                                                                          : UNKNOWN_ID;
}

uint32 IdListFind(const IdList *list, Id id)
{
    Id key;

    if (!IdConvert(id, list->kind, &key))
        return UNKNOWN_ID;
    return FindBetween(list, 0, list->count, key);
}

IdList IdListCreate(IdKind kind, uint32 count)
{
    IdList list = {.kind = kind};

    if (kind == ID_INTEGER) {
        list.integers = PallocArray(int64, (Size)count + 1);
    } else {
        list.texts = PallocArray(const char *, (Size)count + 1);
        list.lengths = PallocArray(uint32, (Size)count + 1);
    }
    return list;
}

void IdListFree(IdList *list)
{
    if (list->kind == ID_INTEGER) {
        pfree(list->integers);
    } else {
        pfree(list->texts);
        pfree(list->lengths);
    }
}

void IdListAppend(IdList *list, Id id)
{
    Assert(id.kind == list->kind);
    if (id.kind == ID_INTEGER) {
        list->integers[list->count] = id.integer;
    } else {
        list->texts[list->count] = id.text;
        list->lengths[list->count] = id.length;
    }
    list->count++;
}

#define ST_SORT          SortPlainIntegers
#define ST_ELEMENT_TYPE  int64
#define ST_COMPARE(a, b) ((*(a) > *(b)) - (*(a) < *(b)))
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static void SortPlainTexts(IdList *list)
{
    NumberedText *sorted = PallocArray(NumberedText, (Size)list->count + 1);

    for (uint32 i = 0; i < list->count; i++)
        sorted[i] = (NumberedText){{list->texts[i], list->lengths[i]}, i};
    SortTexts(sorted, list->count);
    for (uint32 i = 0; i < list->count; i++) {
        list->texts[i] = sorted[i].key.text;
        list->lengths[i] = sorted[i].key.length;
    }
    pfree(sorted);
}

/* What a query has put in order needs no sorting. */
static bool IsAscending(const IdList *list)
{
    for (uint32 i = 1; i < list->count; i++)
        if (CompareIds(IdListGet(list, i - 1), IdListGet(list, i)) >= 0)
            return false;
    return true;
}

void IdListSort(IdList *list)
{
    uint32 count = list->count;

    if (IsAscending(list))
        return;
    if (list->kind == ID_INTEGER)
        SortPlainIntegers(list->integers, count);
    else
        SortPlainTexts(list);
    list->count = 1;
    for (uint32 i = 1; i < count; i++) {
        Id id = IdListGet(list, i);

        if (CompareIds(IdListGet(list, list->count - 1), id) != 0)
            IdListAppend(list, id);
    }
}

IdList IdListConvert(const IdList *list, IdKind kind)
{
    IdList converted = IdListCreate(kind, list->count);
    Id id;

    for (uint32 i = 0; i < list->count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (IdConvert(IdListGet(list, i), kind, &id))
            IdListAppend(&converted, id);
    }
    return converted;
}
