/*
 * serve.c: shape; visitors and reasons, which solve the system of a user again, in
 * double precision.
 */
#include <math.h>
#include <string.h>

#include "algo/als/half_step.h"

#define FEW_FACTORS  128
#define MANY_FACTORS 256

void AlsSettle(void *options, const Model *model)
{
    FactorsSettle(model, &((AlsOptions *)options)->factors);
}

void AlsLayout(Model *model)
{
    const AlsOptions *o = model->options;
    uint32_t factors = FactorsWidth(model, o->factors, FEW_FACTORS, MANY_FACTORS);

    FactorsLayout(model, factors);
    ModelAddPart(model, "gram", AXIS_SHARED, factors, factors);
    ModelAddPart(model, "setting", AXIS_SHARED, 1, SETTINGS);
}

/* --- the system of a history, each of whose items counts 1 */

/* Lower triangle of alpha Q^T Q + lambda_u I. */
static void StartSystem(const Model *history, double *system)
{
    const Part *gram = &history->part[ALS_GRAM_PART];
    const float *setting = history->part[ALS_SETTING_PART].data;
    AlsWeights weights = {setting[SETTING_UNOBSERVED], setting[SETTING_REGULARIZATION],
                          setting[SETTING_SCALING]};
    double penalty = RowPenalty(&weights, history->items, setting[SETTING_ITEMS]);
    size_t n = gram->columns;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++)
            system[i * n + j] = weights.unobserved * PartRow(gram, i)[j];
        system[i * n + i] += penalty;
    }
}

/* system += the sum of q_h q_h^T over the history */
static void AddHistory(const Host *host, const Part *items, double *system)
{
    size_t n = items->columns;

    for (uint32_t h = 0; h < items->rows; h++) {
        const float *row = PartRow(items, h);

        HostPoll(host);
        for (size_t i = 0; i < n; i++) {
            double q = row[i], *to = system + i * n;

            for (size_t j = 0; j <= i; j++)
                to[j] += q * row[j];
        }
    }
}

static double Dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t k = 0; k < n; k++)
        sum += a[k] * b[k];
    return sum;
}

/* a becomes L with a = L L^T; false where a pivot is not above zero. */
static bool Factor(const Host *host, double *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * n;

        HostPoll(host);
        for (size_t j = 0; j < i; j++)
            row[j] = (row[j] - Dot(row, a + j * n, j)) / a[j * n + j];
        row[i] -= Dot(row, row, i);
        if (!(row[i] > 0) || !isfinite(row[i]))
            return false;
        row[i] = sqrt(row[i]);
    }
    return true;
}

/* L L^T x = b, in place */
static void Substitute(const double *a, size_t n, double *b)
{
    for (size_t i = 0; i < n; i++)
        b[i] = (b[i] - Dot(a + i * n, b, i)) / a[i * n + i];
    for (size_t i = n; i-- > 0;) {
        b[i] /= a[i * n + i];
        for (size_t j = 0; j < i; j++)
            b[j] -= a[i * n + j] * b[i];
    }
}

/* x replaces b. */
static void SolveHistory(const Host *host, const Model *history, double *b)
{
    const Part *items = &history->part[ALS_ITEM_PART];
    size_t n = items->columns;
    double *system = HostAllocate(host, n * n, sizeof(double));

    StartSystem(history, system);
    AddHistory(host, items, system);
    if (!Factor(host, system, n))
        HostFail(host, FAIL_NOT_FINITE, "Train the model with a larger regularization.",
                 "the history led to a system without a solution");
    Substitute(system, n, b);
    HostRelease(host, system);
}

/* Exactly what training does with a user of this history; no sample is needed. */
void AlsFoldIn(const Host *host, const Model *history, const Model *sample, float *query)
{
    const Part *items = &history->part[ALS_ITEM_PART];
    double *p = HostAllocateZero(host, items->columns, sizeof(double));

    (void)sample;
    for (uint32_t h = 0; h < items->rows; h++)
        for (uint32_t k = 0; k < items->columns; k++)
            p[k] += PartRow(items, h)[k];
    SolveHistory(host, history, p);
    memset(query, 0, items->stride * sizeof(float));
    for (uint32_t k = 0; k < items->columns; k++)
        query[k] = (float)p[k];
    HostRelease(host, p);
}

/*
 * The score is a sum over the history (Hu et al. 2008, section 5): with A the matrix of the system
 * p = A^-1 sum of q_h, so p.q_i = sum of q_h . (A^-1 q_i).
 */
void AlsExplain(const Host *host, const Model *history, const float *query, const Model *one,
                float *out)
{
    const Part *items = &history->part[ALS_ITEM_PART];
    const float *item = one->part[ALS_ITEM_PART].data;
    double *z = HostAllocate(host, items->columns, sizeof(double));

    (void)query;
    for (uint32_t k = 0; k < items->columns; k++)
        z[k] = item[k];
    SolveHistory(host, history, z);
    for (uint32_t h = 0; h < items->rows; h++) {
        double sum = 0;

        for (uint32_t k = 0; k < items->columns; k++)
            sum += PartRow(items, h)[k] * z[k];
        out[h] = (float)sum;
    }
    HostRelease(host, z);
}
