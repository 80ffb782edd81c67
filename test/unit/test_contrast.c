/* test_contrast.c: the softmax loss with shared negatives against its formula, in double. */
#include <math.h>
#include <string.h>

#include "algo/nmrn/contrast.h"
#include "check.h"
#include "support.h"
#include "tests.h"

#define FACTORS   20
#define STRIDE    32
#define NEGATIVES 21 /* not whole vectors */
#define WIDTH     32
#define EVENTS    4

/* Everything that the loss is made of, in double. */
typedef struct Values {
    double point[EVENTS][FACTORS];
    double item[EVENTS][FACTORS];
    double bias[EVENTS];
    double row[NEGATIVES][FACTORS];
    double row_bias[NEGATIVES];
} Values;

#define VALUES (sizeof(Values) / sizeof(double))

static const float weight[EVENTS] = {1, 0.5f, 2, 1};

/* Event 1 has a third of the negatives itself, event 3 all of them. */
static bool Allowed(int event, int j)
{
    return event == 3 ? false : event != 1 || j % 3 != 0;
}

static double DistanceOf(const double *a, const double *b)
{
    double sum = 0;

    for (int k = 0; k < FACTORS; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sqrt(sum);
}

static double Formula(const Values *v, double temperature)
{
    double loss = 0;

    for (int e = 0; e < EVENTS; e++) {
        double own = v->bias[e] - DistanceOf(v->point[e], v->item[e]), sum = 1;

        for (int j = 0; j < NEGATIVES; j++)
            if (Allowed(e, j))
                sum +=
                    exp((v->row_bias[j] - DistanceOf(v->point[e], v->row[j]) - own) / temperature);
        loss += (double)weight[e] * log(sum);
    }
    return loss;
}

/* --- the same by contrast.c */

typedef struct Rig {
    Contrast contrast;
    float point[EVENTS][STRIDE] __attribute__((aligned(64)));
    float item[EVENTS][STRIDE] __attribute__((aligned(64)));
    float item_gradient[EVENTS][STRIDE + VECTOR_LANES] __attribute__((aligned(64)));
    float allowed[EVENTS][WIDTH] __attribute__((aligned(64)));
} Rig;

static void FillRow(float *to, const double *from)
{
    for (int k = 0; k < FACTORS; k++)
        to[k] = (float)from[k];
}

static void FillRig(TestHost *t, const Values *v, double temperature, Rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    ContrastCreate(&t->host, EVENTS, NEGATIVES, STRIDE, &rig->contrast);
    rig->contrast.temperature = (float)temperature;
    for (int j = 0; j < NEGATIVES; j++) {
        FillRow(rig->contrast.row + (size_t)j * STRIDE, v->row[j]);
        rig->contrast.bias[j] = (float)v->row_bias[j];
    }
    for (int e = 0; e < EVENTS; e++) {
        FillRow(rig->point[e], v->point[e]);
        FillRow(rig->item[e], v->item[e]);
        for (int j = 0; j < NEGATIVES; j++)
            rig->allowed[e][j] = Allowed(e, j);
    }
}

static double RunRig(const Values *v, Rig *rig)
{
    Contrast *c = &rig->contrast;
    double loss = 0;

    ContrastStart(c);
    for (int e = 0; e < EVENTS; e++)
        loss += ContrastEvent(c, &(Contrasted){rig->point[e], rig->item[e], (float)v->bias[e],
                                               weight[e], rig->allowed[e],
                                               c->point_gradient + (size_t)e * STRIDE,
                                               rig->item_gradient[e]});
    ContrastEnd(c);
    return loss;
}

/* Gradients in the order of the values. */
static void Gradients(const Rig *rig, Values *g)
{
    const Contrast *c = &rig->contrast;

    for (int e = 0; e < EVENTS; e++) {
        for (int k = 0; k < FACTORS; k++) {
            g->point[e][k] = (double)c->point_gradient[e * STRIDE + k];
            g->item[e][k] = (double)rig->item_gradient[e][k];
        }
        g->bias[e] = (double)rig->item_gradient[e][STRIDE];
    }
    for (int j = 0; j < NEGATIVES; j++) {
        for (int k = 0; k < FACTORS; k++)
            g->row[j][k] = (double)c->row_gradient[j * STRIDE + k];
        g->row_bias[j] = (double)c->bias_gradient[j];
    }
}

/* Largest error against finite differences of the formula. */
static double WorstSlope(Values *v, const Values *gradient, double temperature)
{
    double *value = (double *)v, worst = 0;
    const double *g = (const double *)gradient, h = 1e-5;

    for (size_t i = 0; i < VALUES; i++) {
        double was = value[i], above, below;

        value[i] = was + h;
        above = Formula(v, temperature);
        value[i] = was - h;
        below = Formula(v, temperature);
        value[i] = was;
        worst = fmax(worst, fabs((above - below) / (2 * h) - g[i]));
    }
    return worst;
}

static void CheckLoss(double temperature, double scale)
{
    Random random = TestStream(900);
    Values v, g;
    TestHost t;
    double loss, formula, worst;
    Rig rig;

    TestHostInit(&t);
    for (size_t i = 0; i < VALUES; i++)
        ((double *)&v)[i] = (double)(float)(scale * RandomNormal(&random));
    FillRig(&t, &v, temperature, &rig);
    loss = RunRig(&v, &rig);
    formula = Formula(&v, temperature);
    CHECK(fabs(loss - formula) < 1e-4 * (1 + formula), "temperature %g: loss %.6f, formula %.6f",
          temperature, loss, formula);
    Gradients(&rig, &g);
    worst = WorstSlope(&v, &g, temperature);
    CHECK(worst < 2e-4 / temperature, "temperature %g: gradients, error %.1e", temperature, worst);
    CHECK(g.point[3][0] == 0 && g.item[3][0] == 0 && g.bias[3] == 0,
          "a user who has all negatives learns nothing");
    CHECK(fabs(g.bias[0]) > 1e-3 && fabs(g.row_bias[1]) > 1e-3, "there are gradients");
    TestHostEnd(&t);
}

/* Scores far apart neither overflow nor lose the loss. */
static void CheckFar(void)
{
    static Values v;
    TestHost t;
    double loss;
    Rig rig;

    TestHostInit(&t);
    memset(&v, 0, sizeof(v));
    for (int e = 0; e < EVENTS; e++)
        v.item[e][0] = e == 0 ? 0.01 : 50;
    for (int j = 0; j < NEGATIVES; j++)
        v.row[j][1] = 30;
    FillRig(&t, &v, 0.01, &rig);
    loss = RunRig(&v, &rig);
    /* 20 apart each; event 1 weighs a half, event 2 twice, and event 3 has no negatives. */
    CHECK(fabs(loss - 2.5 * 20 / 0.01) < 10, "distances of 50 at temperature 0.01: loss %.1f",
          loss);
    TestHostEnd(&t);
}

void TestContrast(void)
{
    CheckLoss(0.3, 0.3);
    CheckLoss(1, 0.5);
    CheckLoss(0.1, 0.2);
    CheckFar();
}
