/* click_world.c: the numbers of a world, and answers to its slates. */
#include "algo/policy/click_world.h"

#include <math.h>

#include "core/random.h"
#include "core/shares.h"

const char *const click_world_names[CLICK_WORLDS] = {"success", "click_bait"};

/* Tables, which draw from generators of their own. */
enum { TABLE_SATISFACTION, TABLE_ATTRACTION, TABLE_NEXT, TABLE_LUCK };

/* ---- numbers of a world ---- */

static Random TableRandom(const ClickWorld *world, int table, uint32_t state)
{
    Random random;

    RandomSeed(&random, world->seed, RANDOM_WORLD, (uint64_t)table, state);
    return random;
}

static void DrawRow(const ClickWorld *world, int table, uint32_t state, double *row)
{
    Random random = TableRandom(world, table, state);

    for (uint32_t i = 0; i < WORLD_ITEMS; i++)
        row[i] = RandomUniform(&random);
}

/* Softmax of uniform numbers: each state is nearly as likely as any other. */
static void DrawNext(Random *random, double *next)
{
    double sum = 0;

    for (uint32_t s = 0; s < WORLD_STATES; s++)
        sum += next[s] = exp(RandomUniform(random));
    for (uint32_t s = 0; s < WORLD_STATES; s++)
        next[s] /= sum;
}

static void SortBest(const double *satisfaction, uint32_t *best)
{
    for (uint32_t i = 0; i < WORLD_ITEMS; i++) {
        uint32_t at = i;

        for (; at > 0 && satisfaction[best[at - 1]] < satisfaction[i]; at--)
            best[at] = best[at - 1];
        best[at] = i;
    }
}

void ClickWorldMake(ClickWorld *world, ClickWorldKind kind, uint64_t seed)
{
    Random luck;

    world->kind = kind;
    world->seed = seed;
    luck = TableRandom(world, TABLE_LUCK, 0);
    world->luck = RandomNext(&luck);
    for (uint32_t s = 0; s < WORLD_STATES; s++) {
        Random random = TableRandom(world, TABLE_NEXT, s);

        DrawRow(world, TABLE_SATISFACTION, s, world->satisfaction[s]);
        DrawRow(world, kind == WORLD_SUCCESS ? TABLE_SATISFACTION : TABLE_ATTRACTION, s,
                world->attraction[s]);
        for (uint32_t i = 0; i < WORLD_ITEMS; i++)
            DrawNext(&random, world->next[s][i]);
        SortBest(world->satisfaction[s], world->best[s]);
    }
}

/* ---- answers ---- */

/* The greatest of log weight + Gumbel is a draw by weight, and does not depend on places. */
static uint32_t Pick(const double *weight, uint64_t key, const uint32_t *shown, uint32_t count)
{
    uint32_t best = 0;
    double most = -INFINITY;

    for (uint32_t i = 0; i < count; i++) {
        Random random;
        double value;

        RandomSeed(&random, key, RANDOM_ANSWER, shown[i], 0);
        value = log(weight[shown[i]]) + RandomGumbel(&random);
        if (value > most) {
            most = value;
            best = i;
        }
    }
    return best;
}

ClickAnswer ClickWorldAnswer(const ClickWorld *world, uint64_t seed, uint64_t session,
                             uint32_t step, uint32_t state, const uint32_t *shown, uint32_t count)
{
    ClickAnswer answer = {0};
    Random random;
    uint32_t item;

    RandomSeed(&random, seed ^ world->luck, RANDOM_VISITOR, session, step);
    answer.place = Pick(world->attraction[state], RandomNext(&random), shown, count);
    item = shown[answer.place];
    answer.stays = RandomUniform(&random) < world->satisfaction[state][item];
    answer.clicked = answer.stays || world->kind == WORLD_CLICK_BAIT;
    answer.state = ShareAt(world->next[state][item], WORLD_STATES, RandomUniform(&random));
    return answer;
}

double ClickWorldStays(const ClickWorld *world, uint32_t state, const uint32_t *shown,
                       uint32_t count)
{
    double attraction = 0, stays = 0;

    for (uint32_t i = 0; i < count; i++) {
        attraction += world->attraction[state][shown[i]];
        stays += world->attraction[state][shown[i]] * world->satisfaction[state][shown[i]];
    }
    return stays / attraction;
}

static bool IsShown(const uint32_t *shown, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (shown[i] == item)
            return true;
    return false;
}

double ClickWorldCoverage(const ClickWorld *world, uint32_t state, const uint32_t *shown,
                          uint32_t count, uint32_t k)
{
    uint32_t covered = 0;

    for (uint32_t i = 0; i < k; i++)
        covered += IsShown(shown, count, world->best[state][i]);
    return (double)covered / k;
}
