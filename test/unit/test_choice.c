/* test_choice.c: choosing among algorithms by trials. */
#include "algo/choice/choose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "algo/choice/order.h"
#include "algo/choice/rounds.h"
#include "algo/choice/sample.h"
#include "algo/choice/tune.h"
#include "algo/rank/validation.h"
#include "check.h"
#include "core/random.h"
#include "support.h"
#include "tests.h"

typedef struct Chosen {
    TestHost t;
    Interactions data;
    ChoiceOptions options;
    Choice choice;
} Chosen;

/* Without a list of candidates all that the columns suffice for. */
static void Open(Chosen *c, uint32_t users, const char *candidates)
{
    TestHostInit(&c->t);
    c->data = TasteInteractions(&c->t.host, users, 60, 6, 9, 900);
    InteractionsHoldOut(&c->t.host, &c->data, HOLDOUT_RANDOM, 0, 1);
    OptionsDefault(train_options, &c->options);
    OptionsDefault(choosing.options, &c->options);
    if (candidates != NULL)
        SetOptions(&choosing, &c->options, candidates);
}

static void Run(void *arg)
{
    Chosen *c = arg;

    Choose(&c->t.host, &c->data, &c->options, SIZE_MAX, &c->choice);
}

static double MetricOf(const Choice *choice, const char *name, int round)
{
    for (int i = 0; i < choice->trials; i++)
        if (strcmp(choice->trial[i].algorithm->name, name) == 0 && choice->trial[i].round == round)
            return choice->trial[i].metric;
    return NAN;
}

static bool SameChoice(const Choice *a, const Choice *b)
{
    bool same = a->algorithm == b->algorithm && a->trials == b->trials;

    for (int i = 0; same && i < a->trials; i++)
        same &= a->trial[i].algorithm == b->trial[i].algorithm &&
                a->trial[i].metric == b->trial[i].metric;
    return same;
}

/* ---- candidates ---- */

static bool Takes(const ChoiceOptions *options, const char *name, Columns columns)
{
    for (int i = 0; algorithms[i] != NULL; i++)
        if (strcmp(algorithms[i]->name, name) == 0)
            return IsCandidate(options, i, columns);
    return false;
}

static bool Accepts(const char *list, int64_t bits)
{
    const OptionSpec *spec = OptionFind(choosing.options, "candidates");
    ChoiceOptions options = {.candidates = -1};
    char expected[256];

    return OptionStore(spec, (OptionValue){VALUE_STRING, 0, list}, &options, expected,
                       sizeof(expected)) &&
           options.candidates == bits;
}

static void CheckCandidates(void)
{
    ChoiceOptions all = {.candidates = 0}, named = {.candidates = 1 << 3 | 1 << 6};
    bool names = true;

    for (int i = 0; algorithm_names[i] != NULL; i++)
        names &= strcmp(algorithms[i]->name, algorithm_names[i]) == 0;
    for (int i = 0; algorithms[i] != NULL; i++)
        names &= IsPolicy(algorithms[i]) || algorithm_names[i] != NULL;
    CHECK(names, "names stand in the order of the list");
    CHECK(Takes(&all, "popularity", 0) && Takes(&all, "softmax", 0) && !Takes(&all, "nmrn", 0) &&
              Takes(&all, "nmrn", COLUMN_TIME) && !Takes(&all, "nmrn_gan", COLUMN_TIME),
          "the usual candidates are those that the columns suffice for");
    CHECK(Takes(&named, "bpr", 0) && !Takes(&named, "als", 0), "named ones, and no others");
    CHECK(ChoiceMisfit(&named, 0) == AlgorithmFind("nmrn") &&
              ChoiceMisfit(&named, COLUMN_TIME) == NULL && ChoiceMisfit(&all, 0) == NULL,
          "one that needs times is named in vain without");
    CHECK(ChoiceWantsEvents(&all, COLUMN_TIME) && !ChoiceWantsEvents(&all, 0) &&
              ChoiceStreams(&named, COLUMN_TIME) && !ChoiceStreams(&all, COLUMN_WEIGHT),
          "events are wanted where one candidate wants them");
    CHECK(Accepts("all", 0) && Accepts("bpr", 8) && Accepts(" popularity ,bpr", 9),
          "lists of names");
    CHECK(!Accepts("", 0) && !Accepts("bpr,", 8) && !Accepts("bp", 8) && !Accepts("bpr als", 12) &&
              !Accepts("bpr,,als", 12) && !Accepts("auto", 0) && !Accepts("all, bpr", 8),
          "no empty lists, unknown names or other separators");
}

/* ---- samples ---- */

/* By seed 5, in no more memory than it should take. */
static void SampleWithin(TestHost *t, const Interactions *data, uint64_t most, Interactions *sample)
{
    size_t before = t->bytes, estimate = SampleMemory(data, most, true);

    TestHostResetPeak(t);
    SampleUsers(&t->host, data, most, 5, true, sample);
    CHECK(t->peak > before && t->peak - before <= estimate + TestHostSlack(t),
          "a sample within its estimate: %zu, %zu", t->peak - before, estimate);
}

/* Where few users hold something out, more of them are drawn than of the others. */
static void CheckHeldShare(void)
{
    Chosen c;
    Interactions sample;
    uint32_t few = 0;

    Open(&c, 4000, NULL);
    for (uint32_t u = 0; u < c.data.users; u++)
        if (u % 40 != 0)
            c.data.held[u] = NO_ITEM;
    c.data.held_count = 100;
    SampleWithin(&c.t, &c.data, c.data.count / 50, &sample);
    for (uint32_t u = 0; u < sample.users; u++)
        few += sample.held[u] == NO_ITEM;
    CHECK(sample.held_count > 60 && sample.held_count < 95 && few > 50 && few < 110,
          "of 4,000 users %u of 100 with something held out, and %u of the others",
          (unsigned)sample.held_count, few);
    SampleRelease(&c.t.host, &c.data, &sample);
    TestHostEnd(&c.t);
}

static void CheckSample(void)
{
    Chosen c;
    Interactions half, other, whole;
    uint32_t at = 0, held = 0;
    bool users = true;

    Open(&c, 400, NULL);
    SampleWithin(&c.t, &c.data, c.data.count / 2, &half);
    SampleUsers(&c.t.host, &c.data, c.data.count / 2, 6, true, &other);
    SampleUsers(&c.t.host, &c.data, c.data.count, 5, true, &whole);
    for (uint32_t u = 0; u < half.users; u++) { /* in order, each once */
        uint64_t count = half.offset[u + 1] - half.offset[u];
        const uint32_t *items = half.item + half.offset[u];

        while (at < c.data.users &&
               (c.data.offset[at + 1] - c.data.offset[at] != count ||
                c.data.held[at] != half.held[u] ||
                memcmp(c.data.item + c.data.offset[at], items, count * sizeof(uint32_t)) != 0))
            at++;
        users &= at++ < c.data.users;
        held += half.held[u] != NO_ITEM;
    }
    CHECK(users && held == half.held_count && half.items == c.data.items,
          "a sample has whole users with what is held out of theirs");
    CHECK(half.users > 150 && half.users < 250 && half.offset[half.users] == half.count,
          "about half of 400 users, %u", half.users);
    CHECK(other.users != half.users ||
              memcmp(other.item, half.item, half.count * sizeof(uint32_t)) != 0,
          "another seed draws others");
    CHECK(whole.item == c.data.item && whole.count == c.data.count, "few interactions are no copy");
    SampleRelease(&c.t.host, &c.data, &half);
    SampleRelease(&c.t.host, &c.data, &other);
    SampleRelease(&c.t.host, &c.data, &whole);
    TestHostEnd(&c.t);
}

/* Every event of a drawn user, and the choice made with them. */
static void CheckEvents(void)
{
    TestHost t;
    TasteStream stream;
    Interactions data, half;
    ChoiceOptions options;
    Choice choice;
    uint64_t events = 0;

    TestHostInit(&t);
    stream = TasteStreamCreate(&t.host, 60, 40, 4, 1200, 1200, 901);
    data = TasteStreamData(&t.host, &stream, 1200);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    SampleWithin(&t, &data, data.count / 2, &half);
    for (uint32_t u = 0; u < half.users; u++)
        for (uint64_t i = half.events->offset[u]; i < half.events->offset[u + 1]; i++)
            events += InteractionsContain(&half, u, half.events->item[i]);
    CHECK(half.events->count > half.count && events == half.events->count,
          "events of a sample are those of its users");
    SampleRelease(&t.host, &data, &half);
    OptionsDefault(train_options, &options);
    OptionsDefault(choosing.options, &options);
    SetOptions(&choosing, &options, "candidates=popularity,nmrn");
    Choose(&t.host, &data, &options, SIZE_MAX, &choice);
    CHECK(choice.trial[1].epochs == 5, "for five epochs: %d", choice.trial[1].epochs);
    CHECK(choice.trials == 4 && choice.algorithm == AlgorithmFind("nmrn"),
          "tastes are learnt from events: nmrn %.3f against %.3f", MetricOf(&choice, "nmrn", 1),
          MetricOf(&choice, "popularity", 1));
    TestHostEnd(&t);
}

/* ---- choices ---- */

static void CheckChoice(void)
{
    Chosen c;
    double best = -1;
    int first = 0, second = 0;

    Open(&c, 300, "effort=fast");
    Run(&c);
    for (int i = 0; i < c.choice.trials; i++) {
        const Trial *trial = &c.choice.trial[i];

        first += trial->round == 1;
        second += trial->round == 2;
        if (trial->round == 2)
            best = fmax(best, trial->metric);
    }
    CHECK(first == 6 && second == 3 && c.choice.trials == 9 && c.choice.untried == NULL,
          "six candidates, of which three go on: %d trials", c.choice.trials);
    CHECK(MetricOf(&c.choice, c.choice.algorithm->name, 2) == best, "the best of them is chosen");
    CHECK(isnan(MetricOf(&c.choice, "popularity", 2)) &&
              MetricOf(&c.choice, "popularity", 1) < 0.7 * best,
          "popularity knows no tastes: %.3f against %.3f", MetricOf(&c.choice, "popularity", 1),
          best);
    CHECK(c.t.epochs == c.choice.trials && c.t.last.epoch == c.choice.trials &&
              c.t.last.epochs == c.choice.trials,
          "progress tells of trials alone");
    TestHostEnd(&c.t);
}

static void CheckThreads(void)
{
    Chosen one, two, other;

    Open(&one, 100, "candidates=itemknn,als,bpr,softmax effort=fast");
    Open(&two, 100, "candidates=itemknn,als,bpr,softmax effort=fast");
    Open(&other, 100, "candidates=itemknn,als,bpr,softmax effort=fast seed=2");
    TestHostUsePool(&two.t, 3);
    Run(&one);
    Run(&two);
    Run(&other);
    CHECK(one.choice.trials == 6 && SameChoice(&one.choice, &two.choice),
          "the same trials on one and three threads");
    CHECK(!SameChoice(&one.choice, &other.choice), "others with another seed");
    TestHostEnd(&one.t);
    TestHostEnd(&two.t);
    TestHostEnd(&other.t);
}

/* Of popularity, where what is held out has this weight. */
static double MetricWithWeight(float held)
{
    Chosen c;
    double metric;

    Open(&c, 200, "candidates=popularity,itemknn");
    c.data.columns |= COLUMN_WEIGHT;
    c.data.weight = HostAllocate(&c.t.host, c.data.count, sizeof(float));
    for (uint32_t u = 0; u < c.data.users; u++)
        for (uint64_t i = c.data.offset[u]; i < c.data.offset[u + 1]; i++)
            c.data.weight[i] = IsHeldOut(&c.data, u, c.data.item[i]) ? held : 1;
    Run(&c);
    metric = MetricOf(&c.choice, "popularity", 1);
    TestHostEnd(&c.t);
    return metric;
}

static void CheckWeights(void)
{
    double plain = MetricWithWeight(1), heavy = MetricWithWeight(50);

    CHECK(plain > 0 && heavy == plain,
          "weights of what is held out tell nothing beforehand: %.4f, %.4f", heavy, plain);
}

/* ---- variants ---- */

static double RecentOf(const void *options)
{
    return OptionRead(OptionFind(AlgorithmFind("itemknn")->options, "recent"), options);
}

/* The variant is a trial like the last of what leads, and takes its place if it gains, which
 * the last five interactions cannot where nobody has more. */
static void CheckVariants(uint32_t events, uint32_t swap, int *taken)
{
    const Algorithm *itemknn = AlgorithmFind("itemknn");
    Chosen c;
    TasteStream stream;
    const Trial *leader, *variant;
    bool gain;

    Open(&c, 20, "candidates=popularity,itemknn");
    stream = TasteStreamCreate(&c.t.host, 200, 40, 4, events, swap, 902);
    c.data = TasteStreamData(&c.t.host, &stream, events);
    InteractionsHoldOut(&c.t.host, &c.data, HOLDOUT_LAST, 0, 1);
    Run(&c);
    CHECK(c.choice.trials == 3 && c.choice.algorithm == itemknn, "two candidates and a variant: %d",
          c.choice.trials);
    leader = &c.choice.trial[1];
    variant = &c.choice.trial[2];
    CHECK(variant->algorithm == leader->algorithm && variant->round == 2 &&
              variant->epochs == leader->epochs && RecentOf(variant->options) == 5 &&
              RecentOf(leader->options) == 0,
          "of the last five");
    gain = variant->metric > leader->metric * (1 + ValidationDoubt(c.data.held_count));
    CHECK(c.choice.options == (gain ? variant : leader)->options,
          "the better one is chosen: %.4f without, %.4f with it", leader->metric, variant->metric);
    *taken += gain;
    TestHostEnd(&c.t);
}

/* A choice of softmax; returns the trial of a greater width, or NULL. */
static const Trial *Wider(Chosen *c, size_t room)
{
    const OptionSpec *factors = OptionFind(AlgorithmFind("softmax")->options, "factors");
    const Trial *wider = NULL;

    Choose(&c->t.host, &c->data, &c->options, room, &c->choice);
    for (int i = 0; i < c->choice.trials; i++)
        if (strcmp(c->choice.trial[i].algorithm->name, "softmax") == 0 &&
            OptionRead(factors, c->choice.trial[i].options) == 256)
            wider = &c->choice.trial[i];
    return wider;
}

/* A width is tried that the preset does not have, nor makes much dearer, and for which there is
 * room. */
static void CheckWidth(void)
{
    Chosen c;
    const Algorithm *softmax = AlgorithmFind("softmax");
    Trial wide = {.algorithm = softmax};
    const Trial *wider;

    Open(&c, 300, "candidates=popularity,softmax");
    wider = Wider(&c, SIZE_MAX);
    CHECK(c.choice.trials == 3 && wider == &c.choice.trial[2] && wider->metric > 0,
          "softmax with 256 factors is tried last: %.4f", wider == NULL ? NAN : wider->metric);
    wide.options = wider->options;
    CHECK(Wider(&c, TrainingRoom(&wide, &c.data, 1) - 1) == NULL && c.choice.trials == 2 &&
              c.choice.algorithm == softmax,
          "not where the training would have no room");
    SetOptions(&choosing, &c.options, "effort=fast");
    CHECK(Wider(&c, SIZE_MAX) == NULL && c.choice.trials == 2,
          "nor where it would take several times as long");
    SetOptions(&choosing, &c.options, "effort=best");
    CHECK(Wider(&c, SIZE_MAX) != NULL && c.choice.trials == 2, "nor where it is that wide anyway");
    TestHostEnd(&c.t);
}

/* No trial takes more than the training and what it is measured with; returns what the training
 * takes, and of the candidates the greatest, also as a variant makes them. */
static size_t GreatestOf(const Chosen *c, const Trial *trial)
{
    size_t room = TrainingRoom(trial, &c->data, 1), validation;
    Model model;

    ModelLayout(&model, trial->algorithm, trial->options, c->data.users, c->data.items);
    validation = ValidationMemory(&model, &c->data, 1);
    for (int times = 0; times <= 2; times++)
        CHECK(TrialMemory(trial, times, &c->data, 1) <= room + validation,
              "%s: a trial takes %zu bytes, the training %zu", trial->algorithm->name,
              TrialMemory(trial, times, &c->data, 1), room);
    return room;
}

static size_t GreatestTraining(const Chosen *c, bool variants)
{
    size_t greatest = 0;

    for (int i = 0; algorithms[i] != NULL; i++) {
        Trial trial = {.algorithm = algorithms[i]}, variant = trial;

        if (!IsCandidate(&c->options, i, c->data.columns))
            continue;
        trial.options = TrialOptions(&c->t.host, trial.algorithm, effort_names[c->options.effort],
                                     &c->options.train);
        variant.options = HostAllocate(&c->t.host, 1, trial.algorithm->options_size);
        for (int v = -1; v < (variants ? CountVariants(trial.algorithm) : 0); v++) {
            size_t room;

            if (v >= 0)
                VariantOptions(trial.algorithm, v, trial.options, variant.options);
            room = GreatestOf(c, v < 0 ? &trial : &variant);
            greatest = room > greatest ? room : greatest;
        }
        HostRelease(&c->t.host, trial.options);
        HostRelease(&c->t.host, variant.options);
    }
    return greatest;
}

/* What leads the first round stands where the second has no room for any trial. */
static void CheckLastRoom(void)
{
    Chosen c;
    int last = 0;

    Open(&c, 300, "candidates=popularity,itemknn,bpr effort=fast");
    c.data = TasteInteractions(&c.t.host, 9600, 3000, 4, 125, 903);
    InteractionsHoldOut(&c.t.host, &c.data, HOLDOUT_RANDOM, 0, 1);
    c.data.columns |= COLUMN_WEIGHT; /* the sample has them, and takes more */
    c.data.weight = HostAllocate(&c.t.host, c.data.count, sizeof(float));
    for (uint64_t i = 0; i < c.data.count; i++)
        c.data.weight[i] = 1;
    Choose(&c.t.host, &c.data, &c.options, GreatestTraining(&c, false), &c.choice);
    for (int i = 0; i < c.choice.trials; i++)
        last += c.choice.trial[i].round == 2 && isnan(c.choice.trial[i].metric) &&
                strstr(c.choice.trial[i].problem, "memory") != NULL;
    CHECK(c.choice.trials == 5 && last == 2, "the second round measures nothing");
    CHECK(MetricOf(&c.choice, "bpr", 1) > MetricOf(&c.choice, "itemknn", 1) &&
              c.choice.algorithm == AlgorithmFind("bpr"),
          "what led the first is chosen, not what comes first in the list: %s",
          c.choice.algorithm->name);
    TestHostEnd(&c.t);
}

static void CheckUntried(void)
{
    Chosen few, one, full, popular;

    Open(&few, 30, NULL);
    Run(&few);
    CHECK(few.choice.trials == 0 && few.choice.algorithm == AlgorithmFind("itemknn") &&
              few.choice.untried != NULL,
          "with few users the simplest that tells them apart");
    Open(&popular, 30, "candidates=popularity");
    Run(&popular);
    CHECK(popular.choice.trials == 0 && popular.choice.algorithm == AlgorithmFind("popularity"),
          "if it is a candidate");
    Open(&one, 300, "candidates=als");
    Run(&one);
    CHECK(one.choice.trials == 0 && one.choice.algorithm == AlgorithmFind("als") &&
              one.choice.untried != NULL,
          "an only candidate is not tried");
    Open(&full, 10, NULL);
    full.data = BlockInteractions(&full.t.host, 10, 6, 1);
    Run(&full);
    CHECK(full.choice.trials == 0 && full.choice.algorithm == fallback_algorithm,
          "where no user lacks an item, what needs no such users");
    TestHostEnd(&few.t);
    TestHostEnd(&popular.t);
    TestHostEnd(&one.t);
    TestHostEnd(&full.t);
}

/* ---- what is left out ---- */

static const char *ProblemOf(const Choice *choice, const char *name)
{
    for (int i = 0; i < choice->trials; i++)
        if (strcmp(choice->trial[i].algorithm->name, name) == 0)
            return choice->trial[i].problem;
    return NULL;
}

/* Room for some candidates and not for others. */
static void CheckRoom(void)
{
    Chosen c;
    const char *problem;

    Open(&c, 300, "candidates=popularity,itemknn,softmax");
    Choose(&c.t.host, &c.data, &c.options, 1000000, &c.choice);
    problem = ProblemOf(&c.choice, "softmax");
    CHECK(problem != NULL && strstr(problem, "memory") != NULL &&
              isnan(MetricOf(&c.choice, "softmax", 1)),
          "what needs too much memory is left out");
    CHECK(c.choice.trials == 3 && ProblemOf(&c.choice, "popularity") == NULL &&
              c.choice.algorithm == AlgorithmFind("itemknn"),
          "others are tried: %d trials", c.choice.trials);
    TestHostEnd(&c.t);
}

static void ChooseInNoRoom(void *arg)
{
    Chosen *c = arg;

    Choose(&c->t.host, &c->data, &c->options, 0, &c->choice);
}

/* A trial that diverges, and the next one on the same host. */
static void CheckFailure(void)
{
    Chosen c;
    Trial bad = {.algorithm = AlgorithmFind("bpr")}, good = bad;
    TrialRound round = {.round = 1, .times = 1, .room = SIZE_MAX};
    size_t before;

    Open(&c, 200, NULL);
    round.host = &c.t.host;
    round.data = &c.data;
    good.options = TrialOptions(&c.t.host, good.algorithm, NULL, &c.options.train);
    bad.options = TrialOptions(&c.t.host, bad.algorithm, NULL, &c.options.train);
    SetOptions(bad.algorithm, bad.options, "optimizer=sgd learning_rate=1000 regularization=1000");
    before = c.t.bytes;
    TrialRun(&round, &bad);
    TrialRun(&round, &good);
    CHECK(isnan(bad.metric) && bad.problem != NULL && strstr(bad.problem, "diverged") != NULL,
          "a trial that fails says why: %s", bad.problem);
    CHECK(good.metric > 0 && good.problem == NULL && good.epochs == 40, "the next one does not");
    CHECK(c.t.bytes == before, "neither leaves anything behind");
    CHECK(Attempt(&c.t, ChooseInNoRoom, &c) == OUTCOME_FAILED,
          "with no candidate left there is no choice: %s", c.t.message);
    TestHostEnd(&c.t);
}

/* A short trial has the temperature that is named, not the one that it would have by itself. */
static void CheckNamed(void)
{
    Chosen c;
    Trial trial[3] = {{.algorithm = AlgorithmFind("softmax")}};
    static const char *const options[] = {"", "temperature=0.15", "temperature=0.4"};
    TrialRound round = {.round = 1, .times = 1, .room = SIZE_MAX};

    Open(&c, 200, NULL);
    round.host = &c.t.host;
    round.data = &c.data;
    for (int i = 0; i < 3; i++) {
        trial[i].algorithm = trial[0].algorithm;
        trial[i].options = TrialOptions(&c.t.host, trial[i].algorithm, NULL, &c.options.train);
        SetOptions(trial[i].algorithm, trial[i].options, options[i]);
        TrialRun(&round, &trial[i]);
    }
    CHECK(trial[0].metric > 0 && trial[0].metric == trial[1].metric, "one by itself: %.4f, %.4f",
          trial[0].metric, trial[1].metric);
    CHECK(trial[2].metric != trial[1].metric, "another where it is named: %.4f", trial[2].metric);
    TestHostEnd(&c.t);
}

static double MetricOfGan(const TestHost *t, const Interactions *data, const TrainOptions *train,
                          const char *settings)
{
    TrialRound round = {&t->host, data, 1, 1, SIZE_MAX};
    Trial trial = {.algorithm = AlgorithmFind("nmrn_gan")};

    trial.options = TrialOptions(&t->host, trial.algorithm, NULL, train);
    SetOptions(trial.algorithm, trial.options, "factors=8");
    SetOptions(trial.algorithm, trial.options, settings);
    TrialRun(&round, &trial);
    return trial.metric;
}

/* An integer that is 0 is no choice that is left open: no epochs are none in a short trial, too. */
static void CheckNone(void)
{
    TestHost t;
    TasteStream stream;
    Interactions data;
    TrainOptions train;
    double one, usual;

    TestHostInit(&t);
    OptionsDefault(train_options, &train);
    stream = TasteStreamCreate(&t.host, 120, 40, 4, 2400, 2400, 901);
    data = TasteStreamData(&t.host, &stream, 2400);
    InteractionsHoldOut(&t.host, &data, HOLDOUT_RANDOM, 0, 1);
    one = MetricOfGan(&t, &data, &train, "pre_epochs=1");
    usual = MetricOfGan(&t, &data, &train, "pre_epochs=3");
    CHECK(one > 0 && one == usual, "a short trial begins with one epoch of three: %.4f, %.4f", one,
          usual);
    CHECK(MetricOfGan(&t, &data, &train, "pre_epochs=0") != one, "but with none of none");
    TestHostEnd(&t);
}

/* ---- order ---- */

#define VISITS 20u /* of each user, to 60 items */

typedef struct Habits {
    uint32_t users;
    uint32_t from; /* from this user on one goes on from an item to the same next one, or to any */
    uint32_t
        basket; /* so many visits have one time, in order of their items; 0: there are no times */
} Habits;

static int CompareItems(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void MakeVisits(const Habits *h, Events *events)
{
    Random random;

    RandomSeed(&random, 5, RANDOM_CHOICE, 0, 0);
    for (uint32_t u = 0; u <= h->users; u++)
        events->offset[u] = u * VISITS;
    for (uint32_t i = 0; i < events->count; i++)
        events->item[i] = i / VISITS >= h->from && i % VISITS > 0
                              ? (events->item[i - 1] * 7 + 3) % 60
                              : RandomBelow(&random, 60);
    for (uint32_t i = 0; h->basket > 0 && i < events->count; i++)
        events->time[i] = i / h->basket;
    for (uint32_t i = 0; h->basket > 0 && i < events->count; i += h->basket)
        qsort(events->item + i, h->basket, sizeof(uint32_t), CompareItems);
}

static bool Informs(Habits habits)
{
    TestHost t;
    Events events = {.count = (uint64_t)habits.users * VISITS};
    Interactions data = {.users = habits.users, .items = 60, .events = &events};
    bool result;

    TestHostInit(&t);
    events.offset = HostAllocate(&t.host, habits.users + 1, sizeof(uint64_t));
    events.item = HostAllocate(&t.host, events.count, sizeof(uint32_t));
    if (habits.basket > 0)
        events.time = HostAllocate(&t.host, events.count, sizeof(double));
    MakeVisits(&habits, &events);
    TestHostResetPeak(&t);
    result = OrderInforms(&t.host, &data, 1);
    TestHostEnd(&t);
    return result;
}

static void CheckOrder(void)
{
    CHECK(Informs((Habits){200, 0, 0}), "habits are found");
    CHECK(!Informs((Habits){200, 200, 0}), "chance is not");
    CHECK(Informs((Habits){200, 0, 1}), "habits with times are found");
    CHECK(!Informs((Habits){200, 200, VISITS}), "baskets that are made at once have no order");
    CHECK(!Informs((Habits){200, 200, 4}), "nor have visits of a day, where that is all one knows");
    CHECK(Informs((Habits){20000, 15000, 0}), "habits of later users are found among many");
    CHECK(!Informs((Habits){20000, 20000, 4}), "chance is not");
}

/* ---- budgets ---- */

static double WorkOf(const Chosen *c, const char *name, const char *options, int times)
{
    Trial trial = {.algorithm = AlgorithmFind(name)};

    trial.options = TrialOptions(&c->t.host, trial.algorithm, NULL, &c->options.train);
    SetOptions(trial.algorithm, trial.options, options);
    return times < 0 ? TrainingWork(&trial, &c->data) : TrialWork(&trial, times, &c->data);
}

/* What validation chooses among is run as often. */
static void CheckStages(const Chosen *c)
{
    double plain = WorkOf(c, "amf", "epochs=40 adv_epochs=1 relative_epsilon=0.1", -1);
    double one = WorkOf(c, "amf", "epochs=40 adv_epochs=101 relative_epsilon=0.1", -1) - plain;
    double both = WorkOf(c, "amf", "epochs=40 adv_epochs=101", -1) -
                  WorkOf(c, "amf", "epochs=40 adv_epochs=1", -1);
    double named = WorkOf(c, "nmrn", "epochs=40 temperature=0.3", -1);

    CHECK(both > 1.6 * one && both < 1.7 * one, "amf: two strengths, then all: %.3f", both / one);
    CHECK(WorkOf(c, "amf", "", 0) == WorkOf(c, "amf", "relative_epsilon=0.1", 0),
          "but one in a trial");
    CHECK(WorkOf(c, "nmrn", "epochs=40", -1) > 1.45 * named &&
              WorkOf(c, "nmrn", "epochs=40", -1) < 1.6 * named,
          "nmrn: three temperatures for a third of the epochs: %.3f",
          WorkOf(c, "nmrn", "epochs=40", -1) / named);
    CHECK(WorkOf(c, "nmrn", "", 1) == WorkOf(c, "nmrn", "temperature=0.3", 1) &&
              WorkOf(c, "nmrn", "loss=hinge", -1) ==
                  WorkOf(c, "nmrn", "loss=hinge temperature=0.3", -1),
          "but none in the shortest trials and for the hinge loss");
}

static void CheckBudget(void)
{
    Chosen c;
    Trial trial = {.algorithm = AlgorithmFind("softmax")};
    uint64_t all, some;

    Open(&c, 4000, NULL);
    CHECK(WorkOf(&c, "popularity", "", -1) < WorkOf(&c, "itemknn", "", -1) &&
              WorkOf(&c, "itemknn", "", -1) < WorkOf(&c, "softmax", "", -1),
          "estimates of work differ as trainings do");
    CHECK(WorkOf(&c, "softmax", "factors=64", -1) < WorkOf(&c, "softmax", "factors=128", -1) &&
              WorkOf(&c, "als", "epochs=8", -1) < WorkOf(&c, "als", "epochs=16", -1) &&
              WorkOf(&c, "nmrn", "epochs=5", -1) < WorkOf(&c, "nmrn", "epochs=10", -1),
          "options count");
    CHECK(WorkOf(&c, "bpr", "", 1) < WorkOf(&c, "bpr", "", 2) &&
              WorkOf(&c, "bpr", "", 2) < WorkOf(&c, "bpr", "", 0),
          "short trainings take less");
    CheckStages(&c);
    trial.options = TrialOptions(&c.t.host, trial.algorithm, NULL, &c.options.train);
    all = RoundSample(&c.data, &trial, 1, 1, UINT64_MAX, 1e18);
    some = RoundSample(&c.data, &trial, 1, 1, UINT64_MAX, WorkOf(&c, "softmax", "", 1) / 2);
    CHECK(all == c.data.count && some < 0.6 * c.data.count && some > 0.3 * c.data.count,
          "half the work for half of the interactions: %.2f", (double)some / (double)c.data.count);
    some = RoundSample(&c.data, &trial, 1, 1, UINT64_MAX, 0);
    CHECK(some > c.data.count / 5 && some < c.data.count / 3,
          "a thousand held-out interactions are looked at for any budget");
    TestHostEnd(&c.t);
}

/* A search for weights sees narrow rows, and takes place where enough is held out. */
static void CheckAlsWork(void)
{
    static const char named[] = "factors=%d unobserved_weight=0.1 regularization=0.01";
    Chosen c;
    char settings[96];
    double search[3];

    Open(&c, 1000, NULL);
    for (int i = 0; i < 3; i++) {
        snprintf(settings, sizeof(settings), "factors=%d", 64 << i);
        search[i] = WorkOf(&c, "als", settings, -1);
        snprintf(settings, sizeof(settings), named, 64 << i);
        search[i] -= WorkOf(&c, "als", settings, -1);
    }
    CHECK(search[0] < search[1] && search[2] < 1.2 * search[1],
          "a search takes %.3g, with 128 factors %.3g, with 256 %.3g", search[0], search[1],
          search[2]);
    c.data.held_count = HOLDOUT_FEWEST - 1;
    CHECK(WorkOf(&c, "als", "factors=64", -1) ==
              WorkOf(&c, "als", "factors=64 unobserved_weight=0.1 regularization=0.01", -1),
          "none with little held out");
    TestHostEnd(&c.t);
}

/* Trials of variants at twice the length of the shortest, of all data. */
static void CheckVariantWork(void)
{
    Chosen c;
    double variants;

    Open(&c, 4000, NULL);
    variants = WorkOf(&c, "nmrn", "recent=8", 2) + WorkOf(&c, "nmrn", "regularization=0.003", 2);
    CHECK(variants < 1.5 * WorkOf(&c, "nmrn", "", -1), "nmrn's variants take %.2f trainings",
          variants / WorkOf(&c, "nmrn", "", -1));
    TestHostEnd(&c.t);
}

/* ---- searching for options ---- */

static TunePlan GridPlan(Chosen *c, int trials)
{
    const Algorithm *algorithm = AlgorithmFind("itemknn");
    TuneSpace *space = HostAllocateZero(&c->t.host, 1, sizeof(TuneSpace));
    static double neighbors[] = {5, 10, 20}, weightings[] = {1, 2};

    *space = (TuneSpace){.algorithm = algorithm, .count = 2};
    space->axes = HostAllocateZero(&c->t.host, 2, sizeof(TuneAxis));
    space->axes[0] = (TuneAxis){
        .spec = OptionFind(algorithm->options, "neighbors"), .values = neighbors, .count = 3};
    space->axes[1] = (TuneAxis){
        .spec = OptionFind(algorithm->options, "weighting"), .values = weightings, .count = 2};
    return (TunePlan){.spaces = space, .count = 1, .trials = trials};
}

static void CheckGrid(void)
{
    Chosen c;
    TunePlan plan;
    bool met[3][21] = {{false}};
    int different = 0, whole = 0;

    Open(&c, 200, NULL);
    plan = GridPlan(&c, 50);
    Tune(&c.t.host, &c.data, &plan, &c.options.train, SIZE_MAX, &c.choice);
    for (int i = 0; i < c.choice.trials; i++) {
        const Trial *trial = &c.choice.trial[i];
        int n = (int)OptionRead(plan.spaces->axes[0].spec, trial->options);
        int w = (int)OptionRead(plan.spaces->axes[1].spec, trial->options);

        different += trial->round == 1 && !met[w][n];
        met[w][n] = true;
        whole += trial->round == 2;
    }
    CHECK(different == 6 && whole == 1 && c.choice.trials == 7,
          "each combination once, and the best quarter again");
    TestHostEnd(&c.t);
}

static void CheckTuning(void)
{
    Chosen one, two;
    TuneSpace spaces[2];
    TunePlan plan = {spaces, 2, 8, 0};
    bool within = true;
    int before = 0;

    Open(&one, 200, NULL);
    Open(&two, 200, NULL);
    TestHostUsePool(&two.t, 3);
    spaces[0] = StandardSpace(&one.t.host, AlgorithmFind("bpr"));
    spaces[1] = StandardSpace(&one.t.host, AlgorithmFind("softmax"));
    Tune(&one.t.host, &one.data, &plan, &one.options.train, SIZE_MAX, &one.choice);
    Tune(&two.t.host, &two.data, &plan, &two.options.train, SIZE_MAX, &two.choice);
    for (int i = 2; i < 8; i += 2) {
        double value = OptionRead(spaces[0].axes[1].spec, one.choice.trial[i].options);

        within &= value >= spaces[0].axes[1].least && value <= spaces[0].axes[1].greatest;
    }
    CHECK(one.choice.trials == 10 && within, "trials are drawn from the ranges");
    CHECK(SameChoice(&one.choice, &two.choice), "the same on one and three threads");
    for (int i = 0; i < 8; i++)
        if (one.choice.trial[i].options == one.choice.options)
            before = one.choice.trial[i].epochs;
    CHECK(before > 0 && one.choice.trial[8].epochs + one.choice.trial[9].epochs > 2 * before,
          "the last are whole ones");
    TestHostEnd(&one.t);
    TestHostEnd(&two.t);
}

/* Of whole numbers each is drawn as often. */
static void CheckDraws(void)
{
    Chosen c;
    TuneAxis axis = {.least = 1, .greatest = 4};
    TuneSpace space = {.algorithm = AlgorithmFind("itemknn"), .axes = &axis, .count = 1};
    TunePlan plan = {&space, 1, 400, 0};
    uint64_t counts[4] = {0};

    Open(&c, 200, NULL);
    axis.spec = OptionFind(space.algorithm->options, "neighbors");
    Tune(&c.t.host, &c.data, &plan, &c.options.train, SIZE_MAX, &c.choice);
    for (int i = 0; i < c.choice.trials; i++)
        if (c.choice.trial[i].round == 1)
            counts[(int)OptionRead(axis.spec, c.choice.trial[i].options) - 1]++;
    CHECK(c.choice.trials == 500, "400 trials, and the best quarter again: %d", c.choice.trials);
    CHECK(counts[0] + counts[1] + counts[2] + counts[3] == 400 && counts[0] > 75 &&
              counts[3] > 75 && counts[0] < 125 && counts[3] < 125 && LooksUniform(counts, 4),
          "1: %d, 2: %d, 3: %d, 4: %d", (int)counts[0], (int)counts[1], (int)counts[2],
          (int)counts[3]);
    TestHostEnd(&c.t);
}

static void TuneInNoRoom(void *arg)
{
    Chosen *c = arg;
    TunePlan plan = GridPlan(c, 2);

    Tune(&c->t.host, &c->data, &plan, &c->options.train, 0, &c->choice);
}

/* Trials see some of the users alone: what the training needs is looked at beforehand. */
static void CheckTuningRoom(void)
{
    static double factors[] = {4, 1024};
    Chosen c;
    TuneAxis axis = {.values = factors, .count = 2};
    TuneSpace space = {.algorithm = AlgorithmFind("bpr"), .axes = &axis, .count = 1};
    TunePlan plan = {&space, 1, 2, 0};
    Trial wide = {.algorithm = space.algorithm};
    int left_out = 0;
    size_t room;

    Open(&c, 300, NULL);
    axis.spec = OptionFind(space.algorithm->options, "factors");
    wide.options = TrialOptions(&c.t.host, wide.algorithm, NULL, &c.options.train);
    SetOptions(wide.algorithm, wide.options, "factors=1024");
    room = TrainingRoom(&wide, &c.data, 1) - 1;
    Tune(&c.t.host, &c.data, &plan, &c.options.train, room, &c.choice);
    for (int i = 0; i < c.choice.trials; i++) {
        const Trial *trial = &c.choice.trial[i];
        bool fits = OptionRead(axis.spec, trial->options) == 4;

        CHECK(fits == (trial->problem == NULL), "what the training has no room for is left out");
        left_out += trial->round == 0 && trial->problem != NULL &&
                    strstr(trial->problem, "its training needs more memory") != NULL;
    }
    CHECK(left_out == 1 && c.choice.trials == 2 && OptionRead(axis.spec, c.choice.options) == 4,
          "before any trial, and the other is chosen");
    CHECK(Attempt(&c.t, TuneInNoRoom, &c) == OUTCOME_FAILED &&
              strstr(c.t.message, "memory") != NULL,
          "with no room for any there is no search: %s", c.t.message);
    TestHostEnd(&c.t);
}

/* ---- ranks ---- */

static void CheckRank(void)
{
    Trial list[] = {{.algorithm = AlgorithmFind("amf"), .metric = 0.5},
                    {.algorithm = AlgorithmFind("softmax"), .metric = NAN},
                    {.algorithm = AlgorithmFind("bpr"), .metric = 0.5, .epochs = 1},
                    {.algorithm = AlgorithmFind("bpr"), .metric = 0.5, .epochs = 2},
                    {.algorithm = AlgorithmFind("nmrn"), .metric = 0.6}};

    CHECK(RoundRank(list, 5) == 4, "how many were measured");
    CHECK(list[0].metric == 0.6 && isnan(list[4].metric), "the best first, the unmeasured last");
    CHECK(list[1].algorithm == AlgorithmFind("bpr") && list[1].epochs == 1 && list[2].epochs == 2 &&
              list[3].algorithm == AlgorithmFind("amf"),
          "equals in the order of the list of algorithms, whatever came before");
}

/* ---- memory and interrupts ---- */

static void CheckMemory(const char *settings, bool variants, int trials)
{
    Chosen c;
    size_t estimate, before;

    Open(&c, 100, settings);
    estimate = GreatestTraining(&c, variants) + ChooseSampleMemory(&c.options, &c.data);
    before = c.t.bytes;
    TestHostResetPeak(&c.t);
    Run(&c);
    CHECK(c.choice.trials == trials && c.t.peak - before <= estimate + TestHostSlack(&c.t),
          "%s: memory of %d trials within the estimate: %zu, %zu", settings, c.choice.trials,
          c.t.peak - before, estimate);
    CHECK(c.t.bytes - before < 8192, "trials leave nothing behind: %zu bytes", c.t.bytes - before);
    TestHostEnd(&c.t);
}

static void CheckCancel(void)
{
    Chosen c;

    Open(&c, 300, NULL);
    c.t.interrupt_every = 1;
    c.t.cancel_at = 200;
    CHECK(Attempt(&c.t, Run, &c) == OUTCOME_CANCELLED, "a choice can be cancelled");
    TestHostEnd(&c.t);
}

void TestChoice(void)
{
    int taken = 0;

    CheckCandidates();
    CheckSample();
    CheckHeldShare();
    CheckEvents();
    CheckChoice();
    CheckThreads();
    CheckWeights();
    CheckVariants(4000, 3300, &taken);
    CheckVariants(1200, 1200, &taken);
    CHECK(taken == 1, "one of two variants is taken");
    CheckWidth();
    CheckLastRoom();
    CheckUntried();
    CheckRoom();
    CheckFailure();
    CheckNamed();
    CheckNone();
    CheckOrder();
    CheckBudget();
    CheckAlsWork();
    CheckVariantWork();
    CheckDraws();
    CheckGrid();
    CheckTuning();
    CheckTuningRoom();
    CheckRank();
    CheckMemory("", true, 10);
    CheckMemory("candidates=popularity,softmax", true, 3);
    CheckCancel();
}
