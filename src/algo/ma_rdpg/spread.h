/* spread.h: mean and deviation of numbers as they come (Welford 1962). */
#ifndef RECADV_ALGO_MA_RDPG_SPREAD_H
#define RECADV_ALGO_MA_RDPG_SPREAD_H

#include <float.h>
#include <math.h>

typedef struct Spread {
    double count, mean, squares;
} Spread;

static inline void SpreadAdd(Spread *spread, double x)
{
    double before = x - spread->mean;

    spread->count++;
    spread->mean += before / spread->count;
    spread->squares += before * (x - spread->mean);
}

/* 0 where all are the same. */
static inline double SpreadDeviation(const Spread *spread)
{
    return spread->count == 0 ? 0 : sqrt(spread->squares / spread->count);
}

/* What to measure them in: their deviation; of numbers that are all the same their size, or 1.  Its
 * inverse is a number of single precision. */
static inline double SpreadUnit(const Spread *spread)
{
    double deviation = SpreadDeviation(spread);

    if (deviation >= (double)FLT_MIN)
        return deviation;
    return fabs(spread->mean) >= (double)FLT_MIN ? fabs(spread->mean) : 1;
}

#endif
