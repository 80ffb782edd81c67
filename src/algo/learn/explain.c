/*
 * explain.c: which of a user's items speak for an item.
 *
 * The user's row p is written as a combination of the rows of the user's items, by ridge
 * regression: p = sum of w_h q_h, nearly.  Item h then says w_h q_h . q_i for item i, and what all
 * of them say adds up to the score, nearly (the idea of Hu, Koren and Volinsky 2008, section 5).
 *
 * With H the history, w = H z where z solves (H^T H + ridge I) z = p, by conjugate gradients: the
 * matrix is never formed.
 */
#include "algo/learn/factors.h"

#include <math.h>
#include <string.h>

#include "core/vector.h"

/* The ridge, as a share of the mean squared norm of the history's rows. */
#define RIDGE 0.1

#define MOST_STEPS 100
#define TOLERANCE  1e-10 /* of the squared residual, relative to that at the start */

typedef struct System {
    const Host *host;
    const Part *history;
    float ridge;
    float *said; /* what each row of the history says for the item */
} System;

static double Dot(const float *a, const float *b, uint32_t n)
{
    double sum = 0;

    for (uint32_t k = 0; k < n; k++)
        sum += (double)a[k] * b[k];
    return sum;
}

static void AddScaled(float *to, double scale, const float *from, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        to[k] += (float)(scale * from[k]);
}

static float MeanSquare(const Part *part)
{
    double sum = 0;

    for (uint32_t r = 0; r < part->rows; r++) {
        const float *row = part->data + (size_t)r * part->stride;

        sum += Dot(row, row, part->columns);
    }
    return (float)(sum / part->rows);
}

/* out = (H^T H + ridge I) v */
static void Apply(const System *s, const float *v, float *out)
{
    uint32_t stride = s->history->stride;

    DotRows(v, s->history->data, s->history->rows, stride, s->said);
    memset(out, 0, stride * sizeof(float));
    for (uint32_t r = 0; r < s->history->rows; r++)
        AddScaled(out, s->said[r], s->history->data + (size_t)r * stride, stride);
    AddScaled(out, s->ridge, v, stride);
}

/* Conjugate gradients from zero; work: three rows. */
static void Solve(const System *s, const float *p, float *z, float *work)
{
    uint32_t n = s->history->stride;
    float *residual = work, *direction = work + n, *image = work + 2 * (size_t)n;
    double square = Dot(p, p, n), start = square;

    memset(z, 0, n * sizeof(float));
    memcpy(residual, p, n * sizeof(float));
    memcpy(direction, p, n * sizeof(float));
    for (int step = 0; step < MOST_STEPS && square > TOLERANCE * start; step++) {
        double before = square, length;

        Apply(s, direction, image);
        length = square / Dot(direction, image, n);
        AddScaled(z, length, direction, n);
        AddScaled(residual, -length, image, n);
        square = Dot(residual, residual, n);
        for (uint32_t k = 0; k < n; k++)
            direction[k] = residual[k] + (float)(square / before) * direction[k];
        HostPoll(s->host);
    }
}

void FactorsExplain(const Host *host, const Model *history, const float *query, const Model *one,
                    float *out)
{
    const Part *own = &history->part[FACTORS_ITEM_PART];
    const float *item = one->part[FACTORS_ITEM_PART].data;
    System s = {host, own, (float)RIDGE * MeanSquare(own), NULL};
    float *z = HostAllocate(host, 4 * (size_t)own->stride, sizeof(float));

    s.said = HostAllocate(host, own->rows, sizeof(float));
    memset(out, 0, own->rows * sizeof(float));
    if (s.ridge > 0) {
        Solve(&s, query, z, z + own->stride);
        DotRows(z, own->data, own->rows, own->stride, out);
        DotRows(item, own->data, own->rows, own->stride, s.said);
        for (uint32_t h = 0; h < own->rows; h++)
            out[h] *= s.said[h];
    }
    HostRelease(host, s.said);
    HostRelease(host, z);
}
