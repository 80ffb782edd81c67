/* double_layers.c: gradients of the layers against finite differences, and their test vectors. */
#include "algo/net/layer_norm.h"
#include "algo/net/linear.h"
#include "algo/net/loss.h"
#include "algo/net/matrix.h"
#include "algo/net/mlp.h"
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

/* --- softmax and cross entropy */

static double SoftmaxLoss(void *arg)
{
    Layer *l = arg;

    SoftmaxForward(l->x, ROWS, OUT, l->y);
    return Against(l->y, l->g, ROWS * Pitch(OUT));
}

static double LogSoftmaxLoss(void *arg)
{
    Layer *l = arg;

    LogSoftmaxForward(l->x, ROWS, OUT, l->y);
    return Against(l->y, l->g, ROWS * Pitch(OUT));
}

static double BceLoss(void *arg)
{
    Layer *l = arg;

    return 3 * (double)BceForward(l->x, l->g, ROWS * Pitch(OUT), 3, NULL);
}

static void CheckLosses(void)
{
    Random random = TestStream(3);
    Layer l = {.x = RandomMatrix(&random, ROWS, OUT, 2),
               .y = ZeroMatrix(ROWS, OUT),
               .g = RandomMatrix(&random, ROWS, OUT, 1),
               .dx = ZeroMatrix(ROWS, OUT)};
    Real huge[2] = {1000, -1000}, label[2] = {1, 0}, sum = 0;

    SoftmaxLoss(&l);
    for (size_t c = 0; c < OUT; c++)
        sum += l.y[c];
    CHECK(Near((double)sum, 1, 1e-12, 0), "a softmax sums to 1");
    SoftmaxBackward(l.y, l.g, ROWS, OUT, l.dx);
    CHECK(GradientIsRight(SoftmaxLoss, &l, l.x, l.dx, ROWS, OUT), "softmax");
    LogSoftmaxLoss(&l);
    LogSoftmaxBackward(l.y, l.g, ROWS, OUT, l.dx);
    CHECK(GradientIsRight(LogSoftmaxLoss, &l, l.x, l.dx, ROWS, OUT), "log-softmax");
    BceForward(l.x, l.g, ROWS * Pitch(OUT), 3, l.dx);
    CHECK(GradientIsRight(BceLoss, &l, l.x, l.dx, ROWS, OUT), "cross entropy of a sigmoid");
    CHECK(BceForward(huge, label, 2, 1, NULL) == 0, "large log odds do not overflow");
    huge[0] = -1000;
    CHECK(BceForward(huge, label, 2, 1, NULL) == 1000, "nor do those that are wrong");
}

/* --- a stack */

typedef struct Stack {
    Mlp mlp;
    Pack pack;
    Real *parameters, *x, *g, *tape;
} Stack;

static double StackLoss(void *arg)
{
    Stack *s = arg;
    Random random = TestStream(5); /* the same dropout each time */

    MlpForward(&s->mlp, &s->pack, s->parameters, s->x, ROWS, &random, s->tape);
    return Against(s->tape, s->g, ROWS * Pitch(2));
}

static void CheckStack(bool norm, Real dropout)
{
    static const uint32_t width[] = {IN, OUT, 7, 2};
    static Stack s;
    Random random = TestStream(4);
    Real *dx = ZeroMatrix(ROWS, IN), *gradient, *g = ZeroMatrix(ROWS, 2);
    bool right = true;

    s = (Stack){.x = RandomMatrix(&random, ROWS, IN, 1), .g = RandomMatrix(&random, ROWS, 2, 1)};
    s.mlp = MlpAdd(&s.pack, 3, width, norm, dropout);
    s.parameters = RandomMatrix(&random, 1, s.pack.floats, .5);
    for (int m = 0; m < s.pack.count; m++) /* padding */
        for (uint32_t r = 0; r < s.pack.matrix[m].rows; r++)
            for (uint32_t c = s.pack.matrix[m].columns; c < s.pack.matrix[m].stride; c++)
                s.parameters[s.pack.matrix[m].first + r * s.pack.matrix[m].stride + c] = 0;
    gradient = ZeroMatrix(1, s.pack.floats);
    s.tape = ZeroMatrix(1, MlpTape(&s.mlp, ROWS));
    StackLoss(&s);
    RealCopy(s.g, ROWS * Pitch(2), g);
    MlpBackward(&s.mlp, &s.pack, s.parameters, s.x, ROWS, s.tape, g, dx, gradient);
    for (int m = 0; m < s.pack.count; m++)
        right &= GradientIsRight(StackLoss, &s, s.parameters + s.pack.matrix[m].first,
                                 gradient + s.pack.matrix[m].first, s.pack.matrix[m].rows,
                                 s.pack.matrix[m].columns);
    CHECK(right, "a stack%s%s: by its parameters", norm ? " with norms" : "",
          dropout > 0 ? " with dropout" : "");
    CHECK(GradientIsRight(StackLoss, &s, s.x, dx, ROWS, IN), "by its input");
}

void TestLayers(void)
{
    CheckLinear();
    CheckNorm();
    CheckNormVector();
    CheckLosses();
    CheckStack(false, 0);
    CheckStack(true, 0);
    CheckStack(true, .3);
}
