/*
 * networks.c: how long the networks of neumf and sasrec take, forward and back, for their
 * operations.
 *
 *   networks SECONDS
 *
 * Slices as training has them, of the default sizes and random numbers, in processor time.  A
 * product of m x k by k x n counts 2 m n k operations forward and twice as many back; nothing else
 * counts.  Beside them the products of the first layer of each network alone, and a large product.
 */
#include <time.h>

#include "algo/net/matrix.h"
#include "algo/neumf/neumf.h"
#include "algo/sasrec/sasrec.h"
#include "core/blas.h"
#include "program.h"

#define CPU        ((double)clock() / CLOCKS_PER_SEC)
#define NEUMF_ROWS 64
#define PIECES     2 /* of histories, in a slice */

static double seconds;

static float *Numbers(size_t count)
{
    float *numbers = HostAllocate(&host, count, sizeof(float));
    Random random;

    RandomSeed(&random, 1, RANDOM_BATCH, count, 0);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)(0.1 * RandomNormal(&random));
    return numbers;
}

typedef void (*Run)(void *arg);

static double SecondsOf(Run run, void *arg)
{
    double start, done = 0;

    run(arg);
    for (start = CPU; CPU - start < seconds; done++)
        run(arg);
    return (CPU - start) / done;
}

/* `back`: its time without that of `forward`, which it begins with. */
static void Tell(const char *name, uint32_t rows, double operations, Run forward, Run back,
                 void *arg)
{
    double ahead = SecondsOf(forward, arg), both = SecondsOf(back, arg);

    printf("%-28s %8.0f ns a row, %6.1f Gflop/s\n", name, ahead / rows * 1e9,
           operations * rows / ahead / 1e9);
    printf("%-28s %8.0f ns a row, %6.1f Gflop/s\n", "  and back", (both - ahead) / rows * 1e9,
           2 * operations * rows / (both - ahead) / 1e9);
}

/* --- products alone */

typedef struct Product {
    size_t m, n, k;
    float *a, *b, *out;
} Product;

static void Multiply(void *arg)
{
    Product *p = arg;

    MatrixProduct((Matrix){p->a, p->k}, (Matrix){p->b, p->n}, p->m, p->n, p->k, PRODUCT_IS, p->out,
                  p->n);
}

static void TellProduct(size_t m, size_t n, size_t k)
{
    Product p = {m, n, k, Numbers(m * k), Numbers(k * n), Numbers(m * n)};
    char name[64];

    snprintf(name, sizeof(name), "product %zu x %zu by %zu x %zu", m, k, k, n);
    printf("%-41s %13.1f Gflop/s\n", name, 2 * (double)(m * n * k) / SecondsOf(Multiply, &p) / 1e9);
}

/* --- neumf */

typedef struct Neumf {
    NeumfNetwork network;
    float *parameters, *user, *item, *tape, *odds, *duser, *ditem, *gradient;
} Neumf;

static void NeumfAhead(void *arg)
{
    Neumf *n = arg;

    NeumfForward(&n->network, n->parameters, n->user, n->item, NEUMF_ROWS, n->tape, n->odds);
}

static void NeumfBoth(void *arg)
{
    Neumf *n = arg;

    NeumfAhead(arg);
    NeumfBackward(&n->network, n->parameters, n->user, n->item, NEUMF_ROWS, n->tape, n->odds,
                  n->duser, n->ditem, n->gradient);
}

static void TellNeumf(void)
{
    NeumfOptions *options = (NeumfOptions *)ReadOptions(AlgorithmFind("neumf"), (char *[]){NULL});
    NeumfShape shape = NeumfShapeOf(options);
    size_t floats = NEUMF_ROWS * Pitch(NeumfColumns(&shape));
    double operations = 3 * shape.factors;
    Neumf n;

    NeumfNetworkOf(&shape, &n.network);
    n.parameters = Numbers(n.network.pack.floats);
    n.user = Numbers(floats);
    n.item = Numbers(floats);
    n.duser = Numbers(floats);
    n.ditem = Numbers(floats);
    n.tape = Numbers(NeumfTape(&n.network, NEUMF_ROWS));
    n.odds = Numbers(NEUMF_ROWS);
    n.gradient = Numbers(n.network.pack.floats);
    for (int l = 0; l < n.network.tower.layers; l++)
        operations += 2.0 * (double)(n.network.tower.layer[l].in * n.network.tower.layer[l].out);
    Tell("neumf", NEUMF_ROWS, operations, NeumfAhead, NeumfBoth, &n);
    TellProduct(NEUMF_ROWS, n.network.tower.layer[0].out, n.network.tower.layer[0].in);
}

/* --- sasrec */

typedef struct Sasrec {
    Transformer encoder;
    Sequences sequences;
    double dropout;
    float *parameters, *x, *in, *out, *memory, *dx, *gradient;
    size_t floats;
    TransformerTape tape;
} Sasrec;

static void SasrecAhead(void *arg)
{
    Sasrec *s = arg;
    Random random;

    RandomSeed(&random, 1, RANDOM_EVENT, 0, 0);
    memcpy(s->x, s->in, s->floats * sizeof(float));
    TransformerForward(&s->encoder, s->parameters, &s->sequences,
                       (TransformerDropout){s->dropout, &random}, s->x, s->memory, &s->tape,
                       s->out);
}

static void SasrecBoth(void *arg)
{
    Sasrec *s = arg;

    SasrecAhead(arg);
    TransformerBackward(&s->encoder, s->parameters, &s->sequences, &s->tape, s->out, s->dx,
                        s->gradient);
}

static void TellSasrec(void)
{
    SasrecOptions *o = (SasrecOptions *)ReadOptions(AlgorithmFind("sasrec"), (char *[]){NULL});
    Pack pack = {0};
    Sasrec s = {.encoder = SasrecEncoder(o, &pack), .dropout = o->dropout};
    uint32_t length = (uint32_t)o->length, first[PIECES + 1] = {0};
    double d = (double)o->factors;

    for (uint32_t p = 0; p < PIECES; p++)
        first[p + 1] = first[p] + length;
    s.sequences = (Sequences){PIECES, first, NULL};
    s.floats = PIECES * length * Pitch((size_t)o->factors);
    s.parameters = Numbers(pack.floats);
    s.gradient = Numbers(pack.floats);
    s.x = Numbers(s.floats);
    s.in = Numbers(s.floats);
    s.out = Numbers(s.floats);
    s.dx = Numbers(s.floats);
    s.memory =
        Numbers(TransformerReals(&s.encoder.shape, PIECES * length,
                                 TransformerAttention(&s.encoder.shape, &s.sequences), length));
    Tell("sasrec", PIECES * length, 2 * (double)o->blocks * (5 * d * d + length * d), SasrecAhead,
         SasrecBoth, &s);
    TellProduct(PIECES * length, (size_t)o->factors, (size_t)o->factors);
}

int main(int argc, char **argv)
{
    seconds = argc > 1 ? atof(argv[1]) : 1;
    BlasLoad(1);
    TellNeumf();
    TellSasrec();
    TellProduct(512, 512, 512);
    return 0;
}
