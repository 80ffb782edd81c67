/* double_layers.c: gradients of the layers against finite differences, and their test vectors. */
#include "algo/net/layer_norm.h"
#include "algo/net/linear.h"
#include "algo/net/matrix.h"
#include "gradients.h"
#include "tests.h"

#define ROWS 3
#define IN   5
#define OUT  18

/* One layer, and a loss that is the inner product of what comes out with fixed numbers. */
typedef struct Layer {
    Real *x, *weight, *bias, *y, *g;
    Real *dx, *dweight, *dbias;
    Real inverse[ROWS];
} Layer;

static double Against(const Real *y, const Real *g, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)(y[i] * g[i]);
    return sum;
}

static double LinearLoss(void *arg)
{
    Layer *l = arg;

    LinearForward(l->x, l->weight, l->bias, ROWS, IN, OUT, l->y);
    ReluForward(l->y, ROWS * Pitch(OUT), l->y);
    return Against(l->y, l->g, ROWS * Pitch(OUT));
}

static void CheckLinear(void)
{
    Random random = TestStream(1);
    Layer l = {
        .x = RandomMatrix(&random, ROWS, IN, 1),
        .weight = RandomMatrix(&random, IN, OUT, 1),
        .bias = RandomMatrix(&random, 1, OUT, 1),
        .y = ZeroMatrix(ROWS, OUT),
        .g = RandomMatrix(&random, ROWS, OUT, 1),
        .dx = RandomMatrix(&random, ROWS, Pitch(IN), 1), /* padding of what is written, too */
        .dweight = ZeroMatrix(IN, OUT),
        .dbias = ZeroMatrix(1, OUT),
    };
    Real *g = ZeroMatrix(ROWS, OUT), first;

    LinearLoss(&l);
    ReluBackward(l.y, l.g, ROWS * Pitch(OUT), g);
    LinearBackward(l.x, l.weight, g, ROWS, IN, OUT, l.dx, l.dweight, l.dbias);
    CHECK(GradientIsRight(LinearLoss, &l, l.x, l.dx, ROWS, IN), "linear and ReLU: by the input");
    CHECK(GradientIsRight(LinearLoss, &l, l.weight, l.dweight, IN, OUT), "by the weight");
    CHECK(GradientIsRight(LinearLoss, &l, l.bias, l.dbias, 1, OUT), "by the bias");
    CHECK(PaddingIsZero(l.y, ROWS, OUT) && PaddingIsZero(l.dx, ROWS, IN) &&
              PaddingIsZero(l.dweight, IN, OUT),
          "padding is zero");
    first = l.dweight[0];
    LinearBackward(l.x, l.weight, g, ROWS, IN, OUT, NULL, l.dweight, l.dbias);
    CHECK(l.dweight[0] == 2 * first, "gradients of parameters add up; nobody need want dx");
}

static double NormLoss(void *arg)
{
    Layer *l = arg;

    LayerNormForward(l->x, l->weight, l->bias, ROWS, OUT, l->y, l->inverse);
    return Against(l->y, l->g, ROWS * Pitch(OUT));
}

static void CheckNorm(void)
{
    Random random = TestStream(2);
    Layer l = {
        .x = RandomMatrix(&random, ROWS, OUT, 1),
        .weight = RandomMatrix(&random, 1, OUT, 1),
        .bias = RandomMatrix(&random, 1, OUT, 1),
        .y = ZeroMatrix(ROWS, OUT),
        .g = RandomMatrix(&random, ROWS, OUT, 1),
        .dx = ZeroMatrix(ROWS, OUT),
        .dweight = ZeroMatrix(1, OUT),
        .dbias = ZeroMatrix(1, OUT),
    };

    NormLoss(&l);
    LayerNormBackward(l.x, l.weight, l.inverse, l.g, ROWS, OUT, l.dx, l.dweight, l.dbias);
    CHECK(GradientIsRight(NormLoss, &l, l.x, l.dx, ROWS, OUT), "layer norm: by the input");
    CHECK(GradientIsRight(NormLoss, &l, l.weight, l.dweight, 1, OUT), "by the gain");
    CHECK(GradientIsRight(NormLoss, &l, l.bias, l.dbias, 1, OUT), "by the bias");
}

static void CheckNormVector(void)
{
    static const double expected[] = {-1.06904153, -.26726039, 1.33630191};
    Real *x = ZeroMatrix(1, 3), *gain = ZeroMatrix(1, 3), *bias = ZeroMatrix(1, 3);
    bool right = true;

    for (int i = 0; i < 3; i++) {
        x[i] = 1 << i;
        gain[i] = 1;
    }
    LayerNormForward(x, gain, bias, 1, 3, x, NULL);
    for (int i = 0; i < 3; i++)
        right &= Near((double)x[i], expected[i], 0, 1e-8);
    CHECK(right, "layer norm of 1, 2, 4");
}

void TestLayers(void)
{
    CheckLinear();
    CheckNorm();
    CheckNormVector();
}
