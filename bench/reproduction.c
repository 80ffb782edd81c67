/*
 * reproduction.c: one training in the form of He et al. 2018, and what their figures and tables
 * show of it.
 *
 *   reproduction TRAIN.tsv TEST.tsv NAME ALGORITHM [option=value ...]
 *
 * The files hold dense ids, tab-separated: user, item.  Of TRAIN one more item of each user is held
 * out for validation, which chooses the epoch; TEST has one item a user.  Prints lines of
 * tab-separated values: "curve" NAME stage epoch NDCG@100 squared-norms, one an epoch that
 * was validated; "test" NAME HR@50 HR@100 NDCG@50 NDCG@100; "robust" NAME epsilon
 * random|adversarial relative|absolute change-of-NDCG@100.
 */
#include <math.h>

#include "algo/rank/ranking.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "program.h"

static Model model;
static const char *name;

static double SquaredNorms(void)
{
    double sum = 0;

    for (int p = 1; p < model.parts; p++)
        for (size_t i = 0; i < PartFloats(&model.part[p]); i++)
            sum += (double)model.part[p].data[i] * model.part[p].data[i];
    return sum;
}

static void TellEpoch(void *arg, const Progress *p)
{
    (void)arg;
    if (!isnan(p->value))
        printf("curve\t%s\t%s\t%d\t%.6f\t%.4f\n", name, p->stage, p->epoch, p->value,
               SquaredNorms());
}

static Interactions ReadPairs(const char *file, uint32_t users, uint32_t items)
{
    FILE *in = Open(file);
    Pairs pairs = {0};
    Interactions result;
    char line[256];

    pairs.user = HostAllocate(&host, 1u << 23, sizeof(uint32_t));
    pairs.item = HostAllocate(&host, 1u << 23, sizeof(uint32_t));
    while (fgets(line, sizeof(line), in) != NULL) {
        unsigned user, item;

        if (sscanf(line, "%u %u", &user, &item) != 2 || pairs.count == 1u << 23)
            continue;
        pairs.user[pairs.count] = user;
        pairs.item[pairs.count++] = item;
        users = user >= users ? user + 1 : users;
        items = item >= items ? item + 1 : items;
    }
    fclose(in);
    InteractionsBuild(&host, &pairs, users, items, &result);
    return result;
}

typedef struct Figures {
    double hr50, hr100, ndcg50, ndcg100;
} Figures;

static Figures Test(const Interactions *train, const Interactions *test)
{
    RankingCase *cases = calloc(test->users + 1, sizeof(RankingCase));
    uint32_t *positions = calloc(test->count + 1, sizeof(uint32_t));
    Figures sum = {0};
    size_t n = 0;

    for (uint32_t user = 0; user < test->users; user++)
        if (test->offset[user] < test->offset[user + 1])
            cases[n++] = (RankingCase){
                .user = user,
                .relevant = test->item + test->offset[user],
                .relevant_count = (uint32_t)(test->offset[user + 1] - test->offset[user]),
                .excluded = train->item + train->offset[user],
                .excluded_count = (uint32_t)(train->offset[user + 1] - train->offset[user]),
                .positions = positions + test->offset[user]};
    RankCases(&host, &model, NO_HISTORIES, cases, n);
    for (size_t i = 0; i < n; i++) {
        CutoffMetrics at50 = CutoffMetricsOf(cases[i].positions, cases[i].relevant_count, 50);
        CutoffMetrics at100 = CutoffMetricsOf(cases[i].positions, cases[i].relevant_count, 100);

        sum.hr50 += at50.hr / (double)n;
        sum.hr100 += at100.hr / (double)n;
        sum.ndcg50 += at50.ndcg / (double)n;
        sum.ndcg100 += at100.ndcg / (double)n;
    }
    free(cases);
    free(positions);
    return sum;
}

static void TestPerturbed(const Interactions *train, const Interactions *test, double before,
                          Perturbation how)
{
    Model trained = model;

    ModelAllocate(&host, &model);
    for (int p = 0; p < model.parts; p++)
        memcpy(model.part[p].data, trained.part[p].data,
               PartFloats(&model.part[p]) * sizeof(float));
    model.algorithm->perturb(&host, train, &model, how, 7);
    printf("robust\t%s\t%g\t%s\t%s\t%.4f\n", name, how.epsilon,
           how.kind == PERTURB_RANDOM ? "random" : "adversarial",
           how.relative ? "relative" : "absolute", Test(train, test).ndcg100 / before - 1);
    for (int p = 0; p < model.parts; p++)
        HostRelease(&host, model.part[p].data);
    model = trained;
}

static void TestRobustness(const Interactions *train, const Interactions *test, double before)
{
    static const double absolute[] = {0.1, 0.2, 0.5, 1, 2}, relative[] = {0.1, 0.25, 0.5};

    for (PerturbationKind kind = PERTURB_RANDOM; kind <= PERTURB_ADVERSARIAL; kind++) {
        for (int i = 0; i < 5; i++)
            TestPerturbed(train, test, before, (Perturbation){kind, absolute[i], false});
        for (int i = 0; i < 3; i++)
            TestPerturbed(train, test, before, (Perturbation){kind, relative[i], true});
    }
}

int main(int argc, char **argv)
{
    const Algorithm *algorithm = argc > 4 ? AlgorithmFind(argv[4]) : NULL;
    TrainReport report = {0};
    TrainOptions *options;
    Interactions train, test;
    Figures figures;

    if (algorithm == NULL) {
        fprintf(stderr, "usage: reproduction TRAIN TEST NAME ALGORITHM [option=value ...]\n");
        return 2;
    }
    name = argv[3];
    options = ReadOptions(algorithm, argv + 5);
    test = ReadPairs(argv[2], 0, 0);
    train = ReadPairs(argv[1], test.users, test.items);
    host.progress = TellEpoch;
    host.pool = PoolCreate(&host, 1);
    InteractionsHoldOut(&host, &train, HOLDOUT_RANDOM, train.users, (uint64_t)options->seed);
    ModelLayout(&model, algorithm, options, train.users, train.items);
    ModelAllocate(&host, &model);
    ModelCountPopularity(&host, &train, &model);
    model.trial = true;
    algorithm->train(&host, &train, &model, &report);
    figures = Test(&train, &test);
    printf("test\t%s\t%.4f\t%.4f\t%.4f\t%.4f\n", name, figures.hr50, figures.hr100, figures.ndcg50,
           figures.ndcg100);
    if (algorithm->perturb != NULL && getenv("ROBUST") != NULL)
        TestRobustness(&train, &test, figures.ndcg100);
    PoolDestroy(host.pool);
    return 0;
}
