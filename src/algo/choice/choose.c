/*
 * choose.c: trials of the candidates, who goes on to the next round, and what it costs.
 *
 * Costs are estimates of the algorithms (Algorithm.work), never a clock's: the same data, options
 * and seed give the same choice.
 */
#include "algo/choice/choose.h"

#include <math.h>
#include <string.h>

#include "algo/choice/order.h"
#include "algo/choice/rounds.h"
#include "algo/choice/sample.h"
#include "algo/rank/validation.h"
#include "core/pool.h"

/* How much longer than short trainings those of the last round are. */
#define LAST_TIMES 2

/* The first round takes this share of the budget, by a candidate than which this share is cheaper.
 */
#define FIRST_SHARE 3

/* Nanoseconds of a round that nobody grudges. */
#define FIRST_LITTLE 4e9
#define LAST_LITTLE  20e9

/* Variants of one algorithm, and trainings of it that their trials may take beyond the budget. */
#define MOST_VARIANTS     8
#define VARIANT_TRAININGS 1.5

static const char only_one[] = "it is the only candidate";

typedef struct Chooser {
    Rounds rounds;
    const ChoiceOptions *options;
    Trial *list; /* who is still in */
    int count;
    int times;     /* of the last round */
    uint64_t most; /* of the last round: what its sample was meant to have */
} Chooser;

static int CountAlgorithms(void)
{
    int count = 0;

    while (algorithms[count] != NULL)
        count++;
    return count;
}

/* --- candidates */

/* An algorithm that goes by order alone, and is not named. */
static bool IsIdle(const Chooser *c, const Algorithm *algorithm, bool informs)
{
    return algorithm->events && !informs && c->options->candidates == 0;
}

/* NULL: nothing speaks against a trial. */
static const char *Objection(const Chooser *c, const Trial *trial, bool informs)
{
    if (IsIdle(c, trial->algorithm, informs))
        return "the order of interactions says nothing";
    if (TrainingRoom(trial, c->rounds.data, PoolThreads(c->rounds.host)) > c->rounds.room)
        return "its training needs more memory than is allowed";
    return NULL;
}

static void ListCandidates(Chooser *c, bool informs)
{
    const ChoiceOptions *o = c->options;

    for (int i = 0; algorithms[i] != NULL; i++) {
        Trial trial = {.algorithm = algorithms[i], .metric = NAN};

        if (!IsCandidate(o, i, c->rounds.data->columns))
            continue;
        trial.options =
            TrialOptions(c->rounds.host, algorithms[i], effort_names[o->effort], &o->train);
        trial.problem = Objection(c, &trial, informs);
        if (trial.problem == NULL)
            c->list[c->count++] = trial;
        else
            RoundsRecord(&c->rounds, &trial);
    }
}

/* --- what it may cost */

/* Of the candidates that cost anything, one of the cheaper: who will lead is not known yet. */
static double CheaperWork(const Chooser *c)
{
    double work[64];
    int count = 0;

    for (int i = 0; i < c->count && count < 64; i++) {
        double own = TrainingWork(&c->list[i], c->rounds.data);
        int at = count;

        if (c->list[i].algorithm->work == NULL)
            continue;
        for (; at > 0 && work[at - 1] > own; at--)
            work[at] = work[at - 1];
        work[at] = own;
        count++;
    }
    return count == 0 ? 0 : work[(count - 1) / FIRST_SHARE];
}

static double FirstBudget(const Chooser *c)
{
    return fmax(FIRST_LITTLE, c->options->budget / FIRST_SHARE * CheaperWork(c));
}

/* What is left, by the best so far. */
static double LeftBudget(const Chooser *c)
{
    double all = c->options->budget * TrainingWork(&c->list[0], c->rounds.data);

    return fmax(LAST_LITTLE, all - c->rounds.spent);
}

/* --- rounds */

static bool RunRound(Chooser *c, int times, uint64_t most)
{
    if (!RoundRun(&c->rounds, c->list, c->count, times, most))
        return false;
    c->times = times;
    c->most = most;
    c->count = RoundRank(c->list, c->count);
    return true;
}

/* What a round sees that is meant to see so many interactions. */
static Interactions Seen(const Chooser *c, uint64_t most)
{
    Interactions shape = *c->rounds.data;
    double share = (double)most / (double)shape.count;

    if (most >= shape.count)
        return shape;
    shape.users = (uint32_t)((double)shape.users * share) + 1;
    shape.held_count = (uint64_t)((double)shape.held_count * share) + 1;
    shape.count = most;
    return shape;
}

static bool RunFirst(Chooser *c)
{
    uint64_t most = RoundSample(c->rounds.data, c->list, c->count, 1, FIRST_MOST, FirstBudget(c));

    return RunRound(c, 1, most);
}

/* The better half for longer, where that sees at least as much.  What the first round has found
 * stands where this one measures nothing. */
static void RunLast(Chooser *c)
{
    const Chooser before = *c;
    const Trial best = c->list[0];
    int half = (c->count + 1) / 2;
    uint64_t most =
        RoundSample(c->rounds.data, c->list, half, LAST_TIMES, LAST_MOST, LeftBudget(c));
    Interactions shape = Seen(c, most);

    if (half < 2 || most < c->most)
        return;
    if (RoundWork(c->list, half, LAST_TIMES, &shape) > 1.5 * LeftBudget(c))
        return;
    c->count = half;
    c->rounds.planned = c->rounds.trials + half;
    if (!RunRound(c, LAST_TIMES, most) || c->count > 0)
        return;
    c->list[0] = best;
    c->count = 1;
    c->times = before.times;
    c->most = before.most;
}

/* --- variants */

/* Nothing but another option, for data, memory and time that the best has, too. */
static bool CanBe(const Chooser *c, const Trial *best, const Trial *trial)
{
    const Interactions *data = c->rounds.data;

    return VariantSuits(best, trial, data) &&
           TrainingRoom(trial, data, PoolThreads(c->rounds.host)) <= c->rounds.room &&
           (RequiredColumns(trial->algorithm, trial->options) & ~data->columns) == 0 &&
           (!WantsEvents(trial->algorithm, trial->options) || data->events != NULL);
}

/* How many of the first of them may be tried. */
static int Affordable(const Chooser *c, const Trial *list, int count)
{
    double most =
        fmax(LeftBudget(c), VARIANT_TRAININGS * TrainingWork(&c->list[0], c->rounds.data));
    Interactions shape = Seen(c, c->most);

    while (count > 0 && RoundWork(list, count, c->times, &shape) > most)
        count--;
    return count;
}

/* Is the gain more than chance? */
static bool IsWorth(const Chooser *c, double value, double before)
{
    Interactions shape = Seen(c, c->most);

    return IsGain(value, before) && value > before * (1 + ValidationDoubt(shape.held_count));
}

/* What layout() decides for all of the data is named: a variant that says the same is none. */
static void SettleBest(const Chooser *c)
{
    const Trial *best = &c->list[0];
    Model model;

    ModelLayout(&model, best->algorithm, best->options, c->rounds.data->users,
                c->rounds.data->items);
    ModelSettle(&model, best->options);
}

/* Options of the best, by trials like its last; one must be worth a change. */
static void TryVariants(Chooser *c)
{
    const Algorithm *algorithm = c->list[0].algorithm;
    Trial list[MOST_VARIANTS];
    int count = 0;

    SettleBest(c);
    for (int i = 0; i < CountVariants(algorithm) && count < MOST_VARIANTS; i++) {
        void *options = HostAllocate(c->rounds.host, 1, algorithm->options_size);

        VariantOptions(algorithm, i, c->list[0].options, options);
        list[count] = (Trial){.algorithm = algorithm, .options = options, .metric = NAN};
        count += CanBe(c, &c->list[0], &list[count]);
    }
    count = Affordable(c, list, count);
    c->rounds.planned = c->rounds.trials + count;
    if (count == 0 || !RoundRun(&c->rounds, list, count, c->times, c->most))
        return;
    RoundRank(list, count);
    if (IsWorth(c, list[0].metric, c->list[0].metric))
        c->list[0] = list[0];
}

/* --- the whole */

/* What was tried says why. */
static void FailAll(const Chooser *c)
{
    const Rounds *r = &c->rounds;
    const Trial *last = &r->trial[r->trials - 1];

    HostFail(r->host, FAIL_INVALID, "Name other candidates, or the algorithm.",
             "none of the candidates can be trained; %s: %s", last->algorithm->name,
             last->problem == NULL ? "it could not be measured" : last->problem);
}

static const char *Untried(const Chooser *c)
{
    if (!IsMeasurable(c->rounds.data))
        return too_few;
    return c->count == 1 ? only_one : NULL;
}

/* From the list to its best, in its first place; returns why nothing was tried, or NULL. */
static const char *Search(Chooser *c)
{
    const char *untried = Untried(c);

    if (untried == NULL && !RunFirst(c))
        untried = too_few;
    if (untried != NULL) {
        c->list[0] = *SimplestTrial(c->rounds.data, c->list, c->count);
        return untried;
    }
    if (c->count == 0)
        FailAll(c);
    RunLast(c);
    TryVariants(c);
    return NULL;
}

void Choose(const Host *host, const Interactions *data, const ChoiceOptions *options, size_t room,
            Choice *choice)
{
    int all = CountAlgorithms();
    Chooser c = {.rounds = {.host = host,
                            .data = data,
                            .seed = (uint64_t)options->train.seed,
                            .room = room,
                            .start = HostClock(),
                            .most = 3 * all + MOST_VARIANTS},
                 .options = options};
    bool informs = data->events == NULL || OrderInforms(host, data, c.rounds.seed);

    c.list = HostAllocate(host, (size_t)all, sizeof(Trial));
    c.rounds.trial = HostAllocate(host, (size_t)c.rounds.most, sizeof(Trial));
    ListCandidates(&c, informs);
    if (c.count == 0)
        FailAll(&c);
    c.rounds.planned = c.rounds.trials + c.count + (c.count + 1) / 2;
    *choice = (Choice){.untried = Search(&c)};
    choice->algorithm = c.list[0].algorithm;
    choice->options = c.list[0].options;
    choice->trial = c.rounds.trial;
    choice->trials = c.rounds.trials;
    HostRelease(host, c.list);
}

/* --- memory */

/* As many users as there are at most, as if each round had events. */
size_t ChooseSampleMemory(const ChoiceOptions *options, const Interactions *shape)
{
    bool events = ChoiceWantsEvents(options, shape->columns);

    return SizeAdd(SampleMemory(shape, LAST_MOST, events), events ? OrderInformsMemory() : 0);
}
