/*
 * components.c: principal components by orthogonal iteration.
 *
 * Two directions are multiplied by the rows' covariance, which is never made, until they stay: each
 * pass reads the rows once.  Both begin as fixed waves, so that the same rows give the same plane.
 */
#include "core/components.h"

#include <math.h>
#include <string.h>

#define MOST_PASSES 300
#define AXES        2

/* Numbers of rows between two looks at interrupts. */
#define POLL_EVERY (1 << 18)

/* Directions have come to rest when their cosine with those of the pass before is this near to 1.
 */
#define AT_REST 1e-10

typedef struct Plane {
    const Host *host;
    const float *rows;
    size_t count;
    size_t width;
    size_t poll_every; /* rows */
    double *mean;
    double *axis[AXES]; /* of length 1, or 0 */
    double *next[AXES];
} Plane;

static double Dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void AddScaled(double *a, const double *b, double scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] += b[i] * scale;
}

/* Length 1, and its greatest coordinate above 0; what is next to nothing becomes 0. */
static void Normalise(double *a, size_t n, double least)
{
    double length = sqrt(Dot(a, a, n)), scale;
    size_t greatest = 0;

    for (size_t i = 1; i < n; i++)
        greatest = fabs(a[i]) > fabs(a[greatest]) ? i : greatest;
    scale = length > least ? (a[greatest] < 0 ? -1 : 1) / length : 0;
    for (size_t i = 0; i < n; i++)
        a[i] *= scale;
}

static double Place(const Plane *p, size_t row, const double *axis)
{
    const float *at = p->rows + row * p->width;
    double sum = 0;

    for (size_t i = 0; i < p->width; i++)
        sum += (at[i] - p->mean[i]) * axis[i];
    return sum;
}

static void PollAt(const Plane *p, size_t row)
{
    if (row % p->poll_every == 0)
        HostPoll(p->host);
}

static void FindMean(Plane *p)
{
    for (size_t r = 0; r < p->count; r++) {
        for (size_t i = 0; i < p->width; i++)
            p->mean[i] += p->rows[r * p->width + i] / (double)p->count;
        PollAt(p, r);
    }
}

/* next = covariance of the rows x axis. */
static void Multiply(Plane *p, int a)
{
    memset(p->next[a], 0, p->width * sizeof(double));
    for (size_t r = 0; r < p->count; r++) {
        double place = Place(p, r, p->axis[a]);

        for (size_t i = 0; i < p->width; i++)
            p->next[a][i] += place * (p->rows[r * p->width + i] - p->mean[i]);
        PollAt(p, r);
    }
}

/* Do the directions rest after another pass? */
static bool Pass(Plane *p)
{
    double greatest, moved = 0;

    for (int a = 0; a < AXES; a++)
        Multiply(p, a);
    greatest = sqrt(Dot(p->next[0], p->next[0], p->width));
    Normalise(p->next[0], p->width, 0);
    AddScaled(p->next[1], p->next[0], -Dot(p->next[0], p->next[1], p->width), p->width);
    Normalise(p->next[1], p->width, greatest * 1e-12);
    for (int a = 0; a < AXES; a++) {
        double *before = p->axis[a];

        moved = fmax(moved, Dot(p->next[a], p->next[a], p->width) -
                                fabs(Dot(before, p->next[a], p->width)));
        p->axis[a] = p->next[a];
        p->next[a] = before;
    }
    return moved < AT_REST;
}

static void Start(Plane *p)
{
    double *memory = HostAllocateZero(p->host, (1 + 2 * AXES) * p->width, sizeof(double));

    p->mean = memory;
    for (int a = 0; a < AXES; a++) {
        p->axis[a] = memory + (1 + (size_t)a) * p->width;
        p->next[a] = memory + (1 + AXES + (size_t)a) * p->width;
        for (size_t i = 0; i < p->width; i++)
            p->axis[a][i] = sin((double)(1 + a) + (double)(1 + 2 * a) * (double)i);
        Normalise(p->axis[a], p->width, 0);
    }
    FindMean(p);
}

void PrincipalComponents(const Host *host, const float *rows, size_t count, size_t width,
                         double *plane)
{
    Plane p = {.host = host, .rows = rows, .count = count, .width = width};
    double *memory;

    p.poll_every = POLL_EVERY / (width + 1) + 1;
    Start(&p);
    memory = p.mean;
    for (int pass = 0; pass < MOST_PASSES && !Pass(&p); pass++)
        ;
    for (size_t r = 0; r < count; r++) {
        for (int a = 0; a < AXES; a++)
            plane[AXES * r + (size_t)a] = Place(&p, r, p.axis[a]);
        PollAt(&p, r);
    }
    HostRelease(host, memory);
}
