/* support.c: what several subjects share. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/vector.h"

Random TestStream(uint64_t number)
{
    Random random;

    RandomSeed(&random, 0x7e57, RANDOM_ROBUSTNESS, number, 0);
    return random;
}

double ChiSquare(const uint64_t *counts, size_t bins)
{
    double total = 0, sum = 0;

    for (size_t i = 0; i < bins; i++)
        total += (double)counts[i];
    for (size_t i = 0; i < bins; i++) {
        double difference = (double)counts[i] - total / (double)bins;

        sum += difference * difference / (total / (double)bins);
    }
    return sum;
}

/* Wilson and Hilferty: the cube root of chi-square / df is nearly normal; five deviations. */
bool LooksUniform(const uint64_t *counts, size_t bins)
{
    double df = (double)bins - 1, spread = 2.0 / (9.0 * df);

    return fabs((cbrt(ChiSquare(counts, bins) / df) - (1 - spread)) / sqrt(spread)) < 5;
}

bool Near(double a, double b, double tolerance, double tiny)
{
    return fabs(a - b) <= tolerance * (fabs(a) + fabs(b)) + tiny;
}

double Softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

Pairs PairsCreate(const Host *host, uint64_t room, bool times)
{
    return (Pairs){.user = HostAllocate(host, room, sizeof(uint32_t)),
                   .item = HostAllocate(host, room, sizeof(uint32_t)),
                   .time = times ? HostAllocate(host, room, sizeof(double)) : NULL};
}

void PairsAdd(Pairs *pairs, uint32_t user, uint32_t item, double time)
{
    pairs->user[pairs->count] = user;
    pairs->item[pairs->count] = item;
    if (pairs->time != NULL)
        pairs->time[pairs->count] = time;
    pairs->count++;
}

Interactions RandomInteractions(const Host *host, uint32_t users, uint32_t items, uint32_t per_user,
                                uint64_t stream)
{
    Pairs pairs = PairsCreate(host, (uint64_t)users * per_user, false);
    Random random = TestStream(stream);
    Interactions data;

    for (uint32_t n = 0; n < users * per_user; n++)
        PairsAdd(&pairs, n / per_user, RandomBelow(&random, items), 0);
    InteractionsBuild(host, &pairs, users, items, &data);
    return data;
}

void HoldOutOfLong(const Host *host, Interactions *data, Holdout holdout)
{
    InteractionsHoldOut(host, data, holdout, 0, 1);
    for (uint32_t u = 0; u < data->users && data->held_count > 0; u++)
        if (data->held[u] != NO_ITEM && data->offset[u + 1] - data->offset[u] < HOLDOUT_CERTAIN) {
            data->held[u] = NO_ITEM;
            data->held_count--;
        }
}

Interactions BlockInteractions(const Host *host, uint32_t users, uint32_t items, uint32_t blocks)
{
    Pairs pairs = PairsCreate(host, (uint64_t)users * items, false);
    Interactions data;

    for (uint32_t u = 0; u < users; u++)
        for (uint32_t i = 0; i < items; i++)
            if (u * blocks / users == i * blocks / items)
                PairsAdd(&pairs, u, i, 0);
    InteractionsBuild(host, &pairs, users, items, &data);
    return data;
}

Interactions TasteInteractions(const Host *host, uint32_t users, uint32_t items, uint32_t groups,
                               uint32_t per_user, uint64_t stream)
{
    Pairs pairs = PairsCreate(host, (uint64_t)users * per_user, false);
    Random random = TestStream(stream);
    uint32_t share = items / groups;
    Interactions data;

    for (uint32_t n = 0; n < users * per_user; n++) {
        uint32_t user = n / per_user, first = user % groups * share;
        double skewed = RandomUniform(&random) * RandomUniform(&random);

        if (RandomBelow(&random, 10) == 0)
            PairsAdd(&pairs, user, (uint32_t)(skewed * items), 0);
        else
            PairsAdd(&pairs, user, first + (uint32_t)(skewed * share), 0);
    }
    InteractionsBuild(host, &pairs, users, items, &data);
    return data;
}

TasteStream TasteStreamCreate(const Host *host, uint32_t users, uint32_t items, uint32_t groups,
                              uint32_t count, uint32_t swap, uint64_t stream)
{
    TasteStream s = {users,
                     items,
                     groups,
                     count,
                     HostAllocate(host, count, sizeof(uint32_t)),
                     HostAllocate(host, count, sizeof(uint32_t))};
    uint32_t share = items / groups;
    Random random = TestStream(stream);

    for (uint32_t n = 0; n < count; n++) {
        uint32_t taste;

        s.user[n] = RandomBelow(&random, users);
        taste = (s.user[n] + (n >= swap ? groups / 2 : 0)) % groups;
        s.item[n] = taste * share + RandomBelow(&random, share);
    }
    return s;
}

Interactions TasteStreamData(const Host *host, const TasteStream *stream, uint32_t count)
{
    Pairs pairs = PairsCreate(host, count, true);
    Events *events = HostAllocate(host, 1, sizeof(Events));
    Interactions data;

    for (uint32_t n = 0; n < count; n++)
        PairsAdd(&pairs, stream->user[n], stream->item[n], n);
    EventsBuild(host, &pairs, stream->users, events);
    InteractionsBuild(host, &pairs, stream->users, stream->items, &data);
    data.events = events;
    return data;
}

static OptionValue ParseValue(const char *text)
{
    char *end;
    double number = strtod(text, &end);

    if (*end == '\0')
        return (OptionValue){VALUE_NUMBER, number, NULL};
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return (OptionValue){VALUE_BOOL, text[0] == 't', NULL};
    return (OptionValue){VALUE_STRING, 0, text};
}

void SetOptions(const Algorithm *algorithm, void *options, const char *settings)
{
    char copy[512], expected[256], *rest = copy, *setting;

    snprintf(copy, sizeof(copy), "%s", settings);
    while ((setting = strtok_r(rest, " ", &rest)) != NULL) {
        char *value = strchr(setting, '=');
        const OptionSpec *spec;

        *value++ = '\0';
        spec = OptionFind(train_options, setting);
        if (spec == NULL)
            spec = OptionFind(algorithm->options, setting);
        if (spec == NULL ||
            !OptionStore(spec, ParseValue(value), options, expected, sizeof(expected))) {
            printf("Bail out! option %s=%s of a test is wrong\n", setting, value);
            exit(1);
        }
    }
}

void TrainingPrepare(TestHost *t, const Interactions *data, const char *algorithm,
                     const char *settings, Training *training)
{
    const Algorithm *a = AlgorithmFind(algorithm);

    memset(training, 0, sizeof(*training));
    training->t = t;
    training->data = data;
    OptionsDefault(train_options, &training->options);
    OptionsDefault(a->options, &training->options);
    SetOptions(a, &training->options, settings);
    ModelLayout(&training->model, a, &training->options, data->users, data->items);
    ModelAllocate(&t->host, &training->model);
    ModelCountPopularity(&t->host, data, &training->model);
}

static void RunTraining(void *arg)
{
    Training *training = arg;

    training->model.algorithm->train(&training->t->host, training->data, &training->model,
                                     &training->report);
}

Outcome TrainingRun(Training *training)
{
    return Attempt(training->t, RunTraining, training);
}

void Train(TestHost *t, const Interactions *data, const char *algorithm, const char *settings,
           Training *training)
{
    TrainingPrepare(t, data, algorithm, settings, training);
    if (TrainingRun(training) != OUTCOME_DONE) {
        printf("Bail out! training %s failed: %s\n", settings, t->message);
        exit(1);
    }
}

Training TrainFresh(TestHost *t, int threads, Interactions (*make)(const Host *host),
                    const char *algorithm, const char *settings)
{
    Interactions *data;
    Training *run;

    TestHostInit(t);
    if (threads > 0)
        TestHostUsePool(t, threads);
    data = HostAllocate(&t->host, 1, sizeof(*data));
    run = HostAllocate(&t->host, 1, sizeof(*run)); /* the model points at its options */
    *data = make(&t->host);
    Train(t, data, algorithm, settings, run);
    return *run;
}

bool SameModel(const Model *a, const Model *b)
{
    for (int i = 0; i < a->parts; i++) {
        size_t bytes = (size_t)a->part[i].rows * a->part[i].stride * sizeof(float);

        if (memcmp(a->part[i].data, b->part[i].data, bytes) != 0)
            return false;
    }
    return a->parts == b->parts;
}

void CheckSameBytes(TrainWay train, const char *settings)
{
    TestHost t0, t;
    Training base = train(&t0, 0, settings), run;
    char other[256];

    for (int threads = 1; threads <= 3; threads += 2) {
        run = train(&t, threads, settings);
        CHECK(SameModel(&base.model, &run.model), "%s: the same bytes with %d threads", settings,
              threads);
        TestHostEnd(&t);
    }
    snprintf(other, sizeof(other), "%s seed=2", settings);
    run = train(&t, 2, other);
    CHECK(!SameModel(&base.model, &run.model), "another seed, other bytes");
    TestHostEnd(&t);
    TestHostEnd(&t0);
}

void CheckWarmStart(TrainWay train, const char *settings)
{
    TestHost t;
    Training run = train(&t, 0, settings), again;
    const Model *m = &run.model;
    char warm[256];

    snprintf(warm, sizeof(warm), "%s learning_rate=0 warm_epochs=2", settings);
    TrainingPrepare(&t, run.data, m->algorithm->name, warm, &again);
    for (int p = POPULARITY_PART + 1; p < m->parts; p++)
        memcpy(again.model.part[p].data, m->part[p].data, PartFloats(&m->part[p]) * sizeof(float));
    again.model.warm = true;
    CHECK(TrainingRun(&again) == OUTCOME_DONE && again.report.epochs == 2 + 1 &&
              SameModel(m, &again.model),
          "a warm start goes on from what there is, for fewer epochs");
    TestHostEnd(&t);
}

#define FOLDED 8 /* items of a visitor */

void CheckFoldInOfTastes(TrainWay train, const char *settings, uint32_t tastes, double margin)
{
    TestHost t;
    Training run = train(&t, 0, settings);
    const Model *m = &run.model;
    const Algorithm *a = m->algorithm;
    uint32_t width = a->query_width(m), share = m->items / tastes;
    float *query = HostAllocate(&t.host, width, sizeof(float));
    float *again = HostAllocate(&t.host, width, sizeof(float));
    float *out = HostAllocate(&t.host, VectorStride(m->items), sizeof(float));
    double own = 0, other = 0;

    for (uint32_t taste = 0; taste < tastes; taste++) {
        Model history, sample;

        ModelViewItems(m, taste * share, FOLDED, &history);
        ModelViewItems(m, (taste + 1) % tastes * share, share, &sample);
        a->fold_in(&t.host, &history, &sample, query);
        a->fold_in(&t.host, &history, &sample, again);
        CHECK(memcmp(query, again, width * sizeof(float)) == 0,
              "a visitor is served alike each time");
        ModelScore(m, query, 1, out);
        for (uint32_t i = 0; i < m->items; i++)
            if (i / share != taste)
                other += (double)out[i] / (tastes * (tastes - 1) * share);
            else if (i % share >= FOLDED)
                own += (double)out[i] / (tastes * (share - FOLDED));
    }
    CHECK(own > other + margin,
          "who was not trained gets what goes with the history: %.2f, others %.2f", own, other);
    TestHostEnd(&t);
}

static const struct {
    const char *algorithm;
    const char *settings;
} variants[] = {
    {"nmrn", "memory=shared slots=3 hops=2"},
    {"nmrn", "memory=user slots=2 write=convex"},
    {"nmrn", "addressing=ntm slots=3"},
    {"nmrn", "addressing=content item_bias=false"},
    {"nmrn_gan", "generator_layers=true"},
    {"itemknn", "recent=3"},
    {"itemknn", "neighbors=60"},
    {"bpr", "optimizer=sgd adaptive_negatives=3"},
    {"bpr", "batch_size=16 optimizer=adagrad"},
    {"als", "factors=20"},
    {"sasrec", "loss=bce windows=last heads=5 length=7"},
    {"sasrec", "factors=20 heads=2 blocks=3 dropout=0 negatives=3"},
    {"cdae", "loss=square user_node=false normalize=false"},
    {"neumf", "width=7 layers=1 negatives=2 batch_size=50"},
};

static uint32_t Registered(void)
{
    uint32_t count = 0;

    while (algorithms[count] != NULL && !IsPolicy(algorithms[count]))
        count++;
    return count;
}

uint32_t SmallModels(void)
{
    return Registered() + sizeof(variants) / sizeof(variants[0]);
}

const Algorithm *SmallAlgorithm(uint32_t number)
{
    return number < Registered() ? algorithms[number]
                                 : AlgorithmFind(variants[number - Registered()].algorithm);
}

const char *SmallSettings(uint32_t number)
{
    return number < Registered() ? "" : variants[number - Registered()].settings;
}

void SetSmall(const Algorithm *algorithm, void *options, const char *settings)
{
    static const char *const small[][2] = {{"factors", "factors=5"},
                                           {"epochs", "epochs=1"},
                                           {"adv_epochs", "adv_epochs=1"},
                                           {"generator_factors", "generator_factors=3"},
                                           {"neighbors", "neighbors=7"},
                                           {"discriminator_epochs", "discriminator_epochs=2"},
                                           {"generator_epochs", "generator_epochs=1"}};

    SetOptions(algorithm, options, "holdout=none");
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        if (OptionFind(algorithm->options, small[i][0]) != NULL)
            SetOptions(algorithm, options, small[i][1]);
    SetOptions(algorithm, options, settings);
}
