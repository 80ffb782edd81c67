/*
 * softmax.c: arithmetic of the algorithm softmax against OpenBLAS.
 *
 *   softmax USERS ITEMS EPOCHS
 *
 * Made-up interactions, 25 a user, 128 factors.  A pair's three products with the negatives are
 * counted, and nothing else; both sides in processor time, so that a shared machine does not
 * matter.  What a second thread can gain on the machine is told by the products alone, by two
 * threads that share nothing.
 */
#include <time.h>

#include "algo/softmax/softmax.h"
#include "core/blas.h"
#include "core/pool.h"
#include "core/products.h"
#include "program.h"

#define PER_USER 25
#define SLICE    64
#define ROUNDS   200 /* batches */
#define CPU      ((double)clock() / CLOCKS_PER_SEC)

static double Products(const SoftmaxOptions *o)
{
    return 6.0 * (double)o->negatives * (double)o->factors;
}

typedef struct Matrices {
    size_t n, d, b;
    float *p, *x, *w, *g;
} Matrices;

static Matrices MakeMatrices(const SoftmaxOptions *o)
{
    size_t n = (size_t)o->negatives, d = (size_t)o->factors, b = (size_t)o->batch_size;

    return (Matrices){n,
                      d,
                      b,
                      HostAllocateZero(&host, b * d, sizeof(float)),
                      HostAllocateZero(&host, n * d, sizeof(float)),
                      HostAllocateZero(&host, b * n, sizeof(float)),
                      HostAllocateZero(&host, (b > n ? b : n) * d, sizeof(float))};
}

/* The products of a batch, slice by slice. */
static void Multiply(const Matrices *m)
{
    for (size_t r = 0; r + SLICE <= m->b; r += SLICE)
        MultiplyTransposed(m->p + r * m->d, m->x, SLICE, m->n, m->d, m->w + r * m->n);
    for (size_t r = 0; r + SLICE <= m->b; r += SLICE)
        MultiplyRows(m->w + r * m->n, m->x, SLICE, m->d, m->n, m->g + r * m->d);
    for (size_t i = 0; i + SLICE <= m->n; i += SLICE)
        MultiplyColumns(m->w + i, m->n, m->p, SLICE, m->d, m->b, m->g + i * m->d);
}

/* Operations per second. */
static double Reference(const SoftmaxOptions *o, double seconds)
{
    Matrices m = MakeMatrices(o);
    double start = CPU, done = 0;

    for (; CPU - start < seconds; done += Products(o) * (double)m.b)
        Multiply(&m);
    return done / (CPU - start);
}

static void MultiplyTask(void *arg, int task, int worker)
{
    (void)worker;
    for (int i = 0; i < ROUNDS; i++)
        Multiply((const Matrices *)arg + task);
}

/* How many times as many products two threads do in a second as one. */
static double ReferenceOfTwo(const SoftmaxOptions *o)
{
    Matrices of[2] = {MakeMatrices(o), MakeMatrices(o)};
    double start = HostClock(), one, two;

    MultiplyTask(of, 0, 0);
    one = HostClock() - start;
    host.pool = PoolCreate(&host, 2);
    start = HostClock();
    PoolRun(&host, MultiplyTask, of, 2);
    two = HostClock() - start;
    PoolDestroy(host.pool);
    host.pool = NULL;
    return 2 * one / two;
}

static Interactions MakeUp(uint32_t users, uint32_t items)
{
    Pairs pairs = {.count = (uint64_t)users * PER_USER};
    Interactions data = {0};
    Random random;

    pairs.user = HostAllocate(&host, pairs.count, sizeof(uint32_t));
    pairs.item = HostAllocate(&host, pairs.count, sizeof(uint32_t));
    RandomSeed(&random, 1, RANDOM_BATCH, 0, 0);
    for (uint64_t i = 0; i < pairs.count; i++) {
        pairs.user[i] = (uint32_t)(i / PER_USER);
        pairs.item[i] = (uint32_t)(RandomUniform(&random) * RandomUniform(&random) * items);
    }
    InteractionsBuild(&host, &pairs, users, items, &data);
    return data;
}

typedef struct Times {
    double cpu, wall;
} Times;

static Times TrainOn(const Interactions *data, const SoftmaxOptions *o, int threads)
{
    const Algorithm *algorithm = AlgorithmFind("softmax");
    TrainReport report = {0};
    Times start, end;
    Model model;

    host.pool = threads > 1 ? PoolCreate(&host, threads) : NULL;
    ModelLayout(&model, algorithm, o, data->users, data->items);
    ModelAllocate(&host, &model);
    start = (Times){CPU, HostClock()};
    algorithm->train(&host, data, &model, &report);
    end = (Times){CPU, HostClock()};
    if (threads > 1)
        PoolDestroy(host.pool);
    host.pool = NULL;
    return (Times){end.cpu - start.cpu, end.wall - start.wall};
}

int main(int argc, char **argv)
{
    char epochs[32];
    char *settings[] = {epochs, "temperature=0.1", NULL};
    const SoftmaxOptions *o;
    Interactions data;
    Times one, two;
    double peak, rate;

    if (argc != 4)
        return 2;
    snprintf(epochs, sizeof(epochs), "epochs=%s", argv[3]);
    o = (const SoftmaxOptions *)ReadOptions(AlgorithmFind("softmax"), settings);
    data = MakeUp((uint32_t)atoi(argv[1]), (uint32_t)atoi(argv[2]));
    printf("OpenBLAS: %s\n", BlasLoad(2) ? "yes" : "no, plain kernels");
    peak = Reference(o, 1);
    one = TrainOn(&data, o, 1);
    two = TrainOn(&data, o, 2);
    rate = Products(o) * (double)data.count * (double)o->epochs / one.cpu;
    printf("products alone: %.1f Gflop/s; training: %.1f Gflop/s, a share of %.2f\n", peak / 1e9,
           rate / 1e9, rate / peak);
    printf("seconds: one thread %.2f, two %.2f, ratio %.2f (processor time %.2f and %.2f); "
           "products alone: ratio %.2f\n",
           one.wall, two.wall, one.wall / two.wall, one.cpu, two.cpu, ReferenceOfTwo(o));
    return 0;
}
