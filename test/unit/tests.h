/* tests.h: one function per subject, run by main.c. */
#ifndef RECADV_TESTS_H
#define RECADV_TESTS_H

extern void TestBlas(void); /* first: it looks at the state before the library is mapped */
extern void TestHostHelpers(void);
extern void TestRandom(void);
extern void TestPool(void);
extern void TestInteractions(void);
extern void TestCells(void);
extern void TestTopK(void);
extern void TestCodes(void);
extern void TestScan(void);
extern void TestMetrics(void);
extern void TestComponents(void);
extern void TestRanking(void);
extern void TestLists(void);
extern void TestBlock(void);
extern void TestOptions(void);
extern void TestRegistry(void);
extern void TestInterface(void);
extern void TestLearning(void);
extern void TestOptimizer(void);
extern void TestAdam(void);
extern void TestVisits(void);
extern void TestWeights(void);
extern void TestPack(void);
extern void TestLayers(void);
extern void TestEnvironment(void);
extern void TestClickWorld(void);
extern void TestActorLosses(void);
extern void TestActorCritic(void);
extern void TestIrecganGradients(void);
extern void TestIrecgan(void);
extern void TestActWorlds(void);
extern void TestActValue(void);
extern void TestMaRdpg(void);
extern void TestMaRdpgGradients(void);
extern void TestRollout(void);
extern void TestUserResponse(void);
extern void TestAttention(void);
extern void TestTransformer(void);
extern void TestLstm(void);
extern void TestBatch(void);
extern void TestTriple(void);
extern void TestVariants(void);
extern void TestLevels(void);
extern void TestItemKnn(void);
extern void TestMf(void);
extern void TestAls(void);
extern void TestSoftmax(void);
extern void TestMemory(void);
extern void TestContrast(void);
extern void TestGenerator(void);
extern void TestNmrn(void);
extern void TestSasrec(void);
extern void TestSasrecGradients(void);
extern void TestNeumf(void);
extern void TestNeumfGradients(void);
extern void TestCdae(void);
extern void TestIrgan(void);
extern void TestFormula(void);
extern void TestServe(void);
extern void TestStreaming(void);
extern void TestChoice(void);
extern void TestExploration(void);
extern void TestExplorer(void);
extern void TestValue(void);
extern void TestTarget(void);
extern void TestMutations(void);
extern void TestAllocation(void);

#endif
