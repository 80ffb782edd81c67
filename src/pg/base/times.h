/*
 * times.h: the time of an interaction, of whatever type, as an integer with the same order.
 *
 * Dates and timestamps are their internal numbers (days, microseconds); numbers with a fraction
 * become doubles, whose bits are put in order.
 */
#ifndef RECADV_PG_BASE_TIMES_H
#define RECADV_PG_BASE_TIMES_H

#include "pg/base/compat.h"

/* Of a row without a time; before all others. */
#define NO_TIME PG_INT64_MIN

/* The type a time column has, below any domain; fails if it is not ordered as a time. */
extern Oid TimeType(Oid type);

/* Is a type, below any domain, one of them? */
extern bool IsTimeType(Oid type);

/* Its name, whatever the search path; and back: InvalidOid if it is none. */
extern const char *TimeTypeName(Oid type);
extern Oid TimeTypeOfName(const char *name);

/* Not a date or timestamp. */
extern bool TimeIsNumber(Oid type);

extern int64 TimeOf(Oid type, Datum value);

/*
 * Seconds, for algorithms: from whatever moment on, of numbers the numbers themselves; -INFINITY
 * for NO_TIME.  Integers beyond 2^53 are rounded.
 */
extern double TimeSeconds(Oid type, int64 time);

/* Is it what TimeOf makes of some value? */
extern bool TimeIsOf(Oid type, int64 time);

/* `lateness` seconds (numbers: units) before `time`; never NO_TIME but for NO_TIME itself. */
extern int64 TimeBefore(Oid type, int64 time, double lateness);

/* As far after `time` as `first` is before it; the greatest time there is where that is too far. */
extern int64 TimeMirrored(Oid type, int64 first, int64 time);

/* No moment: columns of floating numbers, dates and timestamps may hold it. */
extern bool TimeIsInfinite(Oid type, int64 time);

/* Now, as a time of the type; for numbers the greatest there is. */
extern int64 TimeNow(Oid type);

/* A day later, which clocks and time zones do not differ by; for numbers the greatest there is. */
extern int64 TimeSoon(Oid type);

/* A value that compares with a column of the type, and the type it has itself. */
extern Datum TimeDatum(Oid type, int64 time, Oid *datum_type);

/*
 * The same as a bound from below, for a query that reads from it on: of numeric, of that type too,
 * for a column may hold what no double precision does; it is then a little lower.
 */
extern Datum TimeBound(Oid type, int64 time, Oid *datum_type);

/* For messages. */
extern char *TimeText(Oid type, int64 time);

#endif
