/* penalty.c: takes from scores what popularity is to cost. */
#include "algo/rank/penalty.h"

/* Items whose logarithms are taken at a time. */
#define AT_ONCE 256

void LogPopularity(const Model *view, float *out)
{
    const Part *popularity = &view->part[POPULARITY_PART];

    for (uint32_t i = 0; i < view->items; i++)
        out[i] = LogCount(*PartRow(popularity, i));
}

void Penalise(float weight, const float *logs, uint32_t count, float *scores)
{
    for (uint32_t i = 0; i < count; i++)
        scores[i] -= weight * logs[i];
}

void PenaliseView(float weight, const Model *view, float *scores)
{
    float logs[AT_ONCE];

    for (uint32_t first = 0; weight > 0 && first < view->items; first += AT_ONCE) {
        uint32_t left = view->items - first, count = left < AT_ONCE ? left : AT_ONCE;
        Model part;

        ModelViewItems(view, first, count, &part);
        LogPopularity(&part, logs);
        Penalise(weight, logs, count, scores + first);
    }
}
