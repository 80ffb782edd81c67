/* metrics.c: HR, NDCG, Recall, Precision at k; MRR, MAP, AUC over the full ranking. */
#include "core/metrics.h"

#include <math.h>

CutoffMetrics CutoffMetricsOf(const uint32_t *positions, uint32_t relevant, uint32_t k)
{
    CutoffMetrics metrics = {0};
    double dcg = 0, ideal = 0;
    uint32_t hits = 0;

    for (uint32_t i = 0; i < relevant && i < k; i++)
        ideal += 1.0 / log2(i + 2.0);
    while (hits < relevant && positions[hits] < k)
        dcg += 1.0 / log2(positions[hits++] + 2.0);
    if (relevant == 0)
        return metrics;
    metrics.hr = hits > 0;
    metrics.ndcg = dcg / ideal;
    metrics.recall = (double)hits / relevant;
    metrics.precision = (double)hits / k;
    return metrics;
}

RankingMetrics RankingMetricsOf(const uint32_t *positions, uint32_t relevant, uint32_t others)
{
    RankingMetrics metrics = {0};
    double wrong = 0;

    if (relevant == 0)
        return metrics;
    for (uint32_t i = 0; i < relevant; i++) {
        if (positions[i] == NOT_RANKED) {
            wrong += others;
            continue;
        }
        metrics.map += (i + 1.0) / (positions[i] + 1.0);
        wrong += positions[i] - i; /* others ranked before it */
    }
    metrics.map /= relevant;
    metrics.mrr = positions[0] == NOT_RANKED ? 0 : 1.0 / (positions[0] + 1.0);
    metrics.auc = others == 0 ? NAN : 1.0 - wrong / ((double)relevant * others);
    return metrics;
}
