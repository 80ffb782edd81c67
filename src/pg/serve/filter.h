/*
 * filter.h: which users or items a question may be answered with: its candidates, without those
 * that it excludes.
 */
#ifndef RECADV_PG_SERVE_FILTER_H
#define RECADV_PG_SERVE_FILTER_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/serve/rows.h"

typedef struct Filter {
    bool only_given; /* false: all of them */
    RowList only;
    RowList without;
} Filter;

/*
 * The filter of a call: candidates (NULL: all) is the argument with that number, exclude the next.
 * The rows are not to be changed.
 */
extern Filter FilterArguments(FunctionCallInfo fcinfo, int argument, Served *served, Axis axis,
                              IdKind kind);

#endif
