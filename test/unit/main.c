/* main.c: runs all tests, or those whose names are given. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "tests.h"

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"blas", TestBlas},
    {"host", TestHostHelpers},
    {"random", TestRandom},
    {"pool", TestPool},
    {"interactions", TestInteractions},
    {"cells", TestCells},
    {"topk", TestTopK},
    {"codes", TestCodes},
    {"scan", TestScan},
    {"metrics", TestMetrics},
    {"components", TestComponents},
    {"ranking", TestRanking},
    {"lists", TestLists},
    {"block", TestBlock},
    {"options", TestOptions},
    {"registry", TestRegistry},
    {"interface", TestInterface},
    {"learning", TestLearning},
    {"optimizer", TestOptimizer},
    {"adam", TestAdam},
    {"visits", TestVisits},
    {"weights", TestWeights},
    {"pack", TestPack},
    {"layers", TestLayers},
    {"environment", TestEnvironment},
    {"click_world", TestClickWorld},
    {"actor_losses", TestActorLosses},
    {"actor_critic", TestActorCritic},
    {"irecgan_gradients", TestIrecganGradients},
    {"irecgan", TestIrecgan},
    {"act_worlds", TestActWorlds},
    {"act_value", TestActValue},
    {"ma_rdpg", TestMaRdpg},
    {"ma_rdpg_gradients", TestMaRdpgGradients},
    {"rollout", TestRollout},
    {"user_response", TestUserResponse},
    {"attention", TestAttention},
    {"transformer", TestTransformer},
    {"lstm", TestLstm},
    {"batch", TestBatch},
    {"triple", TestTriple},
    {"variants", TestVariants},
    {"levels", TestLevels},
    {"itemknn", TestItemKnn},
    {"mf", TestMf},
    {"als", TestAls},
    {"softmax", TestSoftmax},
    {"memory", TestMemory},
    {"contrast", TestContrast},
    {"generator", TestGenerator},
    {"nmrn", TestNmrn},
    {"sasrec", TestSasrec},
    {"sasrec_gradients", TestSasrecGradients},
    {"neumf", TestNeumf},
    {"neumf_gradients", TestNeumfGradients},
    {"cdae", TestCdae},
    {"irgan", TestIrgan},
    {"formula", TestFormula},
    {"serve", TestServe},
    {"stream", TestStreaming},
    {"choice", TestChoice},
    {"exploration", TestExploration},
    {"explorer", TestExplorer},
    {"value", TestValue},
    {"target", TestTarget},
    {"mutations", TestMutations},
    {"allocation", TestAllocation},
};

static bool Wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        if (Wanted(tests[i].name, argc, argv)) {
            Note("%s", tests[i].name);
            tests[i].run();
        }
    return CheckFinish();
}
