/* embeddings.c: recadv_embeddings. */
#include "pg/ids/id_index.h"
#include "pg/ids/id_value.h"
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/select.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Arguments of recadv_embeddings; one of its two forms has no ids. */
enum { EMBEDDINGS_MODEL, EMBEDDINGS_SIDE, EMBEDDINGS_IDS };

/* Rows gathered together where ids are given. */
#define GATHERED 256

typedef struct Output {
    RowSet rows;
    Served *served;
    Axis axis;
    int part;
    Oid id_type;
    MemoryContext scratch; /* reset after each row */
    IdReader ids;
} Output;

static Axis AxisArgument(FunctionCallInfo fcinfo, int argument)
{
    char *side = text_to_cstring(PG_GETARG_TEXT_PP(argument));

    if (strcmp(side, "user") != 0 && strcmp(side, "item") != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("side must be \"user\" or \"item\", not \"%s\"", side)));
    return strcmp(side, "user") == 0 ? AXIS_USER : AXIS_ITEM;
}

/* The elements of the array `ids` have the type of the result's ids. */
static Oid IdTypeArgument(FunctionCallInfo fcinfo, int argument)
{
    Oid type = get_element_type(get_fn_expr_argtype(fcinfo->flinfo, argument));

    if (!IdTypeIsReturned(type))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("ids must be an array of integers, uuid, numeric or text"),
                        errhint("Pass ids::text[].")));
    return type;
}

static Datum IdDatumOf(const Output *output, Id id)
{
    int64 integer;

    if (output->id_type == UUIDOID)
        return IdTextAsUuid(IdToText(id));
    if (output->id_type == NUMERICOID)
        return IdTextAsNumeric(IdToText(id));
    if (IdKindOfType(output->id_type) == ID_TEXT)
        return PointerGetDatum(IdToText(id));
    integer = DatumGetInt64(IdToDatum(id, ID_INTEGER));
    if ((output->id_type == INT2OID && integer != (int16)integer) ||
        (output->id_type == INT4OID && integer != (int32)integer))
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("id %lld is out of range for type %s", (long long)integer,
                               format_type_be(output->id_type)),
                        errhint("Pass ids => NULL::bigint[] to get ids of type bigint.")));
    if (output->id_type == INT8OID)
        return Int64GetDatum(integer);
    return output->id_type == INT4OID ? Int32GetDatum((int32)integer)
                                      : Int16GetDatum((int16)integer);
}

static Datum RealArray(const float *values, uint32 count)
{
    Datum *elements = PallocArray(Datum, count);

    for (uint32 i = 0; i < count; i++)
        elements[i] = Float4GetDatum(values[i]);
    return PointerGetDatum(
        construct_array(elements, (int)count, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

static void AddRow(Output *output, uint32 row, const Model *view, uint32 at)
{
    const Part *part = &view->part[output->part];
    MemoryContext caller = MemoryContextSwitchTo(output->scratch);
    Datum id = IdDatumOf(output, IdReaderGet(&output->ids, row));
    Datum embedding = RealArray(part->data + (Size)at * part->stride, part->columns);

    RowSetAdd(&output->rows, (Datum[]){id, embedding}, NULL);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(output->scratch);
}

static void AddView(void *arg, uint32 first, const Model *view)
{
    Output *output = arg;

    for (uint32 i = 0; i < ViewRows(view, output->axis); i++)
        AddRow(output, first + i, view, i);
}

/* Elements of any of the accepted types. */
static IdList IdsOfAnyArray(ArrayType *array, Oid type)
{
    IdIndex *index = IdIndexCreate(CurrentMemoryContext, type);
    uint32 count = (uint32)ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    ArrayIterator iterator = array_create_iterator(array, 0, NULL);
    IdList ids = IdListCreate(IdIndexKind(index), count);
    Datum value;
    bool null;

    while (array_iterate(iterator, &value, &null)) {
        CHECK_FOR_INTERRUPTS();
        if (!null)
            IdListAppend(&ids, IdIndexIdOf(index, value));
    }
    array_free_iterator(iterator);
    return ids;
}

static void AddChosen(Output *output, ArrayType *array)
{
    IdList ids = IdsOfAnyArray(array, output->id_type);
    RowList chosen = RowsOfIds(output->served, output->axis, &ids);
    RowReader reader;

    /* Items that are but pending come last, and no training has made their rows. */
    while (chosen.count > 0 &&
           chosen.rows[chosen.count - 1] >= AxisCount(output->served, output->axis))
        chosen.count--;
    reader = RowReaderOpen(output->served, output->axis, Min(GATHERED, chosen.count));
    for (uint32 first = 0; first < chosen.count; first += GATHERED) {
        uint32 count = Min(GATHERED, chosen.count - first);
        const Model *view = RowReaderTake(&reader, chosen.rows + first, count);

        for (uint32 i = 0; i < count; i++)
            AddRow(output, chosen.rows[first + i], view, i);
    }
}

static void CheckEmbedding(const Output *output)
{
    const Algorithm *algorithm = output->served->header.algorithm;

    if (output->part == 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("algorithm \"%s\" of model \"%s\" has no embeddings",
                               algorithm->name, output->served->store->name)));
}

static Datum Embeddings(FunctionCallInfo fcinfo, bool has_ids)
{
    Output output = {0};
    ModelTable table;

    RowSetOpen(&output.rows, fcinfo);
    if (PG_ARGISNULL(EMBEDDINGS_SIDE))
        return (Datum)0;
    output.axis = AxisArgument(fcinfo, EMBEDDINGS_SIDE);
    output.id_type = has_ids ? IdTypeArgument(fcinfo, EMBEDDINGS_IDS) : TEXTOID;
    output.served = ServedOpen(ModelArgument(fcinfo, EMBEDDINGS_MODEL), &table);
    CheckAxisKind(output.served, output.axis, IdKindOfType(output.id_type));
    output.part = output.served->header.algorithm->embedding[output.axis];
    CheckEmbedding(&output);
    output.scratch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv embedding", ALLOCSET_DEFAULT_SIZES);
    output.ids = IdReaderOpen(output.served, output.axis);
    if (!has_ids || PG_ARGISNULL(EMBEDDINGS_IDS))
        RowsVisit(output.served, output.axis, AddView, &output);
    else
        AddChosen(&output, PG_GETARG_ARRAYTYPE_P(EMBEDDINGS_IDS));
    ModelTableClose(&table);
    return (Datum)0;
}

PG_FUNCTION_INFO_V1(recadv_embeddings_all);
PG_FUNCTION_INFO_V1(recadv_embeddings_of);

Datum recadv_embeddings_all(PG_FUNCTION_ARGS)
{
    return Embeddings(fcinfo, false);
}

Datum recadv_embeddings_of(PG_FUNCTION_ARGS)
{
    return Embeddings(fcinfo, true);
}
