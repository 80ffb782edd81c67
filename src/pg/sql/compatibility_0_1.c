/*
 * compatibility_0_1.c: C functions that nothing but the SQL of version 0.1.0 calls.
 *
 * Every signature in SQL has a C function of its own, so that each can change alone.  It has the
 * name of the SQL function, then what tells its form from others of that name (_bigint,
 * _image_text, _of), and then, where the arguments are not those of an earlier version, the version
 * that changed them: recadv_train_0_2.
 *
 * A new library replaces the old one before ALTER EXTENSION UPDATE has been run, and in databases
 * where it never is.  So whatever C name the SQL of a released version has stays, with the
 * arguments and the behaviour of that version.  What is kept for that alone stands in a file like
 * this.
 */
#include "pg/base/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"

extern Datum recadv_train_0_2(PG_FUNCTION_ARGS);
extern Datum recadv_train_job_0_2(PG_FUNCTION_ARGS);
extern Datum recadv_estimate_memory_0_2(PG_FUNCTION_ARGS);
extern Datum recadv_embeddings_all(PG_FUNCTION_ARGS);
extern Datum recadv_embeddings_of(PG_FUNCTION_ARGS);
extern Datum recadv_observe_bigint_literal(PG_FUNCTION_ARGS);
extern Datum recadv_observe_bigint_value(PG_FUNCTION_ARGS);
extern Datum recadv_observe_text_literal(PG_FUNCTION_ARGS);
extern Datum recadv_observe_text_value(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(recadv_train);
PG_FUNCTION_INFO_V1(recadv_train_job);
PG_FUNCTION_INFO_V1(recadv_estimate_memory);
PG_FUNCTION_INFO_V1(recadv_embeddings);
PG_FUNCTION_INFO_V1(recadv_observe_bigint);
PG_FUNCTION_INFO_V1(recadv_observe_text);

static const NullableDatum nothing = {0, true};
static const NullableDatum no = {0, false};

/* The call of a function that has got another argument since, the last. */
static Datum CallWith(FunctionCallInfo fcinfo, PGFunction function, NullableDatum last)
{
    LOCAL_FCINFO(call, FUNC_MAX_ARGS);
    Datum result;

    InitFunctionCallInfoData(*call, fcinfo->flinfo, fcinfo->nargs + 1, fcinfo->fncollation,
                             fcinfo->context, fcinfo->resultinfo);
    memcpy(call->args, fcinfo->args, (Size)fcinfo->nargs * sizeof(NullableDatum));
    call->args[fcinfo->nargs] = last;
    result = function(call);
    fcinfo->isnull = call->isnull;
    return result;
}

/* Without weight_column. */
Datum recadv_train(PG_FUNCTION_ARGS)
{
    return CallWith(fcinfo, recadv_train_0_2, nothing);
}

/* Without weight_column. */
Datum recadv_train_job(PG_FUNCTION_ARGS)
{
    return CallWith(fcinfo, recadv_train_job_0_2, nothing);
}

/* Without has_weight. */
Datum recadv_estimate_memory(PG_FUNCTION_ARGS)
{
    return CallWith(fcinfo, recadv_estimate_memory_0_2, no);
}

/* Two forms shared it: (model, side) and (model, side, ids). */
Datum recadv_embeddings(PG_FUNCTION_ARGS)
{
    return PG_NARGS() == 2 ? recadv_embeddings_all(fcinfo) : recadv_embeddings_of(fcinfo);
}

/* Two forms shared each of these: the time, the last argument, as text and as anyelement. */
static bool TimeIsLiteral(FunctionCallInfo fcinfo)
{
    return get_fn_expr_argtype(fcinfo->flinfo, PG_NARGS() - 1) == TEXTOID;
}

Datum recadv_observe_bigint(PG_FUNCTION_ARGS)
{
    return TimeIsLiteral(fcinfo) ? recadv_observe_bigint_literal(fcinfo)
                                 : recadv_observe_bigint_value(fcinfo);
}

Datum recadv_observe_text(PG_FUNCTION_ARGS)
{
    return TimeIsLiteral(fcinfo) ? recadv_observe_text_literal(fcinfo)
                                 : recadv_observe_text_value(fcinfo);
}

/* Without the argument that is the last of `now`, which is NULL then. */
#define WITHOUT_LAST_OF(name, now)                                                                 \
    extern Datum now(PG_FUNCTION_ARGS);                                                            \
    PG_FUNCTION_INFO_V1(name);                                                                     \
    Datum name(PG_FUNCTION_ARGS)                                                                   \
    {                                                                                              \
        return CallWith(fcinfo, now, nothing);                                                     \
    }
#define WITHOUT_LAST(name) WITHOUT_LAST_OF(name, name##_0_2)

WITHOUT_LAST(recadv_topk_bigint)
WITHOUT_LAST(recadv_topk_text)
WITHOUT_LAST(recadv_topk_for_bigint)
WITHOUT_LAST(recadv_topk_for_text)
WITHOUT_LAST(recadv_topk_all_bigint)
WITHOUT_LAST(recadv_topk_all_text)
WITHOUT_LAST(recadv_evaluate)
WITHOUT_LAST(recadv_robustness)

/* What takes an image had the name of what takes a model. */
WITHOUT_LAST_OF(recadv_topk_image_bigint, recadv_image_topk_bigint)
WITHOUT_LAST_OF(recadv_topk_image_text, recadv_image_topk_text)
WITHOUT_LAST_OF(recadv_topk_for_image_bigint, recadv_image_topk_for_bigint)
WITHOUT_LAST_OF(recadv_topk_for_image_text, recadv_image_topk_for_text)

/* The same under another name. */
#define RENAMED(name, now)                                                                         \
    extern Datum now(PG_FUNCTION_ARGS);                                                            \
    PG_FUNCTION_INFO_V1(name);                                                                     \
    Datum name(PG_FUNCTION_ARGS)                                                                   \
    {                                                                                              \
        return now(fcinfo);                                                                        \
    }

RENAMED(recadv_similar_items_image_bigint, recadv_image_similar_items_bigint)
RENAMED(recadv_similar_items_image_text, recadv_image_similar_items_text)
RENAMED(recadv_score_image_bigint, recadv_image_score_bigint)
RENAMED(recadv_score_image_text, recadv_image_score_text)
