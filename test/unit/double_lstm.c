/* double_lstm.c: an LSTM over three steps: gradients against finite differences, a test vector. */
#include "algo/net/lstm.h"
#include "gradients.h"
#include "tests.h"

#define STEPS 3
#define ROWS  2
#define IN    5
#define OUT   18

/* A chain of steps, and a loss on all states and on the last memory. */
typedef struct Chain {
    Real *input, *recurrent, *bias;
    Real *x[STEPS], *h[STEPS + 1], *c[STEPS + 1], *gates[STEPS];
    Real *g[STEPS + 1]; /* of each state after the first; the last: of the memory */
} Chain;

static LstmShape shape = {ROWS, IN, OUT};

static LstmStep StepOf(const Chain *n, int t)
{
    return (LstmStep){n->x[t], n->h[t], n->c[t], n->gates[t], n->h[t + 1], n->c[t + 1]};
}

static double ChainLoss(void *arg)
{
    const Chain *n = arg;
    double loss = 0;

    for (int t = 0; t < STEPS; t++) {
        LstmStep step = StepOf(n, t);

        LstmForward(shape, (LstmWeights){n->input, n->recurrent, n->bias}, &step);
        for (size_t i = 0; i < ROWS * Pitch(OUT); i++)
            loss += (double)(n->h[t + 1][i] * n->g[t][i]);
    }
    for (size_t i = 0; i < ROWS * Pitch(OUT); i++)
        loss += (double)(n->c[STEPS][i] * n->g[STEPS][i]);
    return loss;
}

/* All four gates of random weights, padding zero. */
static Real *RandomGates(Random *random, size_t rows)
{
    Real *weights = ZeroMatrix(rows, LstmGates(OUT));

    for (size_t r = 0; r < rows; r++)
        for (size_t gate = 0; gate < 4; gate++)
            for (size_t c = 0; c < OUT; c++)
                weights[r * LstmGates(OUT) + gate * Pitch(OUT) + c] =
                    (Real)(0.5 * RandomNormal(random));
    return weights;
}

static Chain ChainCreate(Random *random)
{
    Chain n = {.input = RandomGates(random, IN),
               .recurrent = RandomGates(random, OUT),
               .bias = RandomGates(random, 1)};

    for (int t = 0; t <= STEPS; t++) {
        n.h[t] = RandomMatrix(random, ROWS, OUT, 1);
        n.c[t] = RandomMatrix(random, ROWS, OUT, 1);
        n.g[t] = RandomMatrix(random, ROWS, OUT, 1);
        if (t == STEPS)
            break;
        n.x[t] = RandomMatrix(random, ROWS, IN, 1);
        n.gates[t] = ZeroMatrix(ROWS, LstmGates(OUT));
    }
    return n;
}

static bool GatesArePadded(const Real *weights, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t gate = 0; gate < 4; gate++)
            for (size_t c = OUT; c < Pitch(OUT); c++)
                if (weights[r * LstmGates(OUT) + gate * Pitch(OUT) + c] != 0)
                    return false;
    return true;
}

static void CheckGradients(void)
{
    Random random = TestStream(11);
    Chain n = ChainCreate(&random);
    LstmGradients gradients = {ZeroMatrix(IN, LstmGates(OUT)), ZeroMatrix(OUT, LstmGates(OUT)),
                               ZeroMatrix(1, LstmGates(OUT))};
    Real *dh = ZeroMatrix(ROWS, OUT), *dc = ZeroMatrix(ROWS, OUT), *dx[STEPS];

    ChainLoss(&n);
    RealCopy(n.g[STEPS], ROWS * Pitch(OUT), dc);
    for (int t = STEPS; t-- > 0;) {
        LstmStep step = StepOf(&n, t);
        Real *before = ZeroMatrix(ROWS, OUT);

        dx[t] = ZeroMatrix(ROWS, IN);
        for (size_t i = 0; i < ROWS * Pitch(OUT); i++)
            dh[i] += n.g[t][i];
        LstmBackward(shape, (LstmWeights){n.input, n.recurrent, n.bias}, &step, dh, dc, dx[t],
                     before, gradients);
        dh = before;
    }
    CHECK(GradientIsRight(ChainLoss, &n, n.x[0], dx[0], ROWS, IN) &&
              GradientIsRight(ChainLoss, &n, n.x[STEPS - 1], dx[STEPS - 1], ROWS, IN),
          "lstm: by the first and the last input");
    CHECK(GradientIsRight(ChainLoss, &n, n.h[0], dh, ROWS, OUT), "by the first state");
    CHECK(GradientIsRight(ChainLoss, &n, n.c[0], dc, ROWS, OUT), "by the first memory");
    CHECK(GradientIsRight(ChainLoss, &n, n.input, gradients.input, IN, LstmGates(OUT)),
          "by the weights of the input");
    CHECK(GradientIsRight(ChainLoss, &n, n.recurrent, gradients.recurrent, OUT, LstmGates(OUT)),
          "by those of the state");
    CHECK(GradientIsRight(ChainLoss, &n, n.bias, gradients.bias, 1, LstmGates(OUT)),
          "by the biases");
    ChainLoss(&n);
    CHECK(GatesArePadded(gradients.input, IN) && GatesArePadded(gradients.recurrent, OUT) &&
              GatesArePadded(gradients.bias, 1) && PaddingIsZero(n.h[STEPS], ROWS, OUT),
          "padding is zero");
}

static void CheckVector(void)
{
    static const double w[] = {.3, .4, .5, .6}, u[] = {.1, .2, .3, .4}, b[] = {0, 1, 0, 0};
    static const double expected[] = {.53991488, .77206355, .56954622, .32747739};
    Real *input = ZeroMatrix(1, LstmGates(1)), *recurrent = ZeroMatrix(1, LstmGates(1));
    Real *bias = ZeroMatrix(1, LstmGates(1)), *gates = ZeroMatrix(1, LstmGates(1));
    Real *x = ZeroMatrix(1, 1), *h = ZeroMatrix(1, 1), *c = ZeroMatrix(1, 1);
    Real *next = ZeroMatrix(1, 1);
    bool right = true;

    *x = .5, *h = .1, *c = -.2;
    for (size_t gate = 0; gate < 4; gate++) {
        input[gate * Pitch(1)] = (Real)w[gate];
        recurrent[gate * Pitch(1)] = (Real)u[gate];
        bias[gate * Pitch(1)] = (Real)b[gate];
    }
    LstmForward((LstmShape){1, 1, 1}, (LstmWeights){input, recurrent, bias},
                &(LstmStep){x, h, c, gates, next, c});
    for (size_t gate = 0; gate < 4; gate++)
        right &= Near((double)gates[gate * Pitch(1)], expected[gate], 0, 1e-8);
    CHECK(right, "gates of the test vector");
    CHECK(Near((double)*c, .02239721, 0, 1e-8) && Near((double)*next, .01275411, 0, 1e-8),
          "memory and state of the test vector");
}

static void CheckStart(void)
{
    Random random = TestStream(12);
    Real *input = ZeroMatrix(IN, LstmGates(OUT)), *recurrent = ZeroMatrix(OUT, LstmGates(OUT));
    Real *bias = ZeroMatrix(1, LstmGates(OUT));
    double limit = sqrt(6.0 / (IN + OUT)), most = 0, sum = 0;

    LstmStart(IN, OUT, &random, input, recurrent, bias);
    for (size_t i = 0; i < IN * LstmGates(OUT); i++) {
        most = fmax(most, fabs((double)input[i]));
        sum += (double)(input[i] * input[i]);
    }
    CHECK(most <= limit && Near(sum, IN * 4 * OUT * limit * limit / 3, 0.1, 0) &&
              GatesArePadded(input, IN) && GatesArePadded(recurrent, OUT) && bias[0] == 0 &&
              bias[Pitch(OUT)] == 1 && bias[Pitch(OUT) + OUT] == 0,
          "weights start at random, and forget nothing");
}

void TestLstm(void)
{
    CheckGradients();
    CheckVector();
    CheckStart();
}
