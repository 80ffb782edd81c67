/* test_metrics.c: metrics from positions, against vectors and counting. */
#include "core/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "support.h"
#include "tests.h"

static void CheckVector(void)
{
    static const uint32_t positions[] = {0, 3, 77};
    CutoffMetrics m = CutoffMetricsOf(positions, 3, 5);

    CHECK(fabs(m.recall - 0.66666667) < 1e-8, "recall %.8f", m.recall);
    CHECK(fabs(m.ndcg - 0.67138607) < 1e-8, "NDCG over the ideal of min(k, relevant), %.8f",
          m.ndcg);
    CHECK(m.hr == 1 && fabs(m.precision - 0.4) < 1e-15, "HR and precision");
}

/* Protocol of one held-out item: NDCG = ln 2 / ln(pos + 2), 0 from k on. */
static void CheckOne(void)
{
    bool right = true;

    for (uint32_t pos = 0; pos < 200; pos++) {
        CutoffMetrics m = CutoffMetricsOf(&pos, 1, 100);
        RankingMetrics r = RankingMetricsOf(&pos, 1, 500);

        right &= m.hr == (pos < 100) && m.recall == (pos < 100);
        right &= fabs(m.ndcg - (pos < 100 ? log(2) / log(pos + 2.0) : 0)) < 1e-12;
        right &= fabs(r.auc - (1 - pos / 500.0)) < 1e-12 && fabs(r.mrr - 1 / (pos + 1.0)) < 1e-12;
        right &= r.map == r.mrr;
    }
    CHECK(right, "one relevant item at any position");
}

static void CheckEdges(void)
{
    static const uint32_t perfect[] = {0, 1, 2, 3}, last[] = {6, 7, 8, 9};
    static const uint32_t lost[] = {NOT_RANKED, NOT_RANKED}, half[] = {0, NOT_RANKED};
    CutoffMetrics m = CutoffMetricsOf(perfect, 4, 4), few = CutoffMetricsOf(perfect, 4, 2);
    RankingMetrics r = RankingMetricsOf(perfect, 4, 6), w = RankingMetricsOf(last, 4, 6);

    CHECK(m.hr == 1 && m.ndcg == 1 && m.recall == 1 && m.precision == 1, "a perfect ranking");
    CHECK(few.ndcg == 1 && few.recall == 0.5 && few.precision == 1, "a perfect short ranking");
    CHECK(r.auc == 1 && r.map == 1 && r.mrr == 1, "a perfect order");
    CHECK(w.auc == 0 && fabs(w.mrr - 1.0 / 7) < 1e-15, "the worst order");
    m = CutoffMetricsOf(lost, 2, 10);
    r = RankingMetricsOf(lost, 2, 6);
    CHECK(m.hr == 0 && m.ndcg == 0 && m.recall == 0 && r.auc == 0 && r.map == 0 && r.mrr == 0,
          "items that are not ranked are never found");
    m = CutoffMetricsOf(half, 2, 10);
    r = RankingMetricsOf(half, 2, 6);
    CHECK(m.recall == 0.5 && m.ndcg < 0.62 && r.map == 0.5 && r.auc == 0.5 && r.mrr == 1,
          "one of two is not ranked");
    m = CutoffMetricsOf(NULL, 0, 10);
    r = RankingMetricsOf(NULL, 0, 6);
    CHECK(m.hr == 0 && m.ndcg == 0 && m.recall == 0 && m.precision == 0 && r.map == 0 && r.auc == 0,
          "nothing relevant: zeros, no division by zero");
    CHECK(isnan(RankingMetricsOf(perfect, 4, 0).auc), "AUC without others");
}

/* Straight from the definitions over a list of flags. */
static bool AgreesWithCounting(const bool *relevant, uint32_t n, uint32_t k)
{
    uint32_t positions[64], found = 0, hits = 0;
    double dcg = 0, ideal = 0, map = 0, ordered = 0, others = 0;
    CutoffMetrics m;
    RankingMetrics r;

    for (uint32_t p = 0; p < n; p++) {
        others += !relevant[p];
        if (!relevant[p])
            continue;
        positions[found++] = p;
        hits += p < k;
        dcg += p < k ? log(2) / log(p + 2.0) : 0;
        map += found / (p + 1.0);
        for (uint32_t q = p + 1; q < n; q++)
            ordered += !relevant[q];
    }
    for (uint32_t p = 0; p < found && p < k; p++)
        ideal += log(2) / log(p + 2.0);
    m = CutoffMetricsOf(positions, found, k);
    r = RankingMetricsOf(positions, found, (uint32_t)others);
    if (found == 0)
        return m.ndcg == 0 && r.map == 0;
    return m.hr == (hits > 0) && Near(m.ndcg, dcg / ideal, 1e-12, 0) &&
           Near(m.recall, (double)hits / found, 1e-12, 0) &&
           Near(m.precision, (double)hits / k, 1e-12, 0) && Near(r.map, map / found, 1e-12, 0) &&
           (others == 0 || Near(r.auc, ordered / (found * others), 1e-12, 1e-12)) &&
           Near(r.mrr, 1.0 / (positions[0] + 1), 1e-12, 0);
}

static void CheckRandom(void)
{
    Random random = TestStream(41);
    bool right = true;

    for (int repeat = 0; repeat < 3000; repeat++) {
        uint32_t n = 1 + RandomBelow(&random, 60), odds = 1 + RandomBelow(&random, 20);
        bool relevant[64];

        for (uint32_t i = 0; i < n; i++)
            relevant[i] = RandomBelow(&random, odds) == 0;
        right &= AgreesWithCounting(relevant, n, 1 + RandomBelow(&random, 70));
    }
    CHECK(right, "random rankings, against counting");
}

void TestMetrics(void)
{
    CheckVector();
    CheckOne();
    CheckEdges();
    CheckRandom();
}
