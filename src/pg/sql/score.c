/* score.c: recadv_score and recadv_has_user, for tables and images. */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/user.h"

/* Arguments of recadv_score. */
enum { SCORE_USER, SCORE_ITEM, SCORE_MODEL };

/* Arguments of recadv_image_score. */
enum { SCORE_IMAGE_IMAGE, SCORE_IMAGE_USER, SCORE_IMAGE_ITEM };

/* Arguments of recadv_has_user. */
enum { HAS_USER_USER, HAS_USER_MODEL };

/* False for an unknown user or item. */
static bool Score(Served *served, ModelTable *table, Id user, Id item_id, float *score)
{
    TargetUser target = TargetUserOpen(served, table, user);
    uint32 item = ServedItem(served, item_id);

    if (!TargetUserIsKnown(&target) || item == UNKNOWN_ID)
        return false;
    *score = ServedScore(served, TargetUserQuery(served, &target), item);
    return true;
}

static Datum ScoreOfTable(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    Served *served;
    float score;
    bool known;

    if (PG_ARGISNULL(SCORE_USER) || PG_ARGISNULL(SCORE_ITEM))
        PG_RETURN_NULL();
    served = ServedOpen(ModelArgument(fcinfo, SCORE_MODEL), &table);
    known = Score(served, &table, IdArgument(fcinfo, SCORE_USER, kind),
                  IdArgument(fcinfo, SCORE_ITEM, kind), &score);
    ModelTableClose(&table);
    if (!known)
        PG_RETURN_NULL();
    PG_RETURN_FLOAT4(score);
}

/* Strict. */
static Datum ScoreOfImage(FunctionCallInfo fcinfo, IdKind kind)
{
    ImageStore store;
    Served *served = ServedImage(PG_GETARG_BYTEA_P(SCORE_IMAGE_IMAGE), &store);
    float score;

    if (!Score(served, NULL, IdArgument(fcinfo, SCORE_IMAGE_USER, kind),
               IdArgument(fcinfo, SCORE_IMAGE_ITEM, kind), &score))
        PG_RETURN_NULL();
    PG_RETURN_FLOAT4(score);
}

static Datum HasUser(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    Served *served;
    TargetUser target;

    if (PG_ARGISNULL(HAS_USER_USER))
        PG_RETURN_NULL();
    served = ServedOpen(ModelArgument(fcinfo, HAS_USER_MODEL), &table);
    target = TargetUserOpen(served, &table, IdArgument(fcinfo, HAS_USER_USER, kind));
    ModelTableClose(&table);
    PG_RETURN_BOOL(TargetUserIsKnown(&target));
}

FOR_BOTH_KINDS(recadv_score, ScoreOfTable)
FOR_BOTH_KINDS(recadv_image_score, ScoreOfImage)
FOR_BOTH_KINDS(recadv_has_user, HasUser)
