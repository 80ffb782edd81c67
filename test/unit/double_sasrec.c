/* double_sasrec.c: the gradients of a batch against finite differences of its loss. */
#include "algo/sasrec/batch.h"
#include "core/pool.h"
#include "gradients.h"
#include "tests.h"

#define USERS   9
#define ITEMS   30
#define FACTORS 6
#define PITCH   16
#define LENGTH  5

/* A batch of all windows, and its parameters in double precision. */
typedef struct Toy {
    TestHost t;
    Interactions data;
    Events events;
    SasrecOptions options;
    Model model;
    Windows windows;
    SasrecBatch batch;
    Real *item, *network;
} Toy;

static Interactions ToyData(const Host *host, Events *events)
{
    Random random = TestStream(41);
    Pairs pairs = PairsCreate(host, USERS * 12, true);
    Interactions data;

    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t n = 0; n < 2 + u; n++)
            PairsAdd(&pairs, u, RandomBelow(&random, ITEMS), n);
    EventsBuild(host, &pairs, USERS, events);
    events->weight = HostAllocate(host, events->count, sizeof(float));
    for (uint64_t i = 0; i < events->count; i++)
        events->weight[i] = (float)(1 + i % 3);
    events->mean_weight = 2;
    InteractionsBuild(host, &pairs, USERS, ITEMS, &data);
    data.events = events;
    return data;
}

static Real *InDouble(const Part *part)
{
    Real *values = ZeroMatrix(1, PartFloats(part));

    for (size_t i = 0; i < PartFloats(part); i++)
        values[i] = (Real)part->data[i];
    return values;
}

/* Each number moved a little: gains of 1 and biases of 0 hide mistakes. */
static void FillParts(Toy *toy)
{
    Part *network = &toy->model.part[SASREC_NETWORK_PART];
    Part *item = &toy->model.part[SASREC_ITEM_PART];
    Random random = TestStream(42);
    Pack pack = {0};

    SasrecEncoder(&toy->options, &pack);
    for (int m = 0; m < pack.count; m++)
        for (uint32_t r = 0; r < pack.matrix[m].rows; r++)
            for (uint32_t c = 0; c < pack.matrix[m].columns; c++)
                network->data[pack.matrix[m].first + r * pack.matrix[m].stride + c] =
                    (float)(0.4 * RandomNormal(&random) + (r == 0));
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint32_t k = 0; k < FACTORS; k++)
            PartRow(item, i)[k] = (float)(0.5 * RandomNormal(&random));
    toy->network = InDouble(network);
    toy->item = InDouble(item);
}

static void ToyOpen(Toy *toy, const char *settings)
{
    const Host *host = &toy->t.host;
    const Algorithm *algorithm = AlgorithmFind("sasrec");
    Random random = TestStream(43);

    TestHostInit(&toy->t);
    toy->data = ToyData(host, &toy->events);
    InteractionsHoldOut(host, &toy->data, HOLDOUT_LAST, 0, 1);
    OptionsDefault(algorithm->options, &toy->options);
    SetOptions(algorithm, &toy->options, "factors=6 heads=2 length=5 batch_size=100 dropout=0");
    SetOptions(algorithm, &toy->options, settings);
    ModelLayout(&toy->model, algorithm, &toy->options, USERS, ITEMS);
    ModelAllocate(host, &toy->model);
    FillParts(toy);
    SasrecBatchCreate(host, &toy->model, &toy->batch);
    WindowsCreate(host, &toy->data, LENGTH, false, &toy->windows);
    WindowsTake(host, &toy->windows, false);
    WindowsCut(host, &toy->windows, &random);
    toy->batch.windows = toy->windows.count;
    memcpy(toy->batch.window, toy->windows.window, toy->windows.count * sizeof(Window));
    toy->batch.slice_rows = 3 * LENGTH; /* several slices */
    toy->batch.rule = (SasrecRule){
        .data = &toy->data,
        .item_sums =
            HostAllocateZero(host, PartFloats(&toy->model.part[SASREC_ITEM_PART]), sizeof(float)),
        .network_sums = HostAllocateZero(host, PartFloats(&toy->model.part[SASREC_NETWORK_PART]),
                                         sizeof(float)),
    };
}

static Real Product(const Real *out, const Real *row)
{
    Real sum = 0;

    for (int k = 0; k < FACTORS; k++)
        sum += out[k] * row[k];
    return sum;
}

/* Of the item that comes after row r of a window: what is held out does not count. */
static double WeightAfter(const Toy *toy, const Window *window, uint32_t r)
{
    uint64_t left = window->first - toy->windows.offset[window->user] + r + 1;
    uint64_t i = toy->events.offset[window->user];

    for (;; i++) {
        bool held = IsHeldOut(&toy->data, window->user, toy->events.item[i]);

        if (!held && left-- == 0)
            return (double)toy->events.weight[i] / 2;
    }
}

static double LossOfRow(const Toy *toy, uint32_t user, uint32_t row, const Real *out)
{
    const SasrecBatch *b = &toy->batch;
    Real own = Product(out, toy->item + b->target[row] * PITCH), sum = 0;

    for (uint32_t n = 0; n < b->negatives; n++)
        if (!TrainsOn(&toy->data, user, b->items.item[n]))
            sum += exp(Product(out, toy->item + b->items.item[n] * PITCH) - own);
    if (b->negatives > 0)
        return (double)log(1 + sum);
    return (double)(log(1 + exp(-own)) +
                    log(1 + exp(Product(out, toy->item + b->negative[row] * PITCH))));
}

/* The loss from its formulas: windows one by one. */
static double BatchLoss(void *arg)
{
    static Real memory[1 << 16] __attribute__((aligned(64)));
    Toy *toy = arg;
    const SasrecBatch *b = &toy->batch;
    Real x[LENGTH * PITCH] = {0}, out[LENGTH * PITCH];
    double loss = 0;
    uint32_t row = 0;
    TransformerTape tape;

    for (uint32_t w = 0; w < b->windows; w++) {
        uint32_t rows = b->window[w].rows, first[] = {0, rows};

        for (uint32_t r = 0; r < rows * PITCH; r++)
            x[r] = sqrt((Real)FACTORS) * toy->item[b->input[row + r / PITCH] * PITCH + r % PITCH];
        TransformerForward(&b->encoder, toy->network, &(Sequences){1, first, NULL},
                           (TransformerDropout){0, NULL}, x, memory, &tape, out);
        for (uint32_t r = 0; r < rows; r++, row++)
            loss += WeightAfter(toy, &b->window[w], r) *
                    LossOfRow(toy, b->window[w].user, row, out + r * PITCH);
    }
    return loss;
}

/* Largest difference of a gradient from finite differences. */
static double Worst(Toy *toy, Real *values, const float *gradient, size_t count, double *largest)
{
    double worst = 0;

    for (size_t i = 0; i < count; i++) {
        Real before = values[i];
        double up, down;

        values[i] = before + DIFFERENCE;
        up = BatchLoss(toy);
        values[i] = before - DIFFERENCE;
        down = BatchLoss(toy);
        values[i] = before;
        worst = fmax(worst, fabs((up - down) / (2 * DIFFERENCE) - (double)gradient[i]));
        *largest = fmax(*largest, fabs((double)gradient[i]));
    }
    return worst;
}

/* Of the network only what is no padding. */
static double WorstOfNetwork(Toy *toy, double *largest)
{
    Pack pack = {0};
    double worst = 0;

    SasrecEncoder(&toy->options, &pack);
    for (int m = 0; m < pack.count; m++)
        for (uint32_t r = 0; r < pack.matrix[m].rows; r++) {
            size_t at = pack.matrix[m].first + r * pack.matrix[m].stride;

            worst = fmax(worst, Worst(toy, toy->network + at, toy->batch.rule.network_sums + at,
                                      pack.matrix[m].columns, largest));
        }
    return worst;
}

static void CheckGradients(const char *settings)
{
    static Toy toy;
    double loss, wanted, items = 0, network = 0, worst_item, worst_network;

    toy = (Toy){0};
    ToyOpen(&toy, settings);
    loss = SasrecBatchStep(&toy.batch, &toy.windows, 1, 0);
    wanted = BatchLoss(&toy);
    CHECK(toy.batch.slices > 2 && Near(loss, wanted, 1e-5, 0),
          "%s: the loss of %u rows is %.5f, by its formula %.5f", settings, toy.batch.rows, loss,
          wanted);
    worst_item = Worst(&toy, toy.item, toy.batch.rule.item_sums, ITEMS * PITCH, &items);
    worst_network = WorstOfNetwork(&toy, &network);
    CHECK(items > 1 && worst_item < 1e-4 * items, "by the items' rows: at most %.3g, to %.1e",
          items, worst_item);
    CHECK(network > 1 && worst_network < 1e-4 * network, "by the network: at most %.3g, to %.1e",
          network, worst_network);
    CHECK(memcmp(InDouble(&toy.model.part[SASREC_ITEM_PART]), toy.item,
                 ITEMS * PITCH * sizeof(Real)) == 0,
          "and no row has moved");
    TestHostEnd(&toy.t);
}

void TestSasrecGradients(void)
{
    CheckGradients("loss=softmax negatives=100");
    CheckGradients("loss=softmax negatives=10 blocks=1");
    CheckGradients("loss=bce");
}
