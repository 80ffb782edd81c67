/*
 * core.c: the numerics without PostgreSQL, for tuning and as a reference of speed.
 *
 *   core TRAIN.tsv TEST.tsv ALGORITHM [option=value ...]
 *
 * The files hold dense ids, tab-separated: user, item [, time].  An empty name skips the test.
 * "auto" as ALGORITHM tells of the trials first, and then trains what was chosen.  A number instead
 * of TRAIN.tsv makes up so many rows, of a fiftieth as many users and a 250th items. Prints seconds
 * and processor seconds of training, triples per second, the learning curve's best point, Recall
 * and NDCG at 20 and at 10.
 */
#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "algo/choice/choose.h"
#include "algo/rank/ranking.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "core/random.h"
#include "program.h"

/* With a third column, times, the events, too. */
static Interactions ReadPairs(const char *file, uint32_t users, uint32_t items)
{
    FILE *in = Open(file);
    Pairs pairs = {0};
    Interactions result;
    char line[256];
    bool times = true;
    Events *events = HostAllocateZero(&host, 1, sizeof(Events));

    pairs.user = HostAllocate(&host, 1u << 27, sizeof(uint32_t));
    pairs.item = HostAllocate(&host, 1u << 27, sizeof(uint32_t));
    pairs.time = HostAllocate(&host, 1u << 27, sizeof(double));
    while (fgets(line, sizeof(line), in) != NULL) {
        unsigned user, item;
        int read = sscanf(line, "%u %u %lf", &user, &item, &pairs.time[pairs.count]);

        if (read < 2)
            continue;
        times &= read == 3;
        pairs.user[pairs.count] = user;
        pairs.item[pairs.count++] = item;
        users = user >= users ? user + 1 : users;
        items = item >= items ? item + 1 : items;
    }
    fclose(in);
    if (times)
        EventsBuild(&host, &pairs, users, events);
    else
        pairs.time = NULL;
    InteractionsBuild(&host, &pairs, users, items, &result);
    if (times) {
        result.events = events;
        result.columns |= COLUMN_TIME;
    }
    return result;
}

/* Skewed activity and popularity. */
static Interactions MakeUp(uint64_t rows)
{
    uint32_t users = (uint32_t)(rows / 50) + 1, items = (uint32_t)(rows / 250) + 1;
    Pairs pairs = {.count = rows,
                   .user = HostAllocate(&host, rows, sizeof(uint32_t)),
                   .item = HostAllocate(&host, rows, sizeof(uint32_t))};
    Interactions result;
    Random random;

    RandomSeed(&random, 1, RANDOM_INIT_USER, 0, 0);
    for (uint64_t i = 0; i < rows; i++) {
        pairs.user[i] = (uint32_t)(users * pow(RandomUniform(&random), 1.5));
        pairs.item[i] = (uint32_t)(items * pow(RandomUniform(&random), 2));
    }
    InteractionsBuild(&host, &pairs, users, items, &result);
    HostRelease(&host, pairs.user);
    HostRelease(&host, pairs.item);
    return result;
}

static Interactions ReadOrMakeUp(const char *text)
{
    char *end;
    uint64_t rows = strtoull(text, &end, 10);

    return *end == '\0' && rows > 0 ? MakeUp(rows) : ReadPairs(text, 0, 0);
}

/* A case for each user of the test; items that nobody has in the training are never found. */
static size_t MakeCases(const Interactions *train, const Interactions *test, RankingCase *cases)
{
    uint32_t *relevant = HostAllocate(&host, test->count, sizeof(uint32_t));
    uint32_t *positions = HostAllocate(&host, test->count, sizeof(uint32_t));
    size_t n = 0;

    for (uint64_t i = 0; i < test->count; i++)
        relevant[i] = test->item[i] < train->items ? test->item[i] : NO_ITEM;
    for (uint32_t user = 0; user < train->users; user++) {
        uint64_t first = test->offset[user], last = test->offset[user + 1];

        if (first < last)
            cases[n++] = (RankingCase){
                .user = user,
                .relevant = relevant + first,
                .relevant_count = (uint32_t)(last - first),
                .excluded = train->item + train->offset[user],
                .excluded_count = (uint32_t)(train->offset[user + 1] - train->offset[user]),
                .positions = positions + first,
            };
    }
    return n;
}

static void PrintMetrics(const RankingCase *cases, size_t n, uint32_t k)
{
    double recall = 0, ndcg = 0;

    for (size_t i = 0; i < n; i++) {
        CutoffMetrics m = CutoffMetricsOf(cases[i].positions, cases[i].relevant_count, k);

        recall += m.recall;
        ndcg += m.ndcg;
    }
    printf(" recall@%u %.5f ndcg@%u %.5f", k, recall / (double)n, k, ndcg / (double)n);
}

static void Evaluate(const Model *model, const Interactions *train, const Interactions *test)
{
    RankingCase *cases = HostAllocateZero(&host, train->users, sizeof(RankingCase));
    size_t n = MakeCases(train, test, cases);

    RankCases(&host, model, HistoriesOf(model, train, true), cases, n);
    PrintMetrics(cases, n, 20);
    PrintMetrics(cases, n, 10);
}

static const Algorithm *Find(const char *name)
{
    return strcmp(name, choosing.name) == 0 ? &choosing : AlgorithmFind(name);
}

/* Of the first part behind the popularity: factors, or neighbours. */
static uint32_t WidthOf(const Choice *choice, const Interactions *train)
{
    Model model;

    ModelLayout(&model, choice->algorithm, choice->options, train->users, train->items);
    return model.parts > 1 ? model.part[1].columns : 0;
}

/* A line a trial, with wall and processor seconds of all. */
static Choice ChooseAndTell(const Interactions *train, const TrainOptions *options)
{
    clock_t processor = clock();
    double start = HostClock();
    Choice choice;

    Choose(&host, train, (const ChoiceOptions *)options, SIZE_MAX, &choice);
    for (int i = 0; i < choice.trials; i++)
        printf("round %d %s ndcg@100 %.4f %.2f s%s%s\n", choice.trial[i].round,
               choice.trial[i].algorithm->name, choice.trial[i].metric, choice.trial[i].seconds,
               choice.trial[i].problem == NULL ? "" : ": ",
               choice.trial[i].problem == NULL ? "" : choice.trial[i].problem);
    printf("chosen in %.2f s, %.2f processor-s, rows of %u%s%s\n", HostClock() - start,
           (double)(clock() - processor) / CLOCKS_PER_SEC, WidthOf(&choice, train),
           choice.untried == NULL ? "" : ": ", choice.untried == NULL ? "" : choice.untried);
    return choice;
}

int main(int argc, char **argv)
{
    const Algorithm *algorithm = argc > 3 ? Find(argv[3]) : NULL;
    TrainReport report = {0};
    TrainOptions *options;
    Interactions train;
    Model model;
    double start, seconds;
    clock_t processor;

    if (algorithm == NULL) {
        fprintf(stderr, "usage: core TRAIN TEST ALGORITHM [option=value ...]\n");
        return 2;
    }
    options = ReadOptions(algorithm, argv + 4);
    if (options->threads == 0)
        options->threads = 1;
    train = ReadOrMakeUp(argv[1]);
    host.pool = PoolCreate(&host, (int)options->threads);
    start = HostClock();
    processor = clock();
    InteractionsHoldOut(&host, &train, ResolveHoldout(options, train.time != NULL),
                        (uint64_t)options->validation_users, (uint64_t)options->seed);
    if (IsChoosing(algorithm)) {
        Choice choice = ChooseAndTell(&train, options);

        algorithm = choice.algorithm;
        options = choice.options;
        processor = clock();
        start = HostClock();
    }
    ModelLayout(&model, algorithm, options, train.users, train.items);
    ModelAllocate(&host, &model);
    ModelCountPopularity(&host, &train, &model);
    algorithm->train(&host, &train, &model, &report);
    seconds = HostClock() - start;
    processor = clock() - processor;
    for (int i = 4; i < argc; i++)
        printf("%s ", argv[i]);
    printf("| %s %d epochs, best %d", algorithm->name, report.epochs, report.best + 1);
    if (report.best >= 0)
        printf(" val %.4f", report.history[report.best].metric[0]);
    printf(" %.2f s %.2f M/s %.2f processor-s %" PRIu64 " triples", seconds,
           (double)TrainingCount(&train) * report.epochs / seconds / 1e6,
           (double)processor / CLOCKS_PER_SEC, TrainingCount(&train));
    if (argv[2][0] != '\0') {
        Interactions test = ReadPairs(argv[2], train.users, train.items);

        Evaluate(&model, &train, &test);
    }
    printf("\n");
    PoolDestroy(host.pool);
    return 0;
}
