/*
 * test_formula.c: scores of the memory recommender against the formulas of doc/algorithms.md,
 * written as they stand there, in double precision and without any code of the product.
 */
#include <math.h>
#include <stdio.h>

#include "algo/nmrn/memory_network.h"
#include "check.h"
#include "support.h"
#include "tests.h"

#define USERS   40
#define ITEMS   50
#define FACTORS 7 /* no whole vector */
#define SLOTS   5

static const char *const settings_of_all = "factors=7 slots=5 epochs=3 holdout=none key_scale=1";

static const float *Row(const Model *model, int part, size_t row)
{
    return model->part[part].data + row * model->part[part].stride;
}

/* The value of a slot of the memory that the user reads. */
static const float *Value(const Model *model, uint32_t user, int slot)
{
    const NmrnOptions *o = model->options;

    if (o->memory == MEMORY_SHARED)
        return Row(model, NMRN_MEMORY_PART, (size_t)slot);
    return Row(model, NMRN_MEMORY_PART, user) + (size_t)slot * VectorStride(FACTORS);
}

static double SquaredDistance(const double *a, const float *b)
{
    double sum = 0;

    for (int k = 0; k < FACTORS; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
}

static double Cosine(const double *a, const float *b)
{
    double ab = 0, aa = 0, bb = 0;

    for (int k = 0; k < FACTORS; k++) {
        ab += a[k] * b[k];
        aa += a[k] * a[k];
        bb += (double)b[k] * b[k];
    }
    return ab / sqrt(aa * bb);
}

/* s = sum of w_i M_i, w = softmax(-beta |q - K_i|) or softmax(beta cos(q, K_i)) */
static void Read(const Model *model, uint32_t user, const double *query, double *read)
{
    const NmrnOptions *o = model->options;
    WeightRows rows = NmrnWeightRows(o);
    double weight[SLOTS], sum = 0;

    for (int i = 0; i < SLOTS; i++) {
        const float *key = Row(model, NMRN_WEIGHT_PART, rows.key + (size_t)i);
        double learnt = Softplus(Row(model, NMRN_WEIGHT_PART, rows.head + HEAD_BIAS)[HEAD_BETA]);

        if (o->addressing == ADDRESS_EUCLIDEAN)
            weight[i] = exp(-o->address_beta * sqrt(SquaredDistance(query, key)));
        else
            weight[i] = exp(learnt * Cosine(query, key));
        sum += weight[i];
    }
    for (int k = 0; k < FACTORS; k++) {
        read[k] = 0;
        for (int i = 0; i < SLOTS; i++)
            read[k] += weight[i] / sum * Value(model, user, i)[k];
    }
}

/* The last items, newest first, each times its weights, element by element. */
static void AddRecent(const Model *model, uint32_t user, double *point)
{
    const NmrnOptions *o = model->options;
    WeightRows rows = NmrnWeightRows(o);
    int recent = o->memory == MEMORY_SHARED ? 0 : (int)o->recent;

    for (int j = 0; j < recent; j++)
        for (int k = 0; k < FACTORS; k++)
            point[k] += (double)Row(model, NMRN_WEIGHT_PART, rows.recent + (size_t)j)[k] *
                        Value(model, user, SLOTS + j)[k];
}

/* -|s + q a + sum of g_j v_j - b| + c */
static double Score(const Model *model, uint32_t user, uint32_t item, const double *read)
{
    const NmrnOptions *o = model->options;
    const float *own = Row(model, NMRN_USER_PART, user);
    double point[FACTORS];

    for (int k = 0; k < FACTORS; k++)
        point[k] = read[k] + o->query_weight * own[k];
    AddRecent(model, user, point);
    return Row(model, NMRN_BIAS_PART, item)[0] -
           sqrt(SquaredDistance(point, Row(model, NMRN_ITEM_PART, item)));
}

/* Reads `hops` times, each but the first from the sum of the user's row and all that was read. */
static void ReadOften(const Model *model, uint32_t user, int hops, double *read)
{
    double query[FACTORS];

    for (int k = 0; k < FACTORS; k++)
        query[k] = Row(model, NMRN_USER_PART, user)[k];
    Read(model, user, query, read);
    for (int hop = 1; hop < hops; hop++) {
        for (int k = 0; k < FACTORS; k++)
            query[k] += read[k];
        Read(model, user, query, read);
    }
}

/* Largest difference of a score from the formula with `hops` readings. */
static double Difference(const Model *model, int hops)
{
    float query[64] __attribute__((aligned(64))), scores[ITEMS];
    double worst = 0, read[FACTORS];

    for (uint32_t u = 0; u < USERS; u++) {
        model->algorithm->query(model, &(QueryInput){.row = u}, query);
        ModelScore(model, query, 1, scores);
        ReadOften(model, u, hops, read);
        for (uint32_t i = 0; i < ITEMS; i++)
            worst = fmax(worst, fabs(scores[i] - Score(model, u, i, read)));
    }
    return worst;
}

static void CheckHops(int hops, const char *more)
{
    TestHost t;
    TasteStream events;
    Interactions data;
    Training run;
    char settings[256];

    TestHostInit(&t);
    events = TasteStreamCreate(&t.host, USERS, ITEMS, 4, 1500, 1500, 720);
    data = TasteStreamData(&t.host, &events, 1500);
    snprintf(settings, sizeof(settings), "%s hops=%d %s", settings_of_all, hops, more);
    Train(&t, &data, "nmrn", settings, &run);
    for (int read = 1; read <= 3; read++) {
        double difference = Difference(&run.model, read);

        if (read == hops)
            CHECK(difference < 1e-4, "%s: scores are those of %d readings, within %.1e", settings,
                  read, difference);
        else
            CHECK(difference > 1e-2, "%s: and not those of %d readings, %.1e away", settings, read,
                  difference);
    }
    TestHostEnd(&t);
}

void TestFormula(void)
{
    static const char *const more[] = {"", "memory=shared", "addressing=content",
                                       "memory=shared addressing=content query_weight=0"};

    for (size_t m = 0; m < sizeof(more) / sizeof(more[0]); m++)
        for (int hops = 1; hops <= 3; hops++)
            CheckHops(hops, more[m]);
}
