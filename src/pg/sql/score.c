/* score.c: recadv_score and recadv_has_user, for tables and images. */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/user.h"

/* False for an unknown user or item, or a score that is not a number. */
static bool Score(Served *served, ModelTable *table, Id user, Id item_id, float *score)
{
    TargetUser target = TargetUserOpen(served, table, user);
    uint32 item = ServedItem(served, item_id);

    if (!TargetUserIsKnown(&target) || item == UNKNOWN_ID)
        return false;
    *score = ServedScore(served, TargetUserQuery(served, &target), item);
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
    served = ServedOpen(ModelArgument(fcinfo, 2), &table);
    known = Score(served, &table, IdArgument(fcinfo, 0, kind), IdArgument(fcinfo, 1, kind), &score);
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

    if (!Score(served, NULL, IdArgument(fcinfo, 1, kind), IdArgument(fcinfo, 2, kind), &score))
        PG_RETURN_NULL();
    PG_RETURN_FLOAT4(score);
}

/* Arguments: user_id, model. */
static Datum HasUser(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    Served *served;
    TargetUser target;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    served = ServedOpen(ModelArgument(fcinfo, 1), &table);
    target = TargetUserOpen(served, &table, IdArgument(fcinfo, 0, kind));
    ModelTableClose(&table);
    PG_RETURN_BOOL(TargetUserIsKnown(&target));
}

FOR_BOTH_KINDS(recadv_score, ScoreOfTable)
FOR_BOTH_KINDS(recadv_score_image, ScoreOfImage)
FOR_BOTH_KINDS(recadv_has_user, HasUser)
