/* click_policy.c: the best of a visitor's state, or others, with their propensities. */
#include "algo/policy/click_policy.h"

#include <string.h>

#include "core/random.h"

/* Of the ranks behind the best, in random order. */
static void ShowOthers(const uint32_t *others, uint32_t ranks, Random *random, Slate *slate)
{
    uint32_t items[WORLD_ITEMS];

    memcpy(items, others, ranks * sizeof(*items));
    for (uint32_t p = 0; p < slate->count; p++) {
        uint32_t drawn = p + RandomBelow(random, ranks - p);

        slate->shown[p] = items[drawn];
        items[drawn] = items[p];
        slate->propensity[p] = 0.5f * (float)slate->count / (float)ranks;
    }
}

static void FillSlate(const ClickPolicy *policy, Slate *slate)
{
    const Visitor *visitor = slate->visitor;
    const uint32_t *best = policy->world->best[VisitorWorldState(visitor)];
    Random random;

    slate->count = slate->wanted;
    RandomSeed(&random, policy->seed, RANDOM_SLATE, visitor->session, visitor->step);
    if (policy->mixes && RandomBelow(&random, 2) == 1) {
        ShowOthers(best + slate->count, MixedRanks(slate->count), &random, slate);
        return;
    }
    memcpy(slate->shown, best, slate->count * sizeof(*best));
    for (uint32_t p = 0; p < slate->count; p++)
        slate->propensity[p] = policy->mixes ? 0.5f : 1;
}

static void Fill(void *arg, Slate *slates, uint32_t first, uint32_t count, int worker)
{
    (void)first;
    (void)worker;
    for (uint32_t s = 0; s < count; s++)
        FillSlate(arg, &slates[s]);
}

Policy ClickPolicyOpen(ClickPolicy *policy)
{
    return (Policy){.arg = policy, .batch = ROLLOUT_WAVE / 4, .fill = Fill};
}
