/* explorer.c: puts other items that a visitor may see into a greedy slate. */
#include "algo/policy/explorer.h"

#include "algo/policy/exploration.h"
#include "core/pool.h"
#include "core/sorted.h"

/* Where the items of the slate stand among what may be shown, ascending. */
static void FindShown(const SlateChoice *choice, const Slate *slate, uint32_t *place)
{
    for (uint32_t p = 0; p < slate->count; p++)
        place[p] = LowerBound(choice->items, choice->count, slate->shown[p]);
    SortAscending(place, slate->count);
}

static void Explore(void *arg, const SlateChoice *choice, Slate *slate, int worker)
{
    const Explorer *x = arg;
    Exploration e = ExplorationOf(x->explore, slate->count, choice->count);
    uint32_t *room = x->room + (size_t)worker * 4 * x->k, *other = room + 2 * x->k;
    uint32_t *shown = room + 3 * x->k;
    Random random;

    RandomSeed(&random, x->seed, RANDOM_EXPLORE, choice->session, choice->step);
    ExplorePlaces(&e, &random, other, room);
    FindShown(choice, slate, shown);
    for (uint32_t p = 0; p < slate->count; p++) {
        slate->propensity[p] =
            (float)(other[p] == NO_ITEM ? ExplorationGreedy(&e) : ExplorationOther(&e));
        if (other[p] != NO_ITEM)
            slate->shown[p] = choice->items[NumberOutside(other[p], shown, slate->count)];
    }
}

void ExplorerOpen(const Host *host, Explorer *explorer, ModelPolicy *policy)
{
    explorer->room = HostAllocate(host, SizeMultiply((size_t)PoolThreads(host) * 4, explorer->k),
                                  sizeof(uint32_t));
    policy->arg = explorer;
    policy->explore = Explore;
}

void ExplorerClose(const Host *host, Explorer *explorer)
{
    HostRelease(host, explorer->room);
}

size_t ExplorerMemory(uint32_t k, int threads)
{
    return SizeMultiply(SizeMultiply((size_t)threads * 4, k), sizeof(uint32_t));
}
