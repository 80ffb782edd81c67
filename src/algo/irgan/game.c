/* game.c: draws of all users, and steps of batches of users. */
#include "algo/irgan/game.h"

#include <string.h>

#include "algo/net/loss.h"
#include "core/exponential.h"
#include "core/pool.h"
#include "core/shares.h"
#include "core/vector.h"

/* Users, and items, of a task. */
#define TASK_USERS 16
#define TASK_ITEMS 256

/* A score that leaves no chance. */
#define NO_CHANCE -1e30f

static size_t BatchUsers(const IrganOptions *o)
{
    return (size_t)o->generator_batch;
}

void IrganGameCreate(const Host *host, const Interactions *data, Model *model, IrganGame *g)
{
    const IrganOptions *o = model->options;

    *g = (IrganGame){.host = host,
                     .data = data,
                     .options = o,
                     .generator = IrganGenerator(model),
                     .discriminator = IrganDiscriminator(model),
                     .width = VectorStride(model->items)};
    g->chance = HostAllocate(host, SizeMultiply(BatchUsers(o), g->width), sizeof(float));
    g->step =
        HostAllocate(host, SizeMultiply(BatchUsers(o), g->generator.user->stride), sizeof(float));
    g->sums = HostAllocate(host, SizeMultiply((size_t)PoolThreads(host), 2 * (size_t)g->width),
                           sizeof(double));
    g->drawn = HostAllocate(host, data->count, sizeof(uint32_t));
}

void IrganGameRelease(const Host *host, IrganGame *g)
{
    HostRelease(host, g->chance);
    HostRelease(host, g->step);
    HostRelease(host, g->sums);
    HostRelease(host, g->drawn);
}

size_t IrganGameMemory(const Model *model, const Interactions *shape, int threads)
{
    const IrganOptions *o = model->options;
    size_t width = VectorStride(model->items);
    size_t of_user = SizeAdd(width, model->part[IRGAN_USER_PART].stride);
    size_t total = SizeMultiply(SizeMultiply(BatchUsers(o), of_user), sizeof(float));

    total = SizeAdd(total, SizeMultiply((size_t)threads, 2 * width * sizeof(double)));
    return SizeAdd(total, SizeMultiply(shape->count, sizeof(uint32_t)));
}

/* --- chances */

/* The softmax of the user's scores over the temperature. */
static void Chances(const IrganGame *g, uint32_t user, float temperature, float *chance)
{
    const Player *player = &g->generator;
    uint32_t items = player->item->rows;
    float sum = 0;

    DotRows(PartRow(player->user, user), player->item->data, items, player->item->stride, chance);
    for (uint32_t i = 0; i < items; i++)
        chance[i] += player->bias->data[i];
    for (uint32_t i = items; i < g->width; i++)
        chance[i] = NO_CHANCE;
    ExponentialsBelow(chance, g->width, 1 / temperature);
    for (uint32_t i = 0; i < items; i++)
        sum += chance[i];
    for (uint32_t i = 0; i < items; i++)
        chance[i] /= sum;
}

static void AddUp(const float *chance, uint32_t items, double *sums)
{
    double sum = 0;

    for (uint32_t i = 0; i < items; i++)
        sums[i] = sum += (double)chance[i];
}

static void DrawFor(IrganGame *g, uint32_t user, float *chance, double *sums)
{
    uint32_t items = g->generator.item->rows;
    Random random;

    RandomSeed(&random, (uint64_t)g->options->train.seed, RANDOM_CELL, g->epoch, user);
    Chances(g, user, (float)g->options->temperature, chance);
    AddUp(chance, items, sums);
    for (uint64_t i = g->data->offset[user]; i < g->data->offset[user + 1]; i++)
        g->drawn[i] = DrawBySums(sums, items, &random);
}

/* A thread's numbers hold chances behind the sums. */
static void DrawUsers(void *arg, int task, int worker)
{
    IrganGame *g = arg;
    double *sums = g->sums + (size_t)worker * 2 * g->width;
    uint32_t first = (uint32_t)task * TASK_USERS;

    for (uint32_t u = first; u < g->data->users && u < first + TASK_USERS; u++)
        if (!HostCancelled(g->host))
            DrawFor(g, u, (float *)(sums + g->width), sums);
}

void IrganGameDraw(IrganGame *g)
{
    PoolRun(g->host, DrawUsers, g, (int)((g->data->users + TASK_USERS - 1) / TASK_USERS));
    if (HostCancelled(g->host))
        HostAbandon(g->host);
}

/* --- rewards */

void FollowRewards(const double *worth, uint32_t items, float *gradient)
{
    double sum = 0;

    for (uint32_t i = 0; i < items; i++)
        sum += worth[i];
    for (uint32_t i = 0; i < items; i++)
        gradient[i] = (float)(sum * (double)gradient[i] - worth[i]);
}

/* One of the user's items that train. */
static uint32_t OwnItem(const Interactions *data, uint32_t user, Random *random)
{
    uint64_t first = data->offset[user];
    uint32_t all = (uint32_t)(data->offset[user + 1] - first), item;

    do
        item = data->item[first + RandomBelow(random, all)];
    while (IsHeldOut(data, user, item));
    return item;
}

/* Of one draw. */
static float Reward(const IrganGame *g, uint32_t user, uint32_t item, float chance)
{
    float m = (float)g->options->positives, own = 0;
    float judged = RealSigmoid(PlayerScore(&g->discriminator, user, item));

    if (TrainsOn(g->data, user, item))
        own = m / (float)TrainingItems(g->data, user);
    return 2 * (judged - 0.5f) * chance / ((1 - m) * chance + own);
}

/* Draws twice as many items as the user has; worth[i]: the mean reward that item i brings. */
static void RewardDraws(const IrganGame *g, uint32_t user, const float *chance, double *sums,
                        double *worth)
{
    uint32_t items = g->generator.item->rows, draws = 2 * TrainingItems(g->data, user);
    Random random;

    RandomSeed(&random, (uint64_t)g->options->train.seed, RANDOM_EVENT, g->epoch, user);
    AddUp(chance, items, sums);
    memset(worth, 0, items * sizeof(double));
    for (uint32_t d = 0; d < draws; d++) {
        bool own = RandomUniform(&random) < g->options->positives;
        uint32_t item = own ? OwnItem(g->data, user, &random) : DrawBySums(sums, items, &random);

        worth[item] += (double)Reward(g, user, item, chance[item]) / draws;
    }
}

static void LearnUser(void *arg, int task, int worker)
{
    IrganGame *g = arg;
    const Part *item = g->generator.item;
    uint32_t user = g->users[task];
    float *chance = g->chance + (size_t)task * g->width;
    float *step = g->step + (size_t)task * item->stride;
    double *sums = g->sums + (size_t)worker * 2 * g->width;

    memset(step, 0, item->stride * sizeof(float));
    if (HostCancelled(g->host))
        return;
    Chances(g, user, 1, chance);
    RewardDraws(g, user, chance, sums, sums + g->width);
    FollowRewards(sums + g->width, item->rows, chance);
    for (uint32_t i = 0; i < item->rows; i++)
        AddScaledRow(step, PartRow(item, i), chance[i], item->stride);
}

/* The users' rows are as they were. */
static void StepItems(void *arg, int task, int worker)
{
    IrganGame *g = arg;
    const Player *player = &g->generator;
    uint32_t first = (uint32_t)task * TASK_ITEMS;

    (void)worker;
    for (uint32_t i = first; i < player->item->rows && i < first + TASK_ITEMS; i++)
        for (uint32_t n = 0; n < g->count; n++) {
            float by = -g->rate * g->chance[(size_t)n * g->width + i];

            AddScaledRow(PartRow(player->item, i), PartRow(player->user, g->users[n]), by,
                         player->item->stride);
            player->bias->data[i] += by;
        }
}

void IrganGameStep(IrganGame *g, const uint32_t *users, uint32_t count)
{
    const Player *player = &g->generator;
    uint32_t stride = player->user->stride;

    g->users = users;
    g->count = count;
    PoolRun(g->host, LearnUser, g, (int)count);
    if (HostCancelled(g->host))
        HostAbandon(g->host);
    PoolRun(g->host, StepItems, g, (int)((player->item->rows + TASK_ITEMS - 1) / TASK_ITEMS));
    for (uint32_t n = 0; n < count; n++)
        AddScaledRow(PartRow(player->user, users[n]), g->step + (size_t)n * stride, -g->rate,
                     stride);
}
