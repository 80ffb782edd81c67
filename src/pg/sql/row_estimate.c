/*
 * row_estimate.c: tells the planner how many rows a call of a serving function will give.
 *
 * One support function for all of them: it finds the arguments that decide by their names.  What is
 * not known when a plan is made (a column, a parameter of a generic plan) leaves the declared
 * estimate as it is.
 */
#include "pg/base/compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/base/subtransaction.h"
#include "pg/model/catalog.h"
#include "pg/model/header.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"

/* Of an array of which nothing is known: what PostgreSQL takes, too. */
#define UNKNOWN_LENGTH 10

/* The call that is planned. */
typedef struct Call {
    PlannerInfo *root;
    List *arguments;
    char **names;
} Call;

static bool OpenCall(const SupportRequestRows *request, Call *call)
{
    HeapTuple tuple;
    Oid *types;
    char *modes;

    if (!IsA(request->node, FuncExpr))
        return false;
    tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(request->funcid));
    if (!HeapTupleIsValid(tuple))
        return false;
    call->root = request->root;
    call->arguments = ((FuncExpr *)request->node)->args;
    get_func_arg_info(tuple, &types, &call->names, &modes);
    ReleaseSysCache(tuple);
    return call->names != NULL;
}

/* As far as it is known by now; NULL: there is no such argument. */
static Node *Argument(const Call *call, const char *name)
{
    for (int i = 0; i < list_length(call->arguments); i++)
        if (strcmp(call->names[i], name) == 0)
            return estimate_expression_value(call->root, list_nth(call->arguments, i));
    return NULL;
}

static bool IsNull(const Node *argument)
{
    return argument != NULL && IsA(argument, Const) && ((const Const *)argument)->constisnull;
}

static bool IsKnown(const Node *argument)
{
    return argument != NULL && IsA(argument, Const) && !((const Const *)argument)->constisnull;
}

/* The arrays of uuid and the like become texts on the way, and keep their length. */
static Node *WithoutConversion(Node *array)
{
    while (array != NULL && IsA(array, ArrayCoerceExpr))
        array = (Node *)((ArrayCoerceExpr *)array)->arg;
    return array;
}

/* Elements of an array that is written as a text. */
static double LengthOfLiteral(const Node *literal)
{
    double commas = 0;

    if (!IsKnown(literal))
        return UNKNOWN_LENGTH;
    for (const char *c = TextDatumGetCString(((const Const *)literal)->constvalue); *c != '\0'; c++)
        commas += *c == ',';
    return commas + 1;
}

/* Of an array that is given. */
static double Length(const Call *call, Node *array)
{
    array = WithoutConversion(array);
    if (exprType(array) == TEXTOID)
        return LengthOfLiteral(array);
    return EstimatedLength(call->root, array);
}

/* Rows for one user or item: k, or fewer candidates; NULL: no rows. */
static bool RowsOfEach(const Call *call, double *rows)
{
    Node *k = Argument(call, "k"), *candidates = Argument(call, "candidates");

    if (IsNull(k))
        *rows = 0;
    else if (IsKnown(k))
        *rows = Max(0, DatumGetInt32(((Const *)k)->constvalue));
    else
        return false;
    if (IsKnown(candidates) ||
        (candidates != NULL && IsA(WithoutConversion(candidates), ArrayExpr)))
        *rows = Min(*rows, Length(call, candidates));
    return true;
}

typedef struct Dimensions {
    text *model;
    bool known;
    double rows[2]; /* by axis: users, items */
} Dimensions;

static void ReadDimensions(void *arg)
{
    Dimensions *dimensions = arg;
    Oid relid = ModelMeant(dimensions->model);
    ModelTable table;
    Current current;

    if (!OidIsValid(relid))
        return;
    ModelCheckRights(relid, MODEL_READ);
    if (!ModelTableTryOpen(relid, &table))
        return;
    if (ModelTableTryCurrent(&table, &current) == NULL && current.version > 0) {
        Header header;

        table.store.version = current.version;
        header = HeaderRead(&table.store);
        dimensions->rows[AXIS_USER] = header.users;
        dimensions->rows[AXIS_ITEM] = header.items;
        dimensions->known = true;
    }
    ModelTableRelease(&table);
}

/* What a plan must not make good: it is not the model that is wrong. */
static bool EndsThePlan(const ErrorData *error)
{
    return error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
           error->sqlerrcode == ERRCODE_OUT_OF_MEMORY;
}

/*
 * Of the model that the call means.  A plan that cannot know them is no error, nor does it wait:
 * the call itself will tell what is wrong.
 */
static bool ModelDimensions(const Call *call, Dimensions *dimensions)
{
    Node *model = Argument(call, "model");
    ErrorData *error;

    *dimensions = (Dimensions){0};
    if (model == NULL || !IsA(model, Const) || IsInParallelMode() || !ActiveSnapshotSet())
        return false;
    if (IsKnown(model))
        dimensions->model = DatumGetTextPP(((Const *)model)->constvalue);
    error = SubtransactionTry(ReadDimensions, dimensions);
    if (error != NULL && EndsThePlan(error))
        ReThrowError(error);
    return error == NULL && dimensions->known;
}

/* Users named, or those of the model, times what each gets. */
static bool RowsOfAll(const Call *call, double *rows)
{
    Node *users = Argument(call, "users");
    Dimensions dimensions;
    double each;

    if (!RowsOfEach(call, &each))
        return false;
    if (users != NULL && !IsNull(users)) {
        *rows = each * Length(call, users);
        return true;
    }
    if (!ModelDimensions(call, &dimensions))
        return false;
    *rows = dimensions.rows[AXIS_USER] * Min(each, dimensions.rows[AXIS_ITEM]);
    return true;
}

/* Ids named, or all of a side. */
static bool RowsOfSide(const Call *call, double *rows)
{
    Node *ids = Argument(call, "ids"), *side = Argument(call, "side");
    Dimensions dimensions;

    if (ids != NULL && !IsNull(ids)) {
        *rows = Length(call, ids);
        return true;
    }
    if (!IsKnown(side) || !ModelDimensions(call, &dimensions))
        return false;
    *rows = strcmp(TextDatumGetCString(((Const *)side)->constvalue), "user") == 0
                ? dimensions.rows[AXIS_USER]
                : dimensions.rows[AXIS_ITEM];
    return true;
}

static bool Estimate(const Call *call, double *rows)
{
    if (Argument(call, "side") != NULL)
        return RowsOfSide(call, rows);
    if (Argument(call, "users") != NULL)
        return RowsOfAll(call, rows);
    return RowsOfEach(call, rows);
}

PG_FUNCTION_INFO_V1(recadv_row_estimate);

Datum recadv_row_estimate(PG_FUNCTION_ARGS)
{
    Node *request = (Node *)PG_GETARG_POINTER(0);
    SupportRequestRows *rows;
    Call call;

    if (!IsA(request, SupportRequestRows))
        PG_RETURN_POINTER(NULL);
    rows = (SupportRequestRows *)request;
    if (!OpenCall(rows, &call) || !Estimate(&call, &rows->rows))
        PG_RETURN_POINTER(NULL);
    PG_RETURN_POINTER(rows);
}
