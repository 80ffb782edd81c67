/*
 * test_memory.c: the kernels of the memory in double precision: vectors of known numbers, and
 * gradients against finite differences.
 */
#include <stdio.h>

#define REAL double
#include "algo/nmrn/memory_step.h"
#include "algo/nmrn/numbers.h"

#define VECTOR(name) name
#define VECTOR_WIDTH 4
#include "core/vector_primitives.h"
#include "algo/nmrn/memory_kernels.h"

#include "check.h"
#include "core/random.h"
#include "tests.h"

#define ALIGNED    __attribute__((aligned(64)))
#define LANES      16
#define MAX_EVENTS 6
#define MAX_BANKS  3
#define MAX_SLOTS  5
#define MAX_RECENT 2
#define MAX_ROWS   (MAX_SLOTS + MAX_RECENT)
#define USERS      3
#define ITEMS      5
#define FACTORS    5 /* not a whole vector: padding must stay zero */
#define HEAD       ((size_t)HEAD_ROWS * LANES)
#define GATE       ((2 * FACTORS + 2) * LANES)

/* All parameters of a small model; stride 16. */
typedef struct Toy {
    double user[USERS * LANES] ALIGNED;
    double item[ITEMS * LANES] ALIGNED;
    double bias[ITEMS];
    double key[MAX_SLOTS * LANES] ALIGNED;
    double start[MAX_ROWS * LANES] ALIGNED; /* of slots, and of the last items' rows */
    double recent[MAX_RECENT * LANES] ALIGNED;
    double gate[GATE] ALIGNED;
    double head[HEAD] ALIGNED;
} Toy;

typedef struct ToyEvent {
    int user, item, negative;
    double weight;
} ToyEvent;

typedef struct ToyRun {
    MemoryShape shape;
    bool shared;
    bool linear; /* the loss is weight * (point . target), and its gradient given from outside */
    double margin;
    int events;
    ToyEvent event[MAX_EVENTS];
    double loss;                                        /* of the last run */
    double memory[MAX_BANKS][MAX_ROWS * LANES] ALIGNED; /* after the last run */
    double point_gradient[MAX_EVENTS][LANES] ALIGNED;
    double tape[MAX_EVENTS][1024] ALIGNED;
} ToyRun;

/* support.h would bring in the structures once more, in single precision. */
static Random Stream(uint64_t number)
{
    Random random;

    RandomSeed(&random, 0x7e57, RANDOM_ROBUSTNESS, number, 0);
    return random;
}

static double scratch[1024] ALIGNED;
static const double target[LANES] ALIGNED = {0.7, -1.1, 0.4, 0.9, -0.6};
static double previous[MAX_SLOTS] = {0.5, 0.2, 0.1, 0.15, 0.05};

static Net NetOf(const ToyRun *run, const Toy *toy)
{
    return (Net){run->shape, toy->key, toy->gate, toy->head, toy->recent, scratch};
}

static Step StepOf(ToyRun *run, const Toy *toy, int i, bool active)
{
    const ToyEvent *e = &run->event[i];

    return (Step){.user = toy->user + e->user * LANES,
                  .item = toy->item + e->item * LANES,
                  .negative = toy->item + e->negative * LANES,
                  .previous = previous,
                  .weight = active ? e->weight : 0,
                  .tape = run->tape[i]};
}

static double Hinge(const ToyRun *run, const Toy *toy, const Step *step, const ToyEvent *e)
{
    const double *point = TapePoint(&run->shape, step->tape);
    double hinge = run->margin + Distance(point, step->item, LANES) - toy->bias[e->item] -
                   Distance(point, step->negative, LANES) + toy->bias[e->negative];

    return hinge > 0 ? hinge : 0;
}

/* What the step adds to the loss. */
static double LossOf(const ToyRun *run, const Toy *toy, const Step *step, const ToyEvent *e)
{
    if (run->linear)
        return step->weight * Dot(TapePoint(&run->shape, step->tape), target, LANES);
    return step->weight * Hinge(run, toy, step, e);
}

static double Forward(ToyRun *run, const Toy *toy)
{
    Net net = NetOf(run, toy);

    run->loss = 0;
    for (int b = 0; b < MAX_BANKS; b++)
        memcpy(run->memory[b], toy->start, sizeof(toy->start));
    for (int i = 0; i < run->events; i++) {
        Step step = StepOf(run, toy, i, true);
        double *bank = run->memory[run->shared ? 0 : run->event[i].user];

        Read(&net, &step, bank);
        run->loss += LossOf(run, toy, &step, &run->event[i]);
        Write(&net, &step, bank, true);
    }
    return run->loss;
}

/* Gradients of the loss of the last Forward(). */
static void BackwardAll(ToyRun *run, const Toy *toy, Toy *gradient)
{
    static double rows[ITEMS][2 * LANES] ALIGNED;
    static double G[MAX_BANKS][MAX_ROWS * LANES] ALIGNED;
    NetGradient shared = {gradient->key, gradient->gate, gradient->head, gradient->recent};
    bool touched[MAX_BANKS] = {false};
    Net net = NetOf(run, toy);

    memset(gradient, 0, sizeof(*gradient));
    memset(rows, 0, sizeof(rows));
    memset(G, 0, sizeof(G));
    for (int i = run->events; i-- > 0;) {
        const ToyEvent *e = &run->event[i];
        int bank = run->shared ? 0 : e->user;
        Step step = StepOf(run, toy, i, true);

        if (run->linear)
            step.point_gradient = run->point_gradient[i];
        else if (Hinge(run, toy, &step, e) == 0)
            step.weight = 0;
        for (int k = 0; k < LANES; k++)
            run->point_gradient[i][k] = step.weight * target[k];
        step.user_gradient = gradient->user + e->user * LANES;
        step.item_gradient = rows[e->item];
        step.negative_gradient = rows[e->negative];
        Back(&net, &step, G[bank], touched[bank], &shared);
        touched[bank] |= step.weight > 0;
    }
    for (int i = 0; i < ITEMS; i++) {
        memcpy(gradient->item + i * LANES, rows[i], LANES * sizeof(double));
        gradient->bias[i] = rows[i][LANES];
    }
    for (int b = 0; b < MAX_BANKS; b++)
        for (int k = 0; k < MAX_ROWS * LANES; k++)
            gradient->start[k] += G[b][k];
}

/* --- finite differences */

static void Fill(double *rows, int count, int columns, double scale, Random *random)
{
    for (int r = 0; r < count; r++)
        for (int k = 0; k < columns; k++)
            rows[r * LANES + k] = scale * RandomNormal(random);
}

static void FillToy(Toy *toy, uint64_t stream)
{
    Random random = Stream(stream);

    memset(toy, 0, sizeof(*toy));
    Fill(toy->user, USERS, FACTORS, 0.5, &random);
    Fill(toy->item, ITEMS, FACTORS, 0.5, &random);
    Fill(toy->key, MAX_SLOTS, FACTORS, 0.7, &random);
    Fill(toy->start, MAX_ROWS, FACTORS, 0.5, &random);
    Fill(toy->gate, 2 * FACTORS + 2, FACTORS, 0.4, &random);
    Fill(toy->head, HEAD_BIAS, FACTORS, 0.4, &random);
    Fill(toy->recent, MAX_RECENT, FACTORS, 0.5, &random);
    for (int i = 0; i < HEAD_BIAS; i++)
        toy->head[HEAD_BIAS * LANES + i] = 0.3 * RandomNormal(&random);
    for (int i = 0; i < ITEMS; i++)
        toy->bias[i] = 0.2 * RandomNormal(&random);
}

static double At(ToyRun *run, Toy *toy, double *value, double where)
{
    double was = *value, loss;

    *value = where;
    loss = Forward(run, toy);
    *value = was;
    return loss;
}

/* Four points: the step can be so large that rounding does not show. */
static double Slope(ToyRun *run, Toy *toy, double *value)
{
    const double h = 1e-4, x = *value;

    return (8 * (At(run, toy, value, x + h) - At(run, toy, value, x - h)) -
            (At(run, toy, value, x + 2 * h) - At(run, toy, value, x - 2 * h))) /
           (12 * h);
}

/* Largest relative error over one group of parameters. */
static double GroupError(ToyRun *run, Toy *toy, size_t offset, size_t count, const Toy *gradient)
{
    double *values = (double *)((char *)toy + offset), worst = 0;
    const double *g = (const double *)((const char *)gradient + offset);

    for (size_t k = 0; k < count; k++) {
        double slope;

        if (values[k] == 0 && g[k] == 0)
            continue; /* padding */
        slope = Slope(run, toy, &values[k]);
        worst = fmax(worst, fabs(slope - g[k]) / (fabs(slope) + fabs(g[k]) + 1e-6));
    }
    return worst;
}

static double Size(const double *values, size_t count)
{
    double sum = 0;

    for (size_t k = 0; k < count; k++)
        sum += values[k] * values[k];
    return sqrt(sum);
}

static void CheckGroups(ToyRun *run, Toy *toy, const char *what)
{
    static const struct {
        const char *name;
        size_t offset, count;
    } groups[] = {
        {"users", offsetof(Toy, user), USERS * LANES},
        {"items", offsetof(Toy, item), ITEMS * LANES},
        {"biases", offsetof(Toy, bias), ITEMS},
        {"keys", offsetof(Toy, key), MAX_SLOTS * LANES},
        {"start", offsetof(Toy, start), MAX_ROWS * LANES},
        {"gates", offsetof(Toy, gate), GATE},
        {"heads", offsetof(Toy, head), HEAD},
        {"weights of the last items", offsetof(Toy, recent), MAX_RECENT * LANES},
    };
    static Toy gradient;

    Forward(run, toy);
    BackwardAll(run, toy, &gradient);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        const double *g = (const double *)((char *)&gradient + groups[i].offset);
        double size = Size(g, groups[i].count);
        double error = GroupError(run, toy, groups[i].offset, groups[i].count, &gradient);
        bool keys = i == 3 && run->shape.slots > 1, heads = i == 6 && run->shape.slots > 1;

        CHECK(error < 1e-4, "%s: gradient of %s (norm %.3g), error %.1e", what, groups[i].name,
              size, error);
        if (i < 3 || i == 4 || i == 5 || keys || (heads && run->shape.addressing))
            CHECK(size > 1e-6 || (i == 2 && run->linear), "%s: %s have a gradient", what,
                  groups[i].name);
        if (i == 7 && run->shape.recent > 0)
            CHECK(size > 1e-6, "%s: %s have a gradient", what, groups[i].name);
    }
}

/* Three users in one micro-batch, users and items again and again, one item in both roles. */
static ToyRun RunOf(Addressing addressing, WriteForm write, uint32_t slots, uint32_t hops,
                    bool shared)
{
    static const ToyEvent events[] = {{0, 0, 1, 1},   {1, 2, 3, 1.5}, {0, 1, 2, 0.7},
                                      {2, 4, 0, 1.2}, {0, 3, 4, 1},   {1, 0, 4, 2}};
    ToyRun run = {.shape = {.factors = FACTORS,
                            .stride = LANES,
                            .slots = slots,
                            .hops = hops,
                            .addressing = addressing,
                            .write = write,
                            .beta = 2,
                            .query_weight = 0.5},
                  .shared = shared,
                  .margin = 3,
                  .events = MAX_EVENTS};

    memcpy(run.event, events, sizeof(events));
    return run;
}

static void CheckGradients(void)
{
    static const char *const names[] = {"euclidean", "content", "ntm"};
    static ToyRun run;
    static Toy toy;
    char what[128];

    for (int addressing = 0; addressing < 3; addressing++)
        for (int write = 0; write < 2; write++)
            for (uint32_t hops = 1; hops <= 2; hops++)
                for (int shared = 0; shared < 2; shared++) {
                    run = RunOf((Addressing)addressing, (WriteForm)write, MAX_SLOTS, hops, shared);
                    FillToy(&toy, 600 + (uint64_t)addressing);
                    snprintf(what, sizeof(what), "%s, %s, %u hops, %s", names[addressing],
                             write == WRITE_CONVEX ? "convex" : "erase_add", hops,
                             shared ? "shared" : "user");
                    CheckGroups(&run, &toy, what);
                }
    run = RunOf(ADDRESS_EUCLIDEAN, WRITE_CONVEX, 1, 1, false);
    FillToy(&toy, 610);
    CheckGroups(&run, &toy, "one slot per user");
    for (uint32_t recent = 0; recent <= MAX_RECENT; recent++)
        for (int linear = 0; linear < 2; linear++) {
            run = RunOf(ADDRESS_EUCLIDEAN, WRITE_CONVEX, 3, 1, false);
            run.shape.recent = recent;
            run.linear = linear;
            FillToy(&toy, 612);
            snprintf(what, sizeof(what), "%u last items, %s", recent,
                     linear ? "the point's gradient given" : "hinge");
            CheckGroups(&run, &toy, what);
        }
}

/* With a micro-batch of one event nobody reads what it wrote. */
static void CheckBatchOfOne(void)
{
    static ToyRun run;
    static Toy toy, gradient;

    run = RunOf(ADDRESS_EUCLIDEAN, WRITE_ERASE_ADD, 3, 1, true);
    run.events = 1;
    FillToy(&toy, 611);
    Forward(&run, &toy);
    BackwardAll(&run, &toy, &gradient);
    CHECK(run.loss > 0 && Size(gradient.gate, GATE) == 0 && Size(gradient.item, ITEMS * LANES) > 0,
          "a micro-batch of one event: gates have no gradient");
}

/* --- known numbers */

static bool Close(const double *a, const double *b, int n, double tolerance)
{
    bool close = true;

    for (int i = 0; i < n; i++)
        close &= fabs(a[i] - b[i]) <= tolerance;
    return close;
}

/* Rows of two numbers into padded ones. */
static void Pack(double *rows, const double *values, int count)
{
    for (int r = 0; r < count; r++) {
        rows[r * LANES] = values[2 * r];
        rows[r * LANES + 1] = values[2 * r + 1];
    }
}

static bool Packed(const double *rows, const double *values, int count)
{
    bool close = true;

    for (int r = 0; r < count; r++)
        close &= Close(rows + r * LANES, values + 2 * r, 2, 1.5e-8);
    return close;
}

/* Weights are stored by input: the transpose of what the formula says. */
static void PackTwoEvents(Toy *toy)
{
    memset(toy, 0, sizeof(*toy));
    Pack(toy->user, (double[]){.3, -.2, .1, .4}, 2);
    Pack(toy->item, (double[]){.5, .1, -.4, .2, .2, -.6}, 3);
    Pack(toy->key, (double[]){.1, 0, -.3, .5}, 2);
    Pack(toy->start, (double[]){.2, .4, -.1, .3}, 2);
    Pack(toy->gate, (double[]){.5, .2, -.3, .1, 0, .1}, 3);
    Pack(toy->gate + 3 * LANES, (double[]){.4, -.1, .2, .3, .05, -.05}, 3);
}

static void CheckTwoEvents(void)
{
    static ToyRun run;
    static Toy toy, g;
    const MemoryShape *s = &run.shape;

    run = (ToyRun){.shape = {2, 16, 2, 1, ADDRESS_EUCLIDEAN, WRITE_ERASE_ADD, 1, 0, 0},
                   .shared = true,
                   .margin = 0.5,
                   .events = 2,
                   .event = {{0, 0, 1, 1}, {1, 2, 1, 2}}};
    PackTwoEvents(&toy);
    Forward(&run, &toy);
    CHECK(fabs(run.loss - 1.97817617) < 1.5e-8, "two events: loss %.8f", run.loss);
    CHECK(Close(HopAt(s, run.tape[0], 0).content, (double[]){-.28284271, -.92195445}, 2, 1e-8) &&
              Close(HopAt(s, run.tape[0], 0).weight, (double[]){.65455264, .34544736}, 2, 1e-8) &&
              Close(TapePoint(s, run.tape[0]), (double[]){.09636579, .36545526}, 2, 1e-8) &&
              Close(TapeErase(s, run.tape[0]), (double[]){.55477924, .55230791}, 2, 1e-8) &&
              Close(TapeAdd(s, run.tape[0]), (double[]){.26362484, -.06988589}, 2, 1e-8),
          "two events: the first event's weights, point and gates");
    CHECK(Packed(TapeMemory(s, run.tape[1]), (double[]){.29992989, .20965017, .01023321, .21862011},
                 2) &&
              Close(HopAt(s, run.tape[1], 0).weight, (double[]){.5030776, .4969224}, 2, 1e-8) &&
              Packed(run.memory[0], (double[]){.2190228, .03159364, .01230606, .04042434}, 2),
          "two events: memory after the first and the second");
    BackwardAll(&run, &toy, &g);
    CHECK(
        Packed(g.user, (double[]){.00504923, .00467574, -.1522953, .19505623}, 2) &&
            Packed(g.item,
                   (double[]){.34059087, -.47128623, 2.94803974, .36696041, .10800205, -1.99708176},
                   3) &&
            Packed(g.key, (double[]){-.06339905, -.09358335, .21064512, -.10614862}, 2) &&
            Packed(g.start, (double[]){-1.84303066, .77785907, -1.46284558, .86322897}, 2),
        "two events: gradients of users, items, keys and the first memory");
    CHECK(Packed(g.gate,
                 (double[]){.01267251, -.04408707, .0025345, -.00881741, .02534501, -.08817413},
                 3) &&
              Packed(g.gate + 3 * LANES,
                     (double[]){-.491158, .48513203, -.0982316, .09702641, -.982316, .97026406}, 3),
          "two events: gradients of the gates");
}

/* The worked example of the Neural Turing Machine: a shift centred on +1. */
static void CheckShift(void)
{
    const double gated[5] = {.06, .1, .65, .15, .04}, shift[3] = {.1, .8, .1};
    double shifted[5], sharp[5];

    CircularShift(gated, 5, shift, 0, 3, shifted);
    CHECK(Close(shifted, (double[]){.053, .062, .151, .545, .189}, 5, 1e-12),
          "circular shift: the worked example");
    Sharpen(shifted, 5, 2, sharp);
    CHECK(Close(sharp, (double[]){.00775538, .01061292, .06295141, .82005798, .09862231}, 5, 1e-8),
          "sharpening: the worked example");
    CircularShift(gated, 5, (double[]){0, 1, 0}, -1, 3, shifted);
    Sharpen(gated, 5, 1, sharp);
    CHECK(Close(shifted, gated, 5, 0) && Close(sharp, gated, 5, 1e-12),
          "no shift and power 1 change nothing");
}

/* --- what must hold of all */

static double Sum(const double *values, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

static void CheckWeights(void)
{
    static ToyRun run;
    static Toy toy;
    bool one = true, positive = true;

    for (int addressing = 0; addressing < 3; addressing++) {
        run = RunOf((Addressing)addressing, WRITE_CONVEX, MAX_SLOTS, 2, true);
        FillToy(&toy, 620);
        Forward(&run, &toy);
        for (int i = 0; i < run.events; i++)
            for (uint32_t h = 0; h < 2; h++) {
                const double *w = HopAt(&run.shape, run.tape[i], h).weight;

                one &= fabs(Sum(w, MAX_SLOTS) - 1) < 1e-12;
                for (int k = 0; k < MAX_SLOTS; k++)
                    positive &= w[k] >= 0;
            }
    }
    CHECK(one && positive, "weights are not negative and sum to 1, whatever the addressing");
}

static void WriteOnce(MemoryShape shape, const double *weight, double erase, double add,
                      double *memory)
{
    static double tape[1024] ALIGNED;
    Net net = {.shape = shape};
    Step step = {.tape = tape};

    memcpy(HopAt(&shape, tape, 0).weight, weight, shape.slots * sizeof(double));
    for (uint32_t k = 0; k < shape.stride; k++) {
        TapeErase(&shape, tape)[k] = erase;
        TapeAdd(&shape, tape)[k] = add;
    }
    StepWrite(&net, &step, memory, false);
}

static void CheckWriting(void)
{
    MemoryShape shape = {16, 16, 3, 1, ADDRESS_EUCLIDEAN, WRITE_ERASE_ADD, 1, 0, 0};
    double start[3 * LANES] ALIGNED, a[3 * LANES] ALIGNED;
    double b[3 * LANES] ALIGNED;
    const double second[3] = {0, 1, 0}, x[3] = {.2, .5, .3}, y[3] = {.6, .1, .3};
    Random random = Stream(621);
    bool zero = true, rest;

    Fill(start, 3, LANES, 1, &random);
    memcpy(a, start, sizeof(a));
    WriteOnce(shape, second, 1, 0, a);
    for (int k = 0; k < LANES; k++)
        zero &= a[LANES + k] == 0;
    rest = memcmp(a, start, LANES * 8) == 0 && memcmp(a + 32, start + 32, LANES * 8) == 0;
    CHECK(zero && rest, "erasing one slot zeroes it and no other");
    memcpy(a, start, sizeof(a));
    WriteOnce(shape, x, 0, 0, a);
    CHECK(memcmp(a, start, sizeof(a)) == 0, "nothing erased, nothing added: nothing changes");
    memcpy(a, start, sizeof(a));
    memcpy(b, start, sizeof(b));
    WriteOnce(shape, x, .5, 0, a);
    WriteOnce(shape, y, .8, 0, a);
    WriteOnce(shape, y, .8, 0, b);
    WriteOnce(shape, x, .5, 0, b);
    CHECK(Close(a, b, 3 * LANES, 1e-12), "erasures commute");
    WriteOnce(shape, x, .5, 1, a);
    WriteOnce(shape, y, .8, -1, a);
    WriteOnce(shape, y, .8, -1, b);
    WriteOnce(shape, x, .5, 1, b);
    CHECK(!Close(a, b, 3 * LANES, 1e-3), "writes do not");
}

/* A memory keeps the last rows that were written, newest first. */
static void CheckRecent(void)
{
    static ToyRun run;
    static Toy toy;
    const double *kept;

    run = RunOf(ADDRESS_EUCLIDEAN, WRITE_CONVEX, 1, 1, false);
    run.shape.recent = 2;
    FillToy(&toy, 623);
    Forward(&run, &toy);
    kept = run.memory[0] + LANES; /* the user had items 0, 1 and 3 */
    CHECK(memcmp(kept, toy.item + 3 * LANES, LANES * 8) == 0 &&
              memcmp(kept + LANES, toy.item + LANES, LANES * 8) == 0,
          "rows of the last two items, newest first");
    kept = run.memory[2] + LANES; /* item 4 alone, and what the memory started with */
    CHECK(memcmp(kept, toy.item + 4 * LANES, LANES * 8) == 0 &&
              memcmp(kept + LANES, toy.start + LANES, LANES * 8) == 0,
          "a user with one event keeps its row");
}

static void CheckHops(void)
{
    static ToyRun run;
    static Toy toy;
    double one;

    run = RunOf(ADDRESS_EUCLIDEAN, WRITE_CONVEX, MAX_SLOTS, 1, true);
    FillToy(&toy, 622);
    one = Forward(&run, &toy);
    memset(toy.start, 0, sizeof(toy.start));
    run.events = 1;
    one = Forward(&run, &toy);
    run.shape.hops = 2;
    CHECK(Forward(&run, &toy) == one, "an empty memory leads every hop to the same place");
}

/* Kernels of many rows, against the plain formula. */
static void CheckRows(void)
{
    enum { ROWS = 3, STRIDE = 2 * LANES };
    static double rows[ROWS * STRIDE] ALIGNED, point[STRIDE] ALIGNED;
    const double bias[ROWS] = {0.3, -0.2, 0};
    const uint32_t items[] = {2, 0, 1};
    double square[ROWS], score[ROWS], unbiased[ROWS], distance[ROWS];
    Random random = Stream(624);
    bool same = true;

    Fill(rows, 2 * ROWS, LANES, 1, &random);
    Fill(point, 2, LANES, 1, &random);
    Squares(rows, ROWS, STRIDE, square);
    Score(point, rows, bias, ROWS, STRIDE, score);
    Score(point, rows, NULL, ROWS, STRIDE, unbiased);
    Distances(point, rows, items, ROWS, STRIDE, distance);
    for (int i = 0; i < ROWS; i++) {
        const double *row = rows + items[i] * STRIDE;
        double apart[STRIDE];

        for (int k = 0; k < STRIDE; k++)
            apart[k] = point[k] - row[k];
        same &= fabs(sqrt(square[items[i]]) - Size(row, STRIDE)) < 1e-12;
        same &= fabs(distance[i] - Size(apart, STRIDE)) < 1e-12;
        same &= unbiased[items[i]] == -distance[i];
        same &= score[items[i]] == bias[items[i]] - distance[i];
    }
    CHECK(same, "norms, distances and scores of many rows");
}

void TestMemory(void)
{
    CheckTwoEvents();
    CheckShift();
    CheckGradients();
    CheckBatchOfOne();
    CheckWeights();
    CheckWriting();
    CheckHops();
    CheckRecent();
    CheckRows();
}
