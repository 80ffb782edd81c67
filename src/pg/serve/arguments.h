/*
 * arguments.h: the arguments of the serving functions, one at a time; filter.h has those of
 * filters.
 */
#ifndef RECADV_PG_SERVE_ARGUMENTS_H
#define RECADV_PG_SERVE_ARGUMENTS_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/ids/id_list.h"

/* The C function of SQL `name`, which is answer(fcinfo, kind of the ids). */
#define FOR_KIND(name, answer, kind)                                                               \
    PG_FUNCTION_INFO_V1(name);                                                                     \
    Datum name(PG_FUNCTION_ARGS)                                                                   \
    {                                                                                              \
        return answer(fcinfo, kind);                                                               \
    }

/* Those for ids of either kind; and those that have got other arguments in version 0.2. */
#define FOR_BOTH_KINDS(name, answer)                                                               \
    FOR_KIND(name##_bigint, answer, ID_INTEGER)                                                    \
    FOR_KIND(name##_text, answer, ID_TEXT)
#define FOR_BOTH_KINDS_0_2(name, answer)                                                           \
    FOR_KIND(name##_bigint_0_2, answer, ID_INTEGER)                                                \
    FOR_KIND(name##_text_0_2, answer, ID_TEXT)

extern Id IdArgument(FunctionCallInfo fcinfo, int argument, IdKind kind);

/* NULL: none was named. */
extern text *ModelArgument(FunctionCallInfo fcinfo, int argument);

/* Fails unless it is at least 1. */
extern uint32 KArgument(FunctionCallInfo fcinfo, int argument);

/* popularity_weight; NULL: 0.  Fails unless it is from 0 to the most that makes sense. */
extern float PopularityWeightArgument(FunctionCallInfo fcinfo, int argument);

/* Is seen => 'live' asked for?  Fails unless it is 'model' or 'live'. */
extern bool LiveArgument(FunctionCallInfo fcinfo, int argument);

/* The ids of an array of any shape, without NULLs; an argument that is NULL has none. */
extern IdList IdsArgument(FunctionCallInfo fcinfo, int argument, IdKind kind);

/* Is one of the arguments first .. last NULL? */
extern bool AnyArgumentNull(FunctionCallInfo fcinfo, int first, int last);

#endif
