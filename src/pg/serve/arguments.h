/*
 * arguments.h: the arguments of the serving functions, one at a time; filter.h has those of
 * filters.
 */
#ifndef RECADV_PG_SERVE_ARGUMENTS_H
#define RECADV_PG_SERVE_ARGUMENTS_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/ids/id_list.h"

/* The functions `name`_bigint and `name`_text of SQL, which are answer(fcinfo, kind of the ids). */
#define FOR_BOTH_KINDS(name, answer)                                                               \
    PG_FUNCTION_INFO_V1(name##_bigint);                                                            \
    PG_FUNCTION_INFO_V1(name##_text);                                                              \
    Datum name##_bigint(PG_FUNCTION_ARGS)                                                          \
    {                                                                                              \
        return answer(fcinfo, ID_INTEGER);                                                         \
    }                                                                                              \
    Datum name##_text(PG_FUNCTION_ARGS)                                                            \
    {                                                                                              \
        return answer(fcinfo, ID_TEXT);                                                            \
    }

extern Id IdArgument(FunctionCallInfo fcinfo, int argument, IdKind kind);

/* NULL: none was named. */
extern text *ModelArgument(FunctionCallInfo fcinfo, int argument);

/* Fails unless it is at least 1. */
extern uint32 KArgument(FunctionCallInfo fcinfo, int argument);

/* Is seen => 'live' asked for?  Fails unless it is 'model' or 'live'. */
extern bool LiveArgument(FunctionCallInfo fcinfo, int argument);

/* The ids of an array of any shape, without NULLs; an argument that is NULL has none. */
extern IdList IdsArgument(FunctionCallInfo fcinfo, int argument, IdKind kind);

/* Is one of the arguments first .. last NULL? */
extern bool AnyArgumentNull(FunctionCallInfo fcinfo, int first, int last);

#endif
