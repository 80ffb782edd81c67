/*
 * generator.c: the generator of nmrn_gan: its parts, its draws of negatives, and its steps by
 * policy gradient.
 *
 * generator_draw.h has the formulas.
 */
#include <math.h>
#include <string.h>

#include "algo/learn/optimizer.h"
#include "algo/nmrn/generator.h"

#define REAL float
#include "algo/nmrn/generator_draw.h"
#include "algo/nmrn/numbers.h"
#define VECTOR_KERNELS "algo/nmrn/generator_kernels.h"
#include "core/vector_targets.h"
#undef REAL

/* Least deviation that rewards are divided by. */
#define LEAST_DEVIATION 1e-3f

/* How fast the mean and the variance of rewards follow, per micro-batch. */
#define REWARD_SHARE 0.05f

/* Rows start at this share of the scale of the memory's own. */
#define START_SCALE 0.5

/* Parts, counted from the generator's first. */
enum {
    GENERATOR_USER,
    GENERATOR_ITEM,
    GENERATOR_WEIGHT,
    GENERATOR_USER_STATE, /* two moments */
    GENERATOR_ITEM_STATE,
    GENERATOR_USER_STEPS,
    GENERATOR_ITEM_STEPS,
    GENERATOR_WEIGHT_STATE,
    GENERATOR_REWARD /* one row: see RewardColumn */
};

enum { REWARD_BASE, REWARD_VARIANCE, REWARD_STEPS, REWARD_COLUMNS };

struct Generator {
    const Host *host;
    Model *model;
    const NmrnOptions *options;
    Policy policy;
    uint32_t size;
    RowNumbers items;
    float *user_gradient;   /* size x stride */
    float *item_gradient;   /* size * candidates x stride */
    float *weight_gradient; /* as the weight part */
    bool *user_rewarded;    /* by number */
    const float **rows;     /* candidates */
    float **row_gradients;
    Draw draw;
    double reward, square; /* sums of the micro-batch */
    uint32_t rewards;
};

static int FirstPart(const NmrnOptions *o)
{
    return o->addressing == ADDRESS_NTM ? NMRN_ATTENTION_PART + 1 : NMRN_ATTENTION_PART;
}

static Part *PartOf(const Model *model, int part)
{
    return (Part *)&model->part[FirstPart(model->options) + part];
}

static float *RowAt(const Model *model, int part, size_t row)
{
    const Part *p = PartOf(model, part);

    return p->data + row * p->stride;
}

void GeneratorLayout(Model *model)
{
    const NmrnOptions *o = model->options;
    uint32_t r = (uint32_t)o->generator_factors, stride = VectorStride(r);
    uint32_t weights = o->generator_layers ? 2 * (r + 1) : 1;

    ModelAddPart(model, "generator_user", AXIS_USER, model->users, r);
    ModelAddPart(model, "generator_item", AXIS_ITEM, model->items, r);
    ModelAddPart(model, "generator_weight", AXIS_SHARED, weights, r);
    ModelAddPart(model, "generator_user_state", AXIS_USER, model->users, 2 * stride);
    ModelAddPart(model, "generator_item_state", AXIS_ITEM, model->items, 2 * stride);
    ModelAddColumn(model, "generator_user_steps", AXIS_USER, model->users);
    ModelAddColumn(model, "generator_item_steps", AXIS_ITEM, model->items);
    ModelAddPart(model, "generator_weight_state", AXIS_SHARED, weights, 2 * stride);
    ModelAddPart(model, "generator_reward", AXIS_SHARED, 1, REWARD_COLUMNS);
    for (int part = FirstPart(o); part < model->parts; part++)
        model->part[part].learning = true;
}

/* Where a model serves, the part is not there. */
static void StartRow(const Model *view, int part, uint32_t row, RandomPurpose purpose, uint64_t key)
{
    const NmrnOptions *o = view->options;
    double deviation = START_SCALE / sqrt(2.0 * (double)o->generator_factors);
    Random random;

    if (PartOf(view, part)->data == NULL)
        return;
    RandomSeed(&random, (uint64_t)o->train.seed, purpose, key, 1);
    for (int64_t k = 0; k < o->generator_factors; k++)
        RowAt(view, part, row)[k] = (float)(deviation * RandomNormal(&random));
}

void GeneratorStartUser(const Model *view, uint32_t row, uint64_t key)
{
    StartRow(view, GENERATOR_USER, row, RANDOM_INIT_USER, key);
}

void GeneratorStartItem(const Model *view, uint32_t row, uint64_t key)
{
    StartRow(view, GENERATOR_ITEM, row, RANDOM_INIT_ITEM, key);
}

/* Layers start as the identity. */
void GeneratorStartWeights(Model *model)
{
    const NmrnOptions *o = model->options;

    for (int64_t k = 0; k < o->generator_factors && o->generator_layers; k++) {
        RowAt(model, GENERATOR_WEIGHT, (size_t)k)[k] = 1;
        RowAt(model, GENERATOR_WEIGHT, (size_t)(o->generator_factors + 1 + k))[k] = 1;
    }
}

/* --- buffers */

static size_t Weights(const NmrnOptions *o)
{
    return o->generator_layers ? 2 * ((size_t)o->generator_factors + 1) : 1;
}

size_t GeneratorMemory(const NmrnOptions *o, uint32_t size)
{
    size_t stride = VectorStride((uint32_t)o->generator_factors), T = (size_t)o->candidates;
    size_t rows = SizeAdd(SizeMultiply(size, T + 1), Weights(o) + T + 3);
    size_t total = SizeMultiply(SizeAdd(SizeMultiply(rows, stride), 2 * T), sizeof(float));

    total = SizeAdd(total, sizeof(Generator) + 2 * T * sizeof(float *) + size * sizeof(bool));
    return SizeAdd(total, NumbersMemory(size * (uint32_t)T));
}

static void DrawBuffers(Generator *g, size_t stride, size_t candidates)
{
    const Host *host = g->host;

    g->rows = HostAllocate(host, candidates, sizeof(float *));
    g->row_gradients = HostAllocate(host, candidates, sizeof(float *));
    g->draw = (Draw){
        .item = g->rows,
        .query = HostAllocate(host, stride, sizeof(float)),
        .point = HostAllocate(host, candidates * stride, sizeof(float)),
        .distance = HostAllocate(host, candidates, sizeof(float)),
        .chance = HostAllocate(host, candidates, sizeof(float)),
        .item_gradient = g->row_gradients,
        .user_layer_gradient = g->weight_gradient,
        .item_layer_gradient =
            g->weight_gradient + (g->policy.layers ? (g->policy.factors + 1) * stride : 0),
        .scratch = HostAllocate(host, 2 * stride, sizeof(float)),
    };
}

Generator *GeneratorCreate(const Host *host, Model *model, uint32_t size)
{
    const NmrnOptions *o = model->options;
    Generator *g = HostAllocateZero(host, 1, sizeof(Generator));
    size_t stride = VectorStride((uint32_t)o->generator_factors), T = (size_t)o->candidates;

    g->host = host;
    g->model = model;
    g->options = o;
    g->size = size;
    g->policy = (Policy){
        (uint32_t)o->generator_factors,
        (uint32_t)stride,
        o->generator_layers,
        (float)o->temperature,
        RowAt(model, GENERATOR_WEIGHT, 0),
        RowAt(model, GENERATOR_WEIGHT, o->generator_layers ? (size_t)o->generator_factors + 1 : 0)};
    NumbersCreate(host, size * (uint32_t)T, &g->items);
    g->user_gradient = HostAllocateZero(host, size * stride, sizeof(float));
    g->item_gradient = HostAllocate(host, size * T * stride, sizeof(float));
    g->weight_gradient = HostAllocateZero(host, Weights(o) * stride, sizeof(float));
    g->user_rewarded = HostAllocateZero(host, size, sizeof(bool));
    DrawBuffers(g, stride, T);
    return g;
}

void GeneratorRelease(Generator *g)
{
    const Host *host = g->host;

    NumbersRelease(host, &g->items);
    HostRelease(host, g->user_gradient);
    HostRelease(host, g->item_gradient);
    HostRelease(host, g->weight_gradient);
    HostRelease(host, g->user_rewarded);
    HostRelease(host, g->rows);
    HostRelease(host, g->row_gradients);
    HostRelease(host, g->draw.query);
    HostRelease(host, g->draw.point);
    HostRelease(host, g->draw.distance);
    HostRelease(host, g->draw.chance);
    HostRelease(host, g->draw.scratch);
    HostRelease(host, g);
}

/* --- drawing */

VECTOR_TABLE(Chances, (const Policy *policy, const Draw *draw));
VECTOR_TABLE(ChancesBack,
             (const Policy *policy, const Draw *draw, uint32_t chosen, float advantage));

static uint32_t Sample(const float *chance, uint32_t count, Random *random)
{
    double left = RandomUniform(random);

    for (uint32_t c = 0; c + 1 < count; c++) {
        left -= chance[c];
        if (left < 0)
            return c;
    }
    return count - 1;
}

static float *ItemGradient(Generator *g, uint32_t item)
{
    size_t stride = g->policy.stride;
    bool fresh;
    uint32_t number = NumberOf(&g->items, item, &fresh);

    if (fresh)
        memset(g->item_gradient + number * stride, 0, stride * sizeof(float));
    return g->item_gradient + number * stride;
}

uint32_t GeneratorChoose(Generator *g, uint32_t user, uint32_t number, const uint32_t *candidates,
                         uint32_t count, Random *random)
{
    for (uint32_t c = 0; c < count; c++) {
        g->rows[c] = RowAt(g->model, GENERATOR_ITEM, candidates[c]);
        g->row_gradients[c] = ItemGradient(g, candidates[c]);
    }
    g->draw.user = RowAt(g->model, GENERATOR_USER, user);
    g->draw.user_gradient = g->user_gradient + (size_t)number * g->policy.stride;
    g->draw.count = count;
    g->user_rewarded[number] = true;
    ChancesVariants[VectorLevel()](&g->policy, &g->draw);
    return Sample(g->draw.chance, count, random);
}

void GeneratorReward(Generator *g, uint32_t chosen, float reward)
{
    const float *before = RowAt(g->model, GENERATOR_REWARD, 0);
    float advantage = reward - before[REWARD_BASE];

    if (before[REWARD_STEPS] == 0)
        advantage = 0; /* nothing to compare with yet */
    else if (g->options->normalize_reward)
        advantage /= fmaxf(sqrtf(before[REWARD_VARIANCE]), LEAST_DEVIATION);
    g->reward += reward;
    g->square += (double)reward * reward;
    g->rewards++;
    ChancesBackVariants[VectorLevel()](&g->policy, &g->draw, chosen, advantage);
}

/* --- the step */

static void StepSide(Generator *g, int part, int state, int steps, const RowNumbers *numbers,
                     const bool *wanted, const float *gradient)
{
    uint32_t columns = g->policy.factors, stride = g->policy.stride;

    for (uint32_t i = 0; i < numbers->count; i++) {
        uint32_t row = numbers->row[i];
        float *count = RowAt(g->model, steps, row);

        if (wanted != NULL && !wanted[i])
            continue;
        *count += 1;
        AdamStep(-(float)g->options->generator_rate, RowAt(g->model, part, row),
                 gradient + (size_t)i * stride, RowAt(g->model, state, row), *count, columns,
                 stride);
    }
}

static void StepWeights(Generator *g, float steps)
{
    uint32_t rows = g->policy.layers ? (uint32_t)Weights(g->options) : 0;

    for (uint32_t r = 0; r < rows; r++)
        AdamStep(-(float)g->options->generator_rate, RowAt(g->model, GENERATOR_WEIGHT, r),
                 g->weight_gradient + (size_t)r * g->policy.stride,
                 RowAt(g->model, GENERATOR_WEIGHT_STATE, r), steps, g->policy.factors,
                 g->policy.stride);
}

/* The base is the mean of this micro-batch; the variance follows slowly. */
static void UpdateReward(Generator *g)
{
    float *reward = RowAt(g->model, GENERATOR_REWARD, 0);
    float mean = (float)(g->reward / g->rewards);
    float variance = fmaxf((float)(g->square / g->rewards) - mean * mean, 0);
    float share = reward[REWARD_STEPS] == 0 ? 1 : REWARD_SHARE;

    reward[REWARD_BASE] = mean;
    reward[REWARD_VARIANCE] += share * (variance - reward[REWARD_VARIANCE]);
    reward[REWARD_STEPS] += 1;
}

void GeneratorStep(Generator *g, const RowNumbers *users)
{
    size_t stride = g->policy.stride;

    if (g->rewards > 0) {
        UpdateReward(g);
        StepSide(g, GENERATOR_USER, GENERATOR_USER_STATE, GENERATOR_USER_STEPS, users,
                 g->user_rewarded, g->user_gradient);
        StepSide(g, GENERATOR_ITEM, GENERATOR_ITEM_STATE, GENERATOR_ITEM_STEPS, &g->items, NULL,
                 g->item_gradient);
        StepWeights(g, RowAt(g->model, GENERATOR_REWARD, 0)[REWARD_STEPS]);
    }
    memset(g->user_gradient, 0, users->count * stride * sizeof(float));
    memset(g->user_rewarded, 0, users->count * sizeof(bool));
    memset(g->weight_gradient, 0, Weights(g->options) * stride * sizeof(float));
    NumbersClear(&g->items);
    g->reward = g->square = 0;
    g->rewards = 0;
}
