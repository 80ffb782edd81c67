/* topk.c: recadv_topk and recadv_topk_for, for tables and images. */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/select.h"
#include "pg/serve/user.h"
#include "pg/serve/visitor.h"
#include "pg/serve/live_source.h"
#include "pg/model/catalog.h"

#include "utils/builtins.h"

/* Arguments of recadv_topk. */
enum {
    TOPK_USER,
    TOPK_K,
    TOPK_MODEL,
    TOPK_EXCLUDE_SEEN,
    TOPK_CANDIDATES,
    TOPK_EXCLUDE,
    TOPK_SEEN,
    TOPK_WEIGHT
};

/* Arguments of recadv_image_topk. */
enum {
    TOPK_IMAGE_IMAGE,
    TOPK_IMAGE_USER,
    TOPK_IMAGE_K,
    TOPK_IMAGE_EXCLUDE_SEEN,
    TOPK_IMAGE_CANDIDATES,
    TOPK_IMAGE_EXCLUDE,
    TOPK_IMAGE_WEIGHT
};

/* Arguments of recadv_topk_for. */
enum {
    TOPK_FOR_HISTORY,
    TOPK_FOR_K,
    TOPK_FOR_MODEL,
    TOPK_FOR_EXCLUDE_SEEN,
    TOPK_FOR_CANDIDATES,
    TOPK_FOR_EXCLUDE,
    TOPK_FOR_WEIGHT
};

/* Arguments of recadv_image_topk_for. */
enum {
    TOPK_FOR_IMAGE_IMAGE,
    TOPK_FOR_IMAGE_HISTORY,
    TOPK_FOR_IMAGE_K,
    TOPK_FOR_IMAGE_EXCLUDE_SEEN,
    TOPK_FOR_IMAGE_CANDIDATES,
    TOPK_FOR_IMAGE_EXCLUDE,
    TOPK_FOR_IMAGE_WEIGHT
};

typedef struct Question {
    IdKind kind; /* of the ids */
    Id user;     /* or */
    int history; /* argument: what the one who asks has */
    uint32 k;
    bool exclude_seen;
    float weight;       /* of popularity, against it */
    const IdList *live; /* NULL: what the user has stands in the model */
    int filter;         /* argument: candidates */
} Question;

/* A slip that would look like an answer: a model where the user belongs. */
static void WarnOfModel(Id stranger)
{
    char *name;

    if (stranger.kind != ID_TEXT || stranger.length >= NAMEDATALEN)
        return;
    name = text_to_cstring(IdToText(stranger));
    if (IsNameOfModel(name))
        ereport(WARNING, (errmsg("user \"%s\" is not known, and \"%s\" is a model", name, name),
                          errhint("The user comes first: recadv_topk(user_id, k, model).")));
}

/* `table` is NULL for an image. */
static void AnswerUser(FunctionCallInfo fcinfo, Served *served, ModelTable *table,
                       const Question *question, RowSet *rows)
{
    TargetUser target = TargetUserOpen(served, table, question->user);
    Filter filter;
    TopK top;

    if (!TargetUserIsKnown(&target))
        WarnOfModel(question->user);
    CheckAxisKind(served, AXIS_ITEM, question->kind);
    filter = FilterArguments(fcinfo, question->filter, served, AXIS_ITEM, question->kind);
    if (question->exclude_seen)
        filter.without = RowsUnion(
            filter.without, question->live != NULL ? RowsOfIds(served, AXIS_ITEM, question->live)
                                                   : TargetUserSeen(served, &target));
    top = SelectItems(served, TargetUserQuery(served, &target), &filter, question->k,
                      question->weight);
    AddRecommended(rows, served, question->kind, &top, !TargetUserIsKnown(&target));
}

static Datum TopKOfTable(FunctionCallInfo fcinfo, IdKind kind)
{
    Question question = {.kind = kind, .filter = TOPK_CANDIDATES};
    text *model = ModelArgument(fcinfo, TOPK_MODEL);
    ModelTable table;
    IdList live;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (AnyArgumentNull(fcinfo, TOPK_USER, TOPK_K) || PG_ARGISNULL(TOPK_EXCLUDE_SEEN) ||
        PG_ARGISNULL(TOPK_SEEN))
        return (Datum)0;
    question.user = IdArgument(fcinfo, TOPK_USER, kind);
    question.k = KArgument(fcinfo, TOPK_K);
    question.exclude_seen = PG_GETARG_BOOL(TOPK_EXCLUDE_SEEN);
    question.weight = PopularityWeightArgument(fcinfo, TOPK_WEIGHT);
    if (LiveArgument(fcinfo, TOPK_SEEN) && question.exclude_seen) {
        live = LiveItems(model, question.user);
        question.live = &live;
    }
    AnswerUser(fcinfo, ServedOpen(model, &table), &table, &question, &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

static Datum TopKOfImage(FunctionCallInfo fcinfo, IdKind kind)
{
    Question question = {.kind = kind, .filter = TOPK_IMAGE_CANDIDATES};
    ImageStore store;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (AnyArgumentNull(fcinfo, TOPK_IMAGE_IMAGE, TOPK_IMAGE_EXCLUDE_SEEN))
        return (Datum)0;
    question.user = IdArgument(fcinfo, TOPK_IMAGE_USER, kind);
    question.k = KArgument(fcinfo, TOPK_IMAGE_K);
    question.exclude_seen = PG_GETARG_BOOL(TOPK_IMAGE_EXCLUDE_SEEN);
    question.weight = PopularityWeightArgument(fcinfo, TOPK_IMAGE_WEIGHT);
    AnswerUser(fcinfo, ServedImage(PG_GETARG_BYTEA_P(TOPK_IMAGE_IMAGE), &store), NULL, &question,
               &rows);
    return (Datum)0;
}

/* A history of nothing that the model knows says nothing: what is popular. */
static void AnswerHistory(FunctionCallInfo fcinfo, Served *served, const Question *question,
                          RowSet *rows)
{
    IdList ids = IdsArgument(fcinfo, question->history, question->kind);
    RowList known;
    float *query;
    Filter filter;
    TopK top;

    CheckAxisKind(served, AXIS_ITEM, question->kind);
    known = RowsOfIds(served, AXIS_ITEM, &ids);
    filter = FilterArguments(fcinfo, question->filter, served, AXIS_ITEM, question->kind);
    if (question->exclude_seen)
        filter.without = RowsUnion(filter.without, known);
    query = VisitorQuery(served, known, &ids);
    top = SelectItems(served, query, &filter, question->k, question->weight);
    AddRecommended(rows, served, question->kind, &top, query == NULL);
}

static Datum TopKForOfTable(FunctionCallInfo fcinfo, IdKind kind)
{
    Question question = {.kind = kind, .history = TOPK_FOR_HISTORY, .filter = TOPK_FOR_CANDIDATES};
    ModelTable table;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(TOPK_FOR_K) || PG_ARGISNULL(TOPK_FOR_EXCLUDE_SEEN))
        return (Datum)0;
    question.k = KArgument(fcinfo, TOPK_FOR_K);
    question.exclude_seen = PG_GETARG_BOOL(TOPK_FOR_EXCLUDE_SEEN);
    question.weight = PopularityWeightArgument(fcinfo, TOPK_FOR_WEIGHT);
    AnswerHistory(fcinfo, ServedOpen(ModelArgument(fcinfo, TOPK_FOR_MODEL), &table), &question,
                  &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

static Datum TopKForOfImage(FunctionCallInfo fcinfo, IdKind kind)
{
    Question question = {
        .kind = kind, .history = TOPK_FOR_IMAGE_HISTORY, .filter = TOPK_FOR_IMAGE_CANDIDATES};
    ImageStore store;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(TOPK_FOR_IMAGE_IMAGE) ||
        AnyArgumentNull(fcinfo, TOPK_FOR_IMAGE_K, TOPK_FOR_IMAGE_EXCLUDE_SEEN))
        return (Datum)0;
    question.k = KArgument(fcinfo, TOPK_FOR_IMAGE_K);
    question.exclude_seen = PG_GETARG_BOOL(TOPK_FOR_IMAGE_EXCLUDE_SEEN);
    question.weight = PopularityWeightArgument(fcinfo, TOPK_FOR_IMAGE_WEIGHT);
    AnswerHistory(fcinfo, ServedImage(PG_GETARG_BYTEA_P(TOPK_FOR_IMAGE_IMAGE), &store), &question,
                  &rows);
    return (Datum)0;
}

FOR_BOTH_KINDS_0_2(recadv_topk, TopKOfTable)
FOR_BOTH_KINDS(recadv_image_topk, TopKOfImage)
FOR_BOTH_KINDS_0_2(recadv_topk_for, TopKForOfTable)
FOR_BOTH_KINDS(recadv_image_topk_for, TopKForOfImage)
