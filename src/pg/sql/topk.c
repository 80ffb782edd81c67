/* topk.c: recadv_topk and recadv_topk_for, for tables and images. */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/select.h"
#include "pg/serve/user.h"
#include "pg/serve/visitor.h"
#include "pg/serve/live_source.h"

typedef struct Question {
    IdKind kind; /* of the ids */
    Id user;     /* or */
    int history; /* argument: what the one who asks has */
    uint32 k;
    bool exclude_seen;
    const IdList *live; /* NULL: what the user has stands in the model */
    int filter;         /* argument: candidates */
} Question;

/* `table` is NULL for an image. */
static void AnswerUser(FunctionCallInfo fcinfo, Served *served, ModelTable *table,
                       const Question *question, RowSet *rows)
{
    TargetUser target = TargetUserOpen(served, table, question->user);
    Filter filter;
    TopK top;

    CheckAxisKind(served, AXIS_ITEM, question->kind);
    filter = FilterArguments(fcinfo, question->filter, served, AXIS_ITEM, question->kind);
    if (question->exclude_seen)
        filter.without = RowsUnion(
            filter.without, question->live != NULL ? RowsOfIds(served, AXIS_ITEM, question->live)
                                                   : TargetUserSeen(served, &target));
    top = SelectItems(served, TargetUserQuery(served, &target), &filter, question->k);
    AddSelected(rows, served, AXIS_ITEM, question->kind, &top);
}

/* Arguments: user_id, k, model, exclude_seen, candidates, exclude, seen. */
static Datum TopKOfTable(FunctionCallInfo fcinfo, IdKind kind)
{
    Question question = {.kind = kind, .filter = 4};
    text *model = ModelArgument(fcinfo, 2);
    ModelTable table;
    IdList live;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (AnyArgumentNull(fcinfo, 0, 1) || PG_ARGISNULL(3) || PG_ARGISNULL(6))
        return (Datum)0;
    question.user = IdArgument(fcinfo, 0, kind);
    question.k = KArgument(fcinfo, 1);
    question.exclude_seen = PG_GETARG_BOOL(3);
    if (LiveArgument(fcinfo, 6) && question.exclude_seen) {
        live = LiveItems(model, question.user);
        question.live = &live;
    }
    AnswerUser(fcinfo, ServedOpen(model, &table), &table, &question, &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

/* Arguments: image, user_id, k, exclude_seen, candidates, exclude. */
static Datum TopKOfImage(FunctionCallInfo fcinfo, IdKind kind)
{
    Question question = {.kind = kind, .filter = 4};
    ImageStore store;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (AnyArgumentNull(fcinfo, 0, 3))
        return (Datum)0;
    question.user = IdArgument(fcinfo, 1, kind);
    question.k = KArgument(fcinfo, 2);
    question.exclude_seen = PG_GETARG_BOOL(3);
    AnswerUser(fcinfo, ServedImage(PG_GETARG_BYTEA_P(0), &store), NULL, &question, &rows);
    return (Datum)0;
}

/* A history of nothing that the model knows says nothing: what is popular. */
static void AnswerHistory(FunctionCallInfo fcinfo, Served *served, const Question *question,
                          RowSet *rows)
{
    IdList ids = IdsArgument(fcinfo, question->history, question->kind);
    RowList known;
    Filter filter;
    TopK top;

    CheckAxisKind(served, AXIS_ITEM, question->kind);
    known = RowsOfIds(served, AXIS_ITEM, &ids);
    filter = FilterArguments(fcinfo, question->filter, served, AXIS_ITEM, question->kind);
    if (question->exclude_seen)
        filter.without = RowsUnion(filter.without, known);
    top = SelectItems(served, VisitorQuery(served, known, &ids), &filter, question->k);
    AddSelected(rows, served, AXIS_ITEM, question->kind, &top);
}

/* Arguments: history, k, model, exclude_seen, candidates, exclude. */
static Datum TopKForOfTable(FunctionCallInfo fcinfo, IdKind kind)
{
    Question question = {.kind = kind, .history = 0, .filter = 4};
    ModelTable table;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(1) || PG_ARGISNULL(3))
        return (Datum)0;
    question.k = KArgument(fcinfo, 1);
    question.exclude_seen = PG_GETARG_BOOL(3);
    AnswerHistory(fcinfo, ServedOpen(ModelArgument(fcinfo, 2), &table), &question, &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

/* Arguments: image, history, k, exclude_seen, candidates, exclude. */
static Datum TopKForOfImage(FunctionCallInfo fcinfo, IdKind kind)
{
    Question question = {.kind = kind, .history = 1, .filter = 4};
    ImageStore store;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(0) || AnyArgumentNull(fcinfo, 2, 3))
        return (Datum)0;
    question.k = KArgument(fcinfo, 2);
    question.exclude_seen = PG_GETARG_BOOL(3);
    AnswerHistory(fcinfo, ServedImage(PG_GETARG_BYTEA_P(0), &store), &question, &rows);
    return (Datum)0;
}

FOR_BOTH_KINDS(recadv_topk, TopKOfTable)
FOR_BOTH_KINDS(recadv_topk_image, TopKOfImage)
FOR_BOTH_KINDS(recadv_topk_for, TopKForOfTable)
FOR_BOTH_KINDS(recadv_topk_for_image, TopKForOfImage)
