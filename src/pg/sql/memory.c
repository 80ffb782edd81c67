/* memory.c: recadv_memory(): what the slots of a model's memory stand for. */
#include "pg/base/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/stream/observer.h"
#include "pg/serve/select.h"

/* Arguments of recadv_memory. */
enum { MEMORY_MODEL, MEMORY_K };

/* The k rows of an axis nearest to a vector of the width of their embeddings, as an array of ids.
 */
static Datum Nearest(Served *served, Axis axis, const float *vector, uint32 k)
{
    TopK top = SelectNearest(served, axis, vector, k);
    Datum *ids = PallocArray(Datum, (Size)top.count + 1);
    IdReader reader = IdReaderOpen(served, axis);

    for (uint32 i = 0; i < top.count; i++)
        ids[i] = PointerGetDatum(IdToText(IdReaderGet(&reader, top.entries[i].item)));
    return PointerGetDatum(construct_array(ids, (int)top.count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Events after which half of what the slot held is gone. */
static double HalfLife(double erase)
{
    return log(0.5) / log1p(-erase);
}

static void AddSlot(RowSet *rows, Served *served, uint32 number, uint32 k)
{
    Slot slot = served->header.algorithm->stream->slot(&served->model, number);
    bool lasts = slot.erase <= 0 || slot.erase >= 1;
    ResultRow row = {0};

    ResultInt4(&row, (int32)number + 1);
    ResultFloat8(&row, slot.usage);
    ResultFloat8(&row, slot.entropy);
    ResultFloat8(&row, slot.erase);
    ResultFloat8If(&row, !lasts, lasts ? 0 : HalfLife(slot.erase));
    ResultDatum(&row, Nearest(served, AXIS_USER, slot.key, k));
    ResultDatum(&row, Nearest(served, AXIS_ITEM, slot.value, k));
    RowSetAddRow(rows, &row);
    CHECK_FOR_INTERRUPTS();
}

static void CheckHasSlots(const Served *served)
{
    const Algorithm *algorithm = served->header.algorithm;

    if (algorithm->stream == NULL)
        FailNoStream(served->store->name, algorithm);
    if (algorithm->stream->slots == NULL || algorithm->stream->slot == NULL)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("algorithm \"%s\" of model \"%s\" keeps no memory slots",
                               algorithm->name, served->store->name)));
}

PG_FUNCTION_INFO_V1(recadv_memory);

Datum recadv_memory(PG_FUNCTION_ARGS)
{
    Served *served;
    ModelTable table;
    RowSet rows;
    uint32 k;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(MEMORY_K))
        return (Datum)0;
    k = KArgument(fcinfo, MEMORY_K);
    served = ServedOpen(ModelArgument(fcinfo, MEMORY_MODEL), &table);
    CheckHasSlots(served);
    for (uint32 i = 0; i < served->header.algorithm->stream->slots(&served->model); i++)
        AddSlot(&rows, served, i, k);
    ModelTableClose(&table);
    return (Datum)0;
}
