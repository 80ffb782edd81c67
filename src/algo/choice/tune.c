/* tune.c: draws of options, and the rounds of their trials. */
#include "algo/choice/tune.h"

#include <math.h>
#include <string.h>

#include "algo/choice/rounds.h"
#include "core/pool.h"
#include "core/random.h"

/* One of so many goes on. */
#define KEPT_SHARE 4

/* The first round may take this share of the time. */
#define FIRST_TIME 0.6

/* Lists with fewer combinations in all are gone through, each once. */
#define MOST_COMBINATIONS 65536u

typedef struct Tuner {
    Rounds rounds;
    const TunePlan *plan;
    const TrainOptions *options;
    double deadline;  /* of the round; 0: none */
    uint32_t **order; /* of each space's combinations; NULL: they are without number */
} Tuner;

/* --- spaces */

static TuneAxis AxisOf(const Algorithm *algorithm, const OptionRange *range)
{
    return (TuneAxis){.spec = OptionFind(algorithm->options, range->option),
                      .least = range->least,
                      .greatest = range->greatest,
                      .log = range->log};
}

TuneSpace StandardSpace(const Host *host, const Algorithm *algorithm)
{
    TuneSpace space = {.algorithm = algorithm, .standard = true};
    const OptionRange *range = algorithm->space;

    while (range != NULL && range[space.count].option != NULL)
        space.count++;
    space.axes = HostAllocate(host, (size_t)space.count + 1, sizeof(TuneAxis));
    for (int i = 0; i < space.count; i++)
        space.axes[i] = AxisOf(algorithm, &range[i]);
    return space;
}

/* How many there are, if all axes are lists and they are few; 0: without number. */
static uint32_t Combinations(const TuneSpace *space)
{
    uint64_t all = 1;

    for (int i = 0; i < space->count; i++) {
        if (space->axes[i].values == NULL)
            return 0;
        all *= (uint64_t)space->axes[i].count;
        if (all > MOST_COMBINATIONS)
            return 0;
    }
    return (uint32_t)all;
}

/* --- draws */

/* Of whole numbers without a logarithm each is as likely. */
static double DrawFrom(const TuneAxis *axis, Random *random)
{
    bool real = axis->spec->type == OPTION_REAL;
    double share = RandomUniform(random), value;

    if (axis->values != NULL)
        return axis->values[RandomBelow(random, (uint32_t)axis->count)];
    if (!axis->log && !real)
        value = axis->least + floor(share * (axis->greatest - axis->least + 1));
    else if (!axis->log)
        value = axis->least + share * (axis->greatest - axis->least);
    else
        value = axis->least * pow(axis->greatest / axis->least, share);
    return fmin(fmax(real ? value : floor(value + 0.5), axis->least), axis->greatest);
}

static void Set(const TuneAxis *axis, double value, void *options)
{
    char expected[64];
    OptionValue as = {axis->spec->type == OPTION_BOOL ? VALUE_BOOL : VALUE_NUMBER, value, NULL};

    if (axis->spec->type == OPTION_CHOICE || axis->spec->type == OPTION_LIST)
        as = (OptionValue){VALUE_STRING, 0, axis->spec->choices[(int)value]};
    OptionStore(axis->spec, as, options, expected, sizeof(expected));
}

/* Combination `number`, axis by axis. */
static void SetCombination(const TuneSpace *space, uint32_t number, void *options)
{
    for (int i = 0; i < space->count; i++) {
        uint32_t count = (uint32_t)space->axes[i].count;

        Set(&space->axes[i], space->axes[i].values[number % count], options);
        number /= count;
    }
}

/* Numbers of combinations in a random order. */
static uint32_t *ShuffledCombinations(const Tuner *t, uint32_t all)
{
    uint32_t *order = HostAllocate(t->rounds.host, all, sizeof(uint32_t));
    Random random;

    for (uint32_t i = 0; i < all; i++)
        order[i] = i;
    RandomSeed(&random, t->rounds.seed, RANDOM_CHOICE, all, 2);
    RandomShuffle(&random, order, all);
    return order;
}

static void OpenOrders(Tuner *t)
{
    const TunePlan *plan = t->plan;

    t->order = HostAllocateZero(t->rounds.host, (size_t)plan->count, sizeof(uint32_t *));
    for (int i = 0; i < plan->count; i++) {
        uint32_t all = Combinations(&plan->spaces[i]);

        if (all > 0)
            t->order[i] = ShuffledCombinations(t, all);
    }
}

static void CloseOrders(Tuner *t)
{
    for (int i = 0; i < t->plan->count; i++)
        HostRelease(t->rounds.host, t->order[i]);
    HostRelease(t->rounds.host, t->order);
}

/* Fills the options of trial `draw`, from 0 on, of space `number`; false: there are no more. */
static bool Draw(const Tuner *t, int number, int draw, void *options)
{
    const TuneSpace *space = &t->plan->spaces[number];
    uint32_t all = Combinations(space);
    Random random;

    if (all > 0 && (uint32_t)draw >= all)
        return false;
    if (space->standard && draw == 0)
        return true;
    if (all > 0) {
        SetCombination(space, t->order[number][draw], options);
        return true;
    }
    RandomSeed(&random, t->rounds.seed, RANDOM_CHOICE, (uint64_t)draw, (uint64_t)number + 3);
    for (int i = 0; i < space->count; i++)
        Set(&space->axes[i], DrawFrom(&space->axes[i], &random), options);
    return true;
}

/* A trial sees some of the users, the training all. */
static bool HasRoom(const Rounds *r, const Trial *trial)
{
    return TrainingRoom(trial, r->data, PoolThreads(r->host)) <= r->room;
}

/* To the list, or to what was left out. */
static void Enlist(Tuner *t, Trial *trial, Trial *list, int *count)
{
    if (HasRoom(&t->rounds, trial)) {
        list[(*count)++] = *trial;
        return;
    }
    trial->problem = "its training needs more memory than is allowed";
    RoundsRecord(&t->rounds, trial);
}

/*
 * Trials of all spaces in turn, until there are as many as planned or no more to draw; returns how
 * many of them can be trained.
 */
static int DrawTrials(Tuner *t, Trial *list)
{
    const TunePlan *plan = t->plan;
    int count = 0, all = 0, before = -1;

    for (int draw = 0; all < plan->trials && all > before; draw++) {
        before = all;
        for (int i = 0; i < plan->count && all < plan->trials; i++) {
            Trial trial = {.algorithm = plan->spaces[i].algorithm, .metric = NAN};

            trial.options = TrialOptions(t->rounds.host, trial.algorithm, NULL, t->options);
            if (!Draw(t, i, draw, trial.options))
                continue;
            Enlist(t, &trial, list, &count);
            all++;
        }
    }
    return count;
}

/* --- rounds */

static bool HasTime(void *arg)
{
    const Tuner *t = arg;

    return t->deadline == 0 || HostClock() < t->deadline;
}

static void PlanTime(Tuner *t, double share)
{
    t->deadline = t->plan->seconds > 0 ? t->rounds.start + share * t->plan->seconds : 0;
}

static int AtLeastOne(int count)
{
    return count > 1 ? count : 1;
}

/* Short ones of all; false: too little is held out. */
static bool RunFirst(Tuner *t, Trial *list, int *count)
{
    int kept = AtLeastOne(*count / KEPT_SHARE), measured;

    PlanTime(t, FIRST_TIME);
    if (!RoundRun(&t->rounds, list, *count, 1, FIRST_MOST))
        return false;
    measured = RoundRank(list, *count);
    *count = AtLeastOne(measured < kept ? measured : kept);
    return true;
}

/* Whole ones of the best. */
static void RunLast(Tuner *t, Trial *list, int count)
{
    Trial best = list[0];

    PlanTime(t, 1);
    RoundRun(&t->rounds, list, count, 0, LAST_MOST);
    if (RoundRank(list, count) == 0 && t->rounds.round > 1)
        list[0] = best;
}

/* From the list to its best, in its first place; returns why nothing was tried, or NULL. */
static const char *Search(Tuner *t, Trial *list, int count)
{
    bool one = count == 1;

    t->rounds.planned = t->rounds.trials + (one ? 1 : count + AtLeastOne(count / KEPT_SHARE));
    if (!IsMeasurable(t->rounds.data) || (!one && !RunFirst(t, list, &count))) {
        list[0] = *SimplestTrial(t->rounds.data, list, count);
        return too_few;
    }
    PlanTime(t, 1);
    if (one || HasTime(t))
        RunLast(t, list, count);
    return NULL;
}

static void FailAll(const Tuner *t, const Trial *trial)
{
    HostFail(t->rounds.host, FAIL_INVALID, "Look for other options, or at other algorithms.",
             "none of the trials could be measured; %s: %s", trial->algorithm->name,
             trial->problem == NULL ? "its ranking could not be measured" : trial->problem);
}

void Tune(const Host *host, const Interactions *data, const TunePlan *plan,
          const TrainOptions *options, size_t room, Choice *choice)
{
    Tuner t = {.rounds = {.host = host,
                          .data = data,
                          .seed = (uint64_t)options->seed,
                          .room = room,
                          .start = HostClock(),
                          .most = 2 * plan->trials,
                          .go_on = HasTime,
                          .arg = &t},
               .plan = plan,
               .options = options};
    Trial *list = HostAllocate(host, (size_t)plan->trials, sizeof(Trial));
    int count;

    t.rounds.trial = HostAllocate(host, (size_t)t.rounds.most, sizeof(Trial));
    OpenOrders(&t);
    count = DrawTrials(&t, list);
    CloseOrders(&t);
    if (count == 0)
        FailAll(&t, &t.rounds.trial[t.rounds.trials - 1]);
    *choice = (Choice){.untried = Search(&t, list, count)};
    if (choice->untried == NULL && isnan(list[0].metric))
        FailAll(&t, &list[0]);
    choice->algorithm = list[0].algorithm;
    choice->options = list[0].options;
    choice->trial = t.rounds.trial;
    choice->trials = t.rounds.trials;
    HostRelease(host, list);
}
