/* means.h: the means of a stream's metrics as the columns hr, ndcg, mrr of a result. */
#ifndef RECADV_PG_BASE_MEANS_H
#define RECADV_PG_BASE_MEANS_H

#include "pg/base/compat.h"

#include "algo/rank/prequential.h"

/* Three columns; NULL where no event was ranked. */
static inline void PutMeans(const StreamMetrics *metrics, Datum *values, bool *nulls)
{
    const double sums[] = {metrics->hr, metrics->ndcg, metrics->mrr};

    for (int i = 0; i < lengthof(sums); i++) {
        nulls[i] = metrics->ranked == 0;
        values[i] = Float8GetDatum(nulls[i] ? 0 : sums[i] / (double)metrics->ranked);
    }
}

#endif
