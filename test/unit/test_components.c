/* test_components.c: the plane of rows against one that is known. */
#include "core/components.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "support.h"
#include "tests.h"

#define ROWS  500
#define WIDTH 20

static float NextShare(Random *random)
{
    return (float)RandomUniform(random) - 0.5F;
}

/*
 * Rows that differ by places[2r] along one direction and places[2r + 1] along another, which is at
 * right angles to it, and hardly in any other; their mean is not 0.
 */
static void MakeRows(float *rows, double *places)
{
    Random random = TestStream(77);
    double mean[2] = {0, 0};

    for (int r = 0; r < ROWS; r++) {
        places[2 * r] = 6 * NextShare(&random);
        places[2 * r + 1] = 2 * NextShare(&random);
        mean[0] += places[2 * r] / ROWS;
        mean[1] += places[2 * r + 1] / ROWS;
        for (int i = 0; i < WIDTH; i++)
            rows[r * WIDTH + i] =
                (float)(3 + (i == 4 ? places[2 * r] : 0) + (i == 9 ? -places[2 * r + 1] : 0)) +
                0.01F * NextShare(&random);
    }
    for (int r = 0; r < ROWS; r++)
        for (int a = 0; a < 2; a++)
            places[2 * r + a] -= mean[a];
}

/* Sums of squares along both axes, and of their products. */
static void Moments(const double *plane, double *x, double *y, double *product)
{
    *x = *y = *product = 0;
    for (int r = 0; r < ROWS; r++) {
        *x += plane[2 * r] * plane[2 * r];
        *y += plane[2 * r + 1] * plane[2 * r + 1];
        *product += plane[2 * r] * plane[2 * r + 1];
    }
}

static void TestKnownPlane(const Host *host)
{
    float rows[ROWS * WIDTH];
    double places[2 * ROWS], plane[2 * ROWS], again[2 * ROWS], x, y, product, farthest = 0;
    double left = 0, right = 0;

    MakeRows(rows, places);
    PrincipalComponents(host, rows, ROWS, WIDTH, plane);
    for (int r = 0; r < ROWS; r++) {
        farthest = fmax(farthest, fabs(plane[2 * r] - places[2 * r]));
        left += plane[2 * r + 1] * places[2 * r + 1];
        right += places[2 * r + 1] * places[2 * r + 1];
    }
    CHECK(farthest < 0.1, "rows lie where they were put: %g", farthest);
    CHECK(fabs(left / right) > 0.99 && fabs(left / right) < 1.01, "second axis: %g", left / right);
    Moments(plane, &x, &y, &product);
    CHECK(x > 4 * y && y > 1, "the first axis has most of the differences: %g, %g", x, y);
    CHECK(fabs(product) < 1e-3 * x, "the axes have nothing in common: %g", product / x);
    PrincipalComponents(host, rows, ROWS, WIDTH, again);
    CHECK(memcmp(plane, again, sizeof(plane)) == 0, "the same rows give the same plane");
}

static void TestFlat(const Host *host)
{
    float same[6] = {1, 2, 1, 2, 1, 2}, line[6] = {1, 2, 2, 4, 3, 6}, one[2] = {5, 6};
    double plane[6];

    PrincipalComponents(host, same, 3, 2, plane);
    for (int i = 0; i < 6; i++)
        CHECK(plane[i] == 0, "rows that are all the same are one point: %g", plane[i]);
    PrincipalComponents(host, line, 3, 2, plane);
    CHECK(fabs(plane[4] - sqrt(5)) < 1e-6, "a line keeps its length: %g", plane[4]);
    for (int r = 0; r < 3; r++)
        CHECK(fabs(plane[2 * r + 1]) < 1e-6, "a line has one direction: %g", plane[2 * r + 1]);
    PrincipalComponents(host, one, 1, 2, plane);
    CHECK(plane[0] == 0 && plane[1] == 0, "one row is the middle");
}

/* Many rows are read for longer than a cancel may wait. */
static void TestPolls(TestHost *t)
{
    size_t count = 1 << 17, width = 8;
    float *rows = calloc(count * width, sizeof(float));
    double *plane = calloc(count * 2, sizeof(double));
    int before = t->calls;

    PrincipalComponents(&t->host, rows, count, width, plane);
    CHECK(t->calls - before >= 3 * 4, "a single pass looks at interrupts: %d times",
          t->calls - before);
    free(plane);
    free(rows);
}

void TestComponents(void)
{
    TestHost t;

    TestHostInit(&t);
    TestKnownPlane(&t.host);
    TestFlat(&t.host);
    TestPolls(&t);
    CHECK(t.live == 0, "all memory is given back");
    TestHostEnd(&t);
}
