/*
 * time_values.h: a value that a caller has, as the time that a row of the model's source would
 * have.
 *
 * The types of a model's times fall into two kinds, numbers and moments (dates, timestamps); a
 * value of another type of the same kind becomes what an INSERT into the time column would make of
 * it, but for a fraction in a column of integers, which is an error.
 */
#ifndef RECADV_PG_BASE_TIME_VALUES_H
#define RECADV_PG_BASE_TIME_VALUES_H

#include "pg/base/compat.h"

/* The time column of a model's source. */
typedef struct TimeColumn {
    const char *model;
    Oid type;
    int32 typmod; /* such as its precision; -1: none */
} TimeColumn;

/* Fails if a value of the type is no time of the model. */
extern void CheckTimeKind(const TimeColumn *column, Oid type);

/* The time of a value; its type has passed the check. */
extern int64 TimeOfValue(const TimeColumn *column, Oid type, Datum value);

/* The time that a text stands for. */
extern int64 TimeOfText(const TimeColumn *column, const text *value);

/* The time of a row that is inserted now; a model with numbers knows none. */
extern int64 TimeOfNow(const TimeColumn *column);

#endif
