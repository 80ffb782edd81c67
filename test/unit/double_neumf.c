/* double_neumf.c: the gradients of NeuMF's network against finite differences. */
#include "algo/neumf/network.h"
#include "gradients.h"
#include "tests.h"

#define ROWS 7

typedef struct Toy {
    NeumfNetwork network;
    Real *parameters, *user, *item, *tape;
    Real odds[ROWS], wanted[ROWS];
} Toy;

/* Any function of the odds will do. */
static double Loss(void *arg)
{
    Toy *toy = arg;
    double sum = 0;

    NeumfForward(&toy->network, toy->parameters, toy->user, toy->item, ROWS, toy->tape, toy->odds);
    for (int r = 0; r < ROWS; r++)
        sum += (double)(toy->wanted[r] * sin(toy->odds[r]));
    return sum;
}

static void Fill(const NeumfNetwork *network, Random *random, Real *parameters)
{
    for (int m = 0; m < network->pack.count; m++)
        for (uint32_t r = 0; r < network->pack.matrix[m].rows; r++)
            for (uint32_t c = 0; c < network->pack.matrix[m].columns; c++)
                parameters[network->pack.matrix[m].first + r * network->pack.matrix[m].stride + c] =
                    (Real)(0.5 * RandomNormal(random));
}

static void ToyOpen(Toy *toy, const NeumfShape *shape)
{
    Random random = TestStream(1201);
    size_t columns = NeumfColumns(shape);

    NeumfNetworkOf(shape, &toy->network);
    toy->parameters = ZeroMatrix(1, toy->network.pack.floats);
    Fill(&toy->network, &random, toy->parameters);
    toy->user = RandomMatrix(&random, ROWS, columns, 1);
    toy->item = RandomMatrix(&random, ROWS, columns, 1);
    toy->tape = ZeroMatrix(1, NeumfTape(&toy->network, ROWS));
    for (int r = 0; r < ROWS; r++)
        toy->wanted[r] = (Real)RandomNormal(&random);
}

static bool PackIsRight(Toy *toy, const Real *gradient)
{
    bool right = true;

    for (int m = 0; m < toy->network.pack.count; m++) {
        const PackedMatrix *matrix = &toy->network.pack.matrix[m];

        right &= GradientIsRight(Loss, toy, toy->parameters + matrix->first,
                                 gradient + matrix->first, matrix->rows, matrix->columns);
    }
    return right;
}

static void CheckGradients(NeumfShape shape)
{
    Toy *toy = calloc(1, sizeof(*toy));
    size_t columns = NeumfColumns(&shape);
    Real *duser = ZeroMatrix(ROWS, columns), *ditem = ZeroMatrix(ROWS, columns), *gradient, g[ROWS];

    ToyOpen(toy, &shape);
    gradient = ZeroMatrix(1, toy->network.pack.floats);
    Loss(toy);
    for (int r = 0; r < ROWS; r++)
        g[r] = toy->wanted[r] * cos(toy->odds[r]);
    NeumfBackward(&toy->network, toy->parameters, toy->user, toy->item, ROWS, toy->tape, g, duser,
                  ditem, gradient);
    CHECK(GradientIsRight(Loss, toy, toy->user, duser, ROWS, columns) &&
              GradientIsRight(Loss, toy, toy->item, ditem, ROWS, columns),
          "%u factors, width %u, %d layers: gradients of rows", shape.factors, shape.width,
          shape.layers);
    CHECK(PackIsRight(toy, gradient), "and of the network");
    free(toy);
}

void TestNeumfGradients(void)
{
    CheckGradients((NeumfShape){5, 8, 3});
    CheckGradients((NeumfShape){1, 1, 1});
    CheckGradients((NeumfShape){20, 17, 2});
}
