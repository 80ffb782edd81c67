/* topk.c: recadv_topk, recadv_score, recadv_has_user, for tables and images. */
#include "pg/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "core/topk.h"
#include "pg/served.h"
#include "pg/srf.h"

/* Beyond this many, reading all ids is cheaper than one block for each. */
#define MANY_IDS 64

static void CheckK(int64 k)
{
    if (k < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("k must be at least 1, not %lld", (long long)k)));
}

/* Items of a bigint result must be integers. */
static void CheckItemKind(const Served *served, IdKind kind)
{
    if (kind == ID_INTEGER && served->header.item_kind == ID_TEXT)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("items of model \"%s\" are not integers", served->store->name),
                        errhint("Pass the user as text: recadv_topk(id::text).")));
}

static Datum IdDatum(Id id, IdKind kind)
{
    return kind == ID_INTEGER ? Int64GetDatum(id.integer) : PointerGetDatum(IdToText(id));
}

static void TopKRows(Served *served, Id user, int32 k, bool exclude_seen, RowSet *rows)
{
    TopK top = {.limit = Min((uint32)k, served->header.items)};
    uint32 *seen = NULL, seen_count = 0;
    uint32 index = ServedUser(served, user);
    float *query = NULL;
    IdList ids = {0};

    CheckItemKind(served, user.kind);
    top.entries = PallocArray(Scored, top.limit);
    if (index != UNKNOWN_ID) {
        query = ServedQuery(served, index);
        if (exclude_seen)
            seen = ReadSeen(served->store, &served->header, index, &seen_count);
    }
    ServedTopK(served, query, seen, seen_count, &top);
    if (!served->resident && top.count > MANY_IDS)
        ids = ReadIds(served->store, "item_ids", served->header.item_kind, served->header.items);
    for (uint32 i = 0; i < top.count; i++) {
        uint32 found = top.entries[i].item;
        Id item = ids.count > 0 ? IdListGet(&ids, found) : ServedItemId(served, found);

        RowSetAdd(rows,
                  (Datum[]){IdDatum(item, user.kind), Float4GetDatum(top.entries[i].score),
                            Int32GetDatum((int32)i + 1)},
                  NULL);
    }
}

static Id IdArgument(FunctionCallInfo fcinfo, int argument, IdKind kind)
{
    text *value;

    if (kind == ID_INTEGER)
        return IdOfInteger(PG_GETARG_INT64(argument));
    value = PG_GETARG_TEXT_PP(argument);
    return IdOfText(VARDATA_ANY(value), (uint32)VARSIZE_ANY_EXHDR(value));
}

/* Arguments: user_id, k, model, exclude_seen. */
static Datum TopKOfTable(FunctionCallInfo fcinfo, IdKind kind)
{
    RowSet rows;
    ModelTable table;
    Served *served;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
        return (Datum)0;
    CheckK(PG_GETARG_INT32(1));
    served = ServedOpen(PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2), &table);
    TopKRows(served, IdArgument(fcinfo, 0, kind), PG_GETARG_INT32(1), PG_GETARG_BOOL(3), &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

/* Arguments: image, user_id, k, exclude_seen. */
static Datum TopKOfImage(FunctionCallInfo fcinfo, IdKind kind)
{
    RowSet rows;
    ImageStore store;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
        return (Datum)0;
    CheckK(PG_GETARG_INT32(2));
    TopKRows(ServedImage(PG_GETARG_BYTEA_P(0), &store), IdArgument(fcinfo, 1, kind),
             PG_GETARG_INT32(2), PG_GETARG_BOOL(3), &rows);
    return (Datum)0;
}

PG_FUNCTION_INFO_V1(recadv_topk_bigint);
PG_FUNCTION_INFO_V1(recadv_topk_text);
PG_FUNCTION_INFO_V1(recadv_topk_image_bigint);
PG_FUNCTION_INFO_V1(recadv_topk_image_text);

Datum recadv_topk_bigint(PG_FUNCTION_ARGS)
{
    return TopKOfTable(fcinfo, ID_INTEGER);
}

Datum recadv_topk_text(PG_FUNCTION_ARGS)
{
    return TopKOfTable(fcinfo, ID_TEXT);
}

Datum recadv_topk_image_bigint(PG_FUNCTION_ARGS)
{
    return TopKOfImage(fcinfo, ID_INTEGER);
}

Datum recadv_topk_image_text(PG_FUNCTION_ARGS)
{
    return TopKOfImage(fcinfo, ID_TEXT);
}

/* False for an unknown user or item, or a score that is not a number. */
static bool Score(Served *served, Id user_id, Id item_id, float *score)
{
    uint32 user = ServedUser(served, user_id), item = ServedItem(served, item_id);

    if (user == UNKNOWN_ID || item == UNKNOWN_ID)
        return false;
    *score = ServedScore(served, ServedQuery(served, user), item);
    return *score == *score;
}

/* Arguments: user_id, item_id, model. */
static Datum ScoreOfTable(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    Served *served;
    float score;
    bool known;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    served = ServedOpen(PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2), &table);
    known = Score(served, IdArgument(fcinfo, 0, kind), IdArgument(fcinfo, 1, kind), &score);
    ModelTableClose(&table);
    if (!known)
        PG_RETURN_NULL();
    PG_RETURN_FLOAT4(score);
}

/* Arguments: image, user_id, item_id; strict. */
static Datum ScoreOfImage(FunctionCallInfo fcinfo, IdKind kind)
{
    ImageStore store;
    Served *served = ServedImage(PG_GETARG_BYTEA_P(0), &store);
    float score;

    if (!Score(served, IdArgument(fcinfo, 1, kind), IdArgument(fcinfo, 2, kind), &score))
        PG_RETURN_NULL();
    PG_RETURN_FLOAT4(score);
}

PG_FUNCTION_INFO_V1(recadv_score_bigint);
PG_FUNCTION_INFO_V1(recadv_score_text);
PG_FUNCTION_INFO_V1(recadv_score_image_bigint);
PG_FUNCTION_INFO_V1(recadv_score_image_text);

Datum recadv_score_bigint(PG_FUNCTION_ARGS)
{
    return ScoreOfTable(fcinfo, ID_INTEGER);
}

Datum recadv_score_text(PG_FUNCTION_ARGS)
{
    return ScoreOfTable(fcinfo, ID_TEXT);
}

Datum recadv_score_image_bigint(PG_FUNCTION_ARGS)
{
    return ScoreOfImage(fcinfo, ID_INTEGER);
}

Datum recadv_score_image_text(PG_FUNCTION_ARGS)
{
    return ScoreOfImage(fcinfo, ID_TEXT);
}

static Datum HasUser(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    Served *served;
    bool known;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    served = ServedOpen(PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1), &table);
    known = ServedUser(served, IdArgument(fcinfo, 0, kind)) != UNKNOWN_ID;
    ModelTableClose(&table);
    PG_RETURN_BOOL(known);
}

PG_FUNCTION_INFO_V1(recadv_has_user_bigint);
PG_FUNCTION_INFO_V1(recadv_has_user_text);

Datum recadv_has_user_bigint(PG_FUNCTION_ARGS)
{
    return HasUser(fcinfo, ID_INTEGER);
}

Datum recadv_has_user_text(PG_FUNCTION_ARGS)
{
    return HasUser(fcinfo, ID_TEXT);
}
