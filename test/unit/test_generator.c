/*
 * test_generator.c: the policy gradient of the generator in double precision, and which negatives
 * it comes to choose.
 */
#include <stdbool.h>

#define REAL double
#include "algo/nmrn/generator_draw.h"
#include "algo/nmrn/numbers.h"

#define VECTOR(name) name
#define VECTOR_WIDTH 4
#include "core/vector_primitives.h"
#include "algo/nmrn/generator_kernels.h"

#include "check.h"
#include "core/random.h"
#include "tests.h"

#define LANES   16
#define ALIGNED __attribute__((aligned(64)))
#define COUNT   3

typedef struct Bench {
    double user[LANES] ALIGNED;
    double item[COUNT][LANES] ALIGNED;
    double user_layer[LANES * LANES] ALIGNED;
    double item_layer[LANES * LANES] ALIGNED;
} Bench;

static double query[LANES] ALIGNED, point[COUNT * LANES] ALIGNED, scratch[2 * LANES] ALIGNED;
static double distance[COUNT], chance[COUNT];
static const double *rows[COUNT];
static double *row_gradients[COUNT];

static Policy PolicyOf(const Bench *b, uint32_t factors, bool layers, double temperature)
{
    return (Policy){factors, LANES, layers, temperature, b->user_layer, b->item_layer};
}

static Draw DrawOf(const Bench *b, Bench *g)
{
    for (int c = 0; c < COUNT; c++) {
        rows[c] = b->item[c];
        row_gradients[c] = g->item[c];
    }
    return (Draw){b->user, rows,          COUNT,   query,         point,         distance,
                  chance,  row_gradients, g->user, g->user_layer, g->item_layer, scratch};
}

static bool Close(const double *a, const double *b, int n)
{
    bool close = true;

    for (int i = 0; i < n; i++)
        close &= fabs(a[i] - b[i]) <= 1.5e-8;
    return close;
}

static void CheckVector(void)
{
    static Bench b, g;
    Policy policy;
    Draw draw;

    b = (Bench){.user = {.2, -.1},
                .item = {{.3, .4}, {-.2, .1}, {.5, -.5}},
                .user_layer = {[0] = 1, [1] = .2, [16] = -.1, [17] = .9, [32] = .05},
                .item_layer = {[0] = .8, [16] = .3, [17] = 1.1, [33] = -.05}};
    policy = PolicyOf(&b, 2, true, 1);
    draw = DrawOf(&b, &g);
    Chances(&policy, &draw);
    CHECK(Close(distance, (double[]){.59008474, .40521599, .38013156}, 3) &&
              Close(chance, (double[]){.29097843, .35006467, .3589569}, 3) &&
              fabs(log(chance[1]) + 1.04963738) < 1.5e-8,
          "generator: distances and chances");
    ChancesBack(&policy, &draw, 1, .7);
    CHECK(Close(g.user, (double[]){-.56815301, .01939128}, 2) &&
              Close(g.item[0], (double[]){.06385813, .22402122}, 2) &&
              Close(g.item[1], (double[]){.3132462, -.1358523}, 2) &&
              Close(g.item[2], (double[]){.02247426, -.24721683}, 2),
          "generator: gradients of rows");
    CHECK(Close(g.user_layer, (double[]){-.11073882, .05536941}, 2) &&
              Close(g.user_layer + 16, (double[]){.0289178, -.0144589}, 2) &&
              Close(g.item_layer, (double[]){-.03035303, -.01101782}, 2) &&
              Close(g.item_layer + 16, (double[]){-.02657417, .18148334}, 2),
          "generator: gradients of layers");
    /* The biases' gradients are those of the points. */
    CHECK(Close(g.user_layer + 32, (double[]){-g.item_layer[32], -g.item_layer[33]}, 2),
          "generator: moving all points together changes nothing");
}

static double LogChance(const Policy *policy, const Draw *draw)
{
    Chances(policy, draw);
    return log(draw->chance[1]);
}

static void CheckGradient(bool layers, double temperature)
{
    static Bench b, g;
    double *values = (double *)&b, *gradients = (double *)&g, worst = 0;
    Policy policy = PolicyOf(&b, 3, layers, temperature);
    Draw draw = DrawOf(&b, &g);
    Random random;

    RandomSeed(&random, 0x7e57, RANDOM_ROBUSTNESS, 810, 0);
    memset(&b, 0, sizeof(b));
    memset(&g, 0, sizeof(g));
    for (int k = 0; k < 3; k++) {
        b.user[k] = RandomNormal(&random);
        for (int c = 0; c < COUNT; c++)
            b.item[c][k] = RandomNormal(&random);
        for (int r = 0; r < 4; r++) {
            b.user_layer[r * LANES + k] = RandomNormal(&random);
            b.item_layer[r * LANES + k] = RandomNormal(&random);
        }
    }
    Chances(&policy, &draw);
    ChancesBack(&policy, &draw, 1, 1);
    for (size_t k = 0; k < sizeof(Bench) / sizeof(double); k++) {
        double was = values[k], slope;

        if (was == 0)
            continue;
        values[k] = was + 1e-5;
        slope = LogChance(&policy, &draw);
        values[k] = was - 1e-5;
        slope = (slope - LogChance(&policy, &draw)) / 2e-5;
        values[k] = was;
        worst = fmax(worst, fabs(slope - gradients[k]) / (fabs(slope) + fabs(gradients[k]) + 1e-6));
    }
    CHECK(worst < 1e-4, "generator, %s, temperature %g: gradient, error %.1e",
          layers ? "layers" : "no layers", temperature, worst);
}

void TestGenerator(void)
{
    CheckVector();
    CheckGradient(true, 1);
    CheckGradient(true, 0.3);
    CheckGradient(false, 2);
}
