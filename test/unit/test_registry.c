/* test_registry.c: the list of algorithms, and models as lists of parts. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

/* It learns from a log of slates alone, and places a visitor by what was clicked; or from acts. */
static bool IsPolicyWhole(const Algorithm *a)
{
    const ActMethods *acts = a->policy->acts;
    bool serves = acts == NULL ? a->history != NULL && a->query != NULL
                               : acts->act != NULL && acts->value != NULL && acts->state != NULL &&
                                     acts->environment != NULL && acts->discount != NULL;

    return serves && a->policy->train != NULL && a->policy->memory != NULL && a->train == NULL &&
           a->memory == NULL && a->stream == NULL && !a->candidate;
}

static void CheckNames(void)
{
    bool right = true;

    for (int i = 0; algorithms[i] != NULL; i++) {
        right &= AlgorithmFind(algorithms[i]->name) == algorithms[i];
        right &= algorithms[i]->summary != NULL;
        right &= algorithms[i]->options_size >= sizeof(TrainOptions);
        right &= IsPolicy(algorithms[i])
                     ? IsPolicyWhole(algorithms[i])
                     : algorithms[i]->train != NULL && algorithms[i]->memory != NULL &&
                           algorithms[i]->query != NULL;
        right &= i == 0 || IsPolicy(algorithms[i]) || !IsPolicy(algorithms[i - 1]);
    }
    CHECK(right, "every algorithm is found by its name");
    CHECK(AlgorithmFind("") == NULL && AlgorithmFind("BPR") == NULL, "other names are not found");
}

static void CheckLayout(TestHost *t)
{
    MfOptions options = {.factors = 20};
    Model model, view;
    bool zero = true;
    size_t before = t->bytes;

    ModelLayout(&model, AlgorithmFind("bpr"), &options, 5, 7);
    CHECK(model.parts == 3 && model.part[0].rows == 7 && model.part[0].stride == 1 &&
              model.part[0].axis == AXIS_ITEM,
          "part 0 is the popularity, a column per item");
    CHECK(model.part[1].rows == 5 && model.part[1].columns == 20 && model.part[1].stride == 32 &&
              model.part[2].rows == 7 && model.part[2].axis == AXIS_ITEM,
          "rows are padded to whole vectors");
    CHECK(ModelMemory(&model) == 4 * (7 + 5 * 32 + 7 * 32), "bytes of all parts");
    ModelAllocate(&t->host, &model);
    CHECK(t->bytes - before <= ModelMemory(&model) + 3 * 72, "no more is allocated");
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < (size_t)model.part[p].rows * model.part[p].stride; i++)
            zero &= model.part[p].data[i] == 0;
    CHECK(zero, "parts start as zeros");
    ModelViewItems(&model, 2, 3, &view);
    CHECK(view.items == 3 && view.users == 5 && view.part[0].data == model.part[0].data + 2 &&
              view.part[2].data == model.part[2].data + 64 && view.part[2].rows == 3 &&
              view.part[1].data == model.part[1].data && view.part[1].rows == 5,
          "a view of a block of items");
    ModelLayout(&model, AlgorithmFind("bpr"), &options, UINT32_MAX, UINT32_MAX);
    CHECK(ModelMemory(&model) / 4 / UINT32_MAX == 65, "sizes pass 32 bits");
}

/* What layout() took from the number of items stays, whatever the number then is. */
static void CheckSettled(const Algorithm *algorithm)
{
    static const uint32_t items[] = {10, 5000, 5001, 100000};
    bool right = true;

    for (int n = 0; n < 4; n++) {
        Training run;
        Model model, other;

        OptionsDefault(train_options, &run.options);
        OptionsDefault(algorithm->options, &run.options);
        ModelLayout(&model, algorithm, &run.options, 50, items[n]);
        ModelSettle(&model, &run.options);
        ModelLayout(&other, algorithm, &run.options, 7, items[3 - n]);
        right &= model.parts == other.parts;
        for (int p = 1; p < model.parts; p++)
            right &= model.part[p].columns == other.part[p].columns;
    }
    CHECK(right, "%s: widths are settled by the model's own items", algorithm->name);
}

static void CheckAlsWidth(void)
{
    AlsOptions options = {.factors = 0};
    Model model;

    ModelLayout(&model, AlgorithmFind("als"), &options, 5, 5000);
    CHECK(model.part[1].columns == 128 && model.part[3].columns == 128, "5,000 items: 128 factors");
    ModelLayout(&model, AlgorithmFind("als"), &options, 5, 5001);
    CHECK(model.part[1].columns == 256 && model.part[3].columns == 256, "more: 256");
}

static void CheckBprWidth(void)
{
    MfOptions options = {.factors = 0}, named = {.factors = 20};
    Model model;

    ModelLayout(&model, AlgorithmFind("bpr"), &options, 5, 5000);
    CHECK(model.part[1].columns == 64 && model.part[2].columns == 64, "5,000 items: 64 factors");
    ModelLayout(&model, AlgorithmFind("bpr"), &options, 5, 5001);
    CHECK(model.part[1].columns == 128 && model.part[2].columns == 128, "more: 128");
    ModelSettle(&model, &options);
    ModelSettle(&model, &named);
    CHECK(options.factors == 128 && named.factors == 20, "what is named stays");
}

static void CheckFinite(TestHost *t)
{
    Part part = {.name = "x", .axis = AXIS_USER, .rows = 10, .columns = 20, .stride = 32};
    bool right = true;

    part.data = HostAllocateZero(&t->host, 320, sizeof(float));
    CHECK(PartIsFinite(&part), "zeros are finite");
    for (int i = 0; i < 320; i += 29) {
        const float bad[] = {NAN, INFINITY, -INFINITY};

        part.data[i] = bad[i % 3];
        right &= !PartIsFinite(&part);
        part.data[i] = 3e38f;
    }
    CHECK(right && PartIsFinite(&part), "a NaN or infinity anywhere is found");
}

static void CheckPopularity(TestHost *t)
{
    Interactions data = RandomInteractions(&t->host, 50, 20, 8, 61);
    Training run;
    float scores[2 * 20], view_scores[2 * 5];
    bool right = true;
    Model view;

    Train(t, &data, "popularity", "", &run);
    CHECK(run.report.best == -1 && run.report.epochs == 0, "popularity has no epochs");
    ModelScore(&run.model, NULL, 2, scores);
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t count = 0;

        for (uint32_t u = 0; u < 50; u++)
            count += InteractionsContain(&data, u, i);
        right &= scores[i] == (float)count && scores[20 + i] == (float)count;
    }
    CHECK(right, "popularity scores are the numbers of users");
    ModelViewItems(&run.model, 7, 5, &view);
    ModelScore(&view, NULL, 2, view_scores);
    CHECK(memcmp(view_scores, scores + 7, sizeof(float) * 5) == 0 &&
              memcmp(view_scores + 5, scores + 7, sizeof(float) * 5) == 0,
          "and the same through a view");
}

void TestRegistry(void)
{
    TestHost t;

    TestHostInit(&t);
    CheckNames();
    CheckLayout(&t);
    CheckAlsWidth();
    CheckBprWidth();
    for (int i = 0; algorithms[i] != NULL; i++)
        if (algorithms[i]->train != NULL)
            CheckSettled(algorithms[i]);
    CheckFinite(&t);
    CheckPopularity(&t);
    TestHostEnd(&t);
}
