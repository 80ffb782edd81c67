/* batch.c: what a batch reads and gives back, users forward and back, one step of each row. */
#include "algo/cdae/batch.h"

#include <math.h>
#include <string.h>

#include "algo/learn/negative.h"
#include "algo/net/loss.h"
#include "core/pool.h"

/* Outputs of a batch that any data has room for. */
#define ROOM_OUTPUTS 65536

/* Users, and rows, of a task. */
#define TASK_USERS 4
#define TASK_ROWS  64

/* --- room */

static uint32_t MostItems(const Model *model)
{
    return model->items < CDAE_MOST_ITEMS ? model->items : CDAE_MOST_ITEMS;
}

static uint32_t MostOutputs(const Model *model)
{
    const CdaeOptions *o = model->options;
    uint32_t of_one = MostItems(model) * (uint32_t)(1 + o->negatives);

    return of_one > ROOM_OUTPUTS ? of_one : ROOM_OUTPUTS;
}

/* Arrays of the batch: bytes of an entry and how many; one list for the room and its estimate. */
typedef struct Room {
    void **place;
    size_t size;
    size_t count;
} Room;

#define ROOMS 12

static void RoomsOf(CdaeBatch *b, const Model *model, int threads, Room *rooms)
{
    const CdaeOptions *o = model->options;
    size_t users = (size_t)o->batch_size, outputs = MostOutputs(model);
    size_t stride = model->part[CDAE_OUTPUT_PART].stride;
    const Room list[ROOMS] = {
        {(void **)&b->user, sizeof(CdaeUser), users},
        {(void **)&b->input, sizeof(uint32_t), outputs},
        {(void **)&b->input_user, sizeof(uint32_t), outputs},
        {(void **)&b->output, sizeof(uint32_t), outputs},
        {(void **)&b->output_user, sizeof(uint32_t), outputs},
        {(void **)&b->label, sizeof(float), outputs},
        {(void **)&b->weight, sizeof(float), outputs},
        {(void **)&b->pull, sizeof(float), outputs},
        {(void **)&b->hidden, sizeof(float), SizeMultiply(users, stride)},
        {(void **)&b->sum, sizeof(float), SizeMultiply(users, stride)},
        {(void **)&b->losses, sizeof(double), users},
        {(void **)&b->row, sizeof(float), SizeMultiply((size_t)threads, stride)},
    };

    memcpy(rooms, list, sizeof(list));
}

size_t CdaeBatchMemory(const Model *model, int threads)
{
    size_t total = SizeMultiply(2, RowGroupsMemory(model->items, MostOutputs(model)));
    CdaeBatch batch;
    Room rooms[ROOMS];

    RoomsOf(&batch, model, threads, rooms);
    for (int i = 0; i < ROOMS; i++)
        total = SizeAdd(total, SizeMultiply(rooms[i].size, rooms[i].count));
    for (int p = CDAE_USER_PART; p <= CDAE_BIAS_PART; p++)
        total = SizeAdd(total, AdamRowsMemory(&model->part[p]));
    return total;
}

void CdaeBatchCreate(const Host *host, Model *model, CdaeBatch *b)
{
    const CdaeOptions *o = model->options;
    Room rooms[ROOMS];

    *b = (CdaeBatch){.host = host, .options = o, .part = model->part};
    b->most_users = (uint32_t)o->batch_size;
    b->most_inputs = b->most_outputs = MostOutputs(model);
    RoomsOf(b, model, PoolThreads(host), rooms);
    for (int i = 0; i < ROOMS; i++)
        *rooms[i].place = HostAllocateZero(host, rooms[i].count, rooms[i].size);
    for (int p = CDAE_USER_PART; p <= CDAE_BIAS_PART; p++)
        AdamRowsCreate(host, &model->part[p], &b->adam[p]);
    RowGroupsCreate(host, model->items, b->most_inputs, &b->inputs);
    RowGroupsCreate(host, model->items, b->most_outputs, &b->outputs);
}

void CdaeBatchRelease(const Host *host, CdaeBatch *b)
{
    void *const arrays[] = {b->user,   b->input, b->input_user, b->output, b->output_user, b->label,
                            b->weight, b->pull,  b->hidden,     b->sum,    b->losses,      b->row};

    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
        HostRelease(host, arrays[i]);
    for (int p = CDAE_USER_PART; p <= CDAE_BIAS_PART; p++)
        AdamRowsRelease(host, &b->adam[p]);
    RowGroupsRelease(host, &b->inputs);
    RowGroupsRelease(host, &b->outputs);
}

void CdaeBatchForget(CdaeBatch *b)
{
    for (int p = CDAE_USER_PART; p <= CDAE_BIAS_PART; p++)
        AdamRowsForget(b->host, &b->adam[p]);
}

/* --- what a batch learns */

static void AddInput(CdaeBatch *b, uint32_t item)
{
    b->input_user[b->input_count] = b->users;
    b->input[b->input_count++] = item;
}

static void AddOutput(CdaeBatch *b, uint32_t item, float label, float weight)
{
    b->output_user[b->output_count] = b->users;
    b->label[b->output_count] = label;
    b->weight[b->output_count] = weight;
    b->output[b->output_count++] = item;
}

static void AddItem(CdaeBatch *b, const Interactions *data, double mean_weight, uint32_t user,
                    uint64_t i, Random *random)
{
    float weight = data->weight == NULL ? 1 : (float)((double)data->weight[i] / mean_weight);

    if (RandomUniform(random) >= b->options->corruption)
        AddInput(b, data->item[i]);
    AddOutput(b, data->item[i], 1, weight);
    for (int64_t n = 0; n < b->options->negatives; n++)
        AddOutput(b, UniformNegative(data, user, random), 0, weight);
}

/* What is read, of so many outputs, stands for all `count` that the user has. */
static float ScaleOf(const CdaeBatch *b, const CdaeUser *of, uint32_t count)
{
    double taken = (double)of->outputs / (double)(1 + b->options->negatives);

    if (b->options->normalize)
        return CdaeScale(b->options, of->inputs);
    return 1 / (float)((1 - b->options->corruption) * taken / count);
}

/* Interactions of the user from which a step takes those that train. */
static void Range(const Interactions *data, uint32_t user, Random *random, uint64_t *first,
                  uint64_t *end)
{
    uint64_t all = data->offset[user + 1] - data->offset[user];

    *first = data->offset[user];
    *end = data->offset[user + 1];
    if (all <= CDAE_MOST_ITEMS)
        return;
    *first += RandomBelow(random, (uint32_t)(all - CDAE_MOST_ITEMS + 1));
    *end = *first + CDAE_MOST_ITEMS;
}

bool CdaeBatchAdd(CdaeBatch *b, const Interactions *data, double mean_weight, uint32_t user,
                  Random *random)
{
    uint32_t count = TrainingItems(data, user), most;
    CdaeUser *of = &b->user[b->users];
    uint64_t first, end;

    if (count == 0 || count == data->items)
        return true;
    most = (count < CDAE_MOST_ITEMS ? count : CDAE_MOST_ITEMS);
    most *= (uint32_t)(1 + b->options->negatives);
    if (b->users == b->most_users || b->output_count + most > b->most_outputs)
        return false;
    *of = (CdaeUser){.user = user, .input = b->input_count, .output = b->output_count};
    Range(data, user, random, &first, &end);
    for (uint64_t i = first; i < end; i++)
        if (!IsHeldOut(data, user, data->item[i]))
            AddItem(b, data, mean_weight, user, i, random);
    of->inputs = b->input_count - of->input;
    of->outputs = b->output_count - of->output;
    of->scale = ScaleOf(b, of, count);
    b->users++;
    return true;
}

/* --- users */

static void Read(const CdaeBatch *b, const CdaeUser *of, float *sum)
{
    const Part *input = &b->part[CDAE_INPUT_PART];

    memcpy(sum, b->part[CDAE_BIAS_PART].data, input->stride * sizeof(float));
    if (b->options->user_node)
        AddScaledRow(sum, PartRow(&b->part[CDAE_USER_PART], of->user), 1, input->stride);
    for (uint32_t i = of->input; i < of->input + of->inputs; i++)
        AddScaledRow(sum, PartRow(input, b->input[i]), of->scale, input->stride);
}

/* Scores become gradients; the loss. */
static double EachLoss(const CdaeBatch *b, const CdaeUser *of)
{
    double loss = 0;

    for (uint32_t j = of->output; j < of->output + of->outputs; j++) {
        float odds = b->pull[j], off = odds - b->label[j];

        if (b->options->loss == CDAE_SQUARE) {
            loss += (double)b->weight[j] * (double)(off * off) / 2;
            b->pull[j] = b->weight[j] * off;
        } else {
            loss += (double)(b->weight[j] * (RealSoftplus(odds) - b->label[j] * odds));
            b->pull[j] = b->weight[j] * (RealSigmoid(odds) - b->label[j]);
        }
    }
    return loss;
}

static double SoftmaxLoss(const CdaeBatch *b, const CdaeUser *of)
{
    float *o = b->pull + of->output, greatest = o[0], sum = 0;
    const float *label = b->label + of->output, *weight = b->weight + of->output;
    double loss = 0, weights = 0;

    for (uint32_t j = 0; j < of->outputs; j++)
        greatest = fmaxf(greatest, o[j]);
    for (uint32_t j = 0; j < of->outputs; j++)
        sum += expf(o[j] - greatest);
    for (uint32_t j = 0; j < of->outputs; j++) {
        loss += (double)(label[j] * weight[j]) * (double)(greatest + logf(sum) - o[j]);
        weights += (double)(label[j] * weight[j]);
    }
    for (uint32_t j = 0; j < of->outputs; j++)
        o[j] = (float)weights * expf(o[j] - greatest) / sum - label[j] * weight[j];
    return loss;
}

/* dz, then the gradient of what z is the sigmoid of. */
static void Back(const CdaeBatch *b, const CdaeUser *of, const float *z, float *g)
{
    const Part *output = &b->part[CDAE_OUTPUT_PART];
    uint32_t factors = (uint32_t)b->options->factors;

    memset(g, 0, output->stride * sizeof(float));
    for (uint32_t j = of->output; j < of->output + of->outputs; j++)
        AddScaledRow(g, PartRow(output, b->output[j]), b->pull[j], output->stride);
    for (uint32_t k = 0; k < output->stride; k++)
        g[k] = k < factors ? g[k] * z[k] * (1 - z[k]) : 0;
}

static void LearnUser(CdaeBatch *b, uint32_t number)
{
    const Part *output = &b->part[CDAE_OUTPUT_PART];
    const CdaeUser *of = &b->user[number];
    float *z = b->hidden + (size_t)number * output->stride;
    float *g = b->sum + (size_t)number * output->stride;

    Read(b, of, g);
    CdaeHidden(b->options, g, output->stride, z);
    DotRowsAt(z, output->data, b->output + of->output, of->outputs, output->stride,
              b->pull + of->output);
    b->losses[number] = b->options->loss == CDAE_SOFTMAX ? SoftmaxLoss(b, of) : EachLoss(b, of);
    Back(b, of, z, g);
}

static void LearnUsers(void *arg, int task, int worker)
{
    CdaeBatch *b = arg;
    uint32_t first = (uint32_t)task * TASK_USERS;

    (void)worker;
    for (uint32_t n = first; n < b->users && n < first + TASK_USERS; n++)
        if (!HostCancelled(b->host))
            LearnUser(b, n);
}

/* --- steps */

/* The gradient of a row, at first zero, into `g`. */
typedef void (*AddGradient)(const CdaeBatch *b, uint32_t number, float *g);

static void AddUser(const CdaeBatch *b, uint32_t number, float *g)
{
    AddScaledRow(g, b->sum + (size_t)number * b->part[CDAE_OUTPUT_PART].stride, 1,
                 b->part[CDAE_USER_PART].stride);
}

static void AddBias(const CdaeBatch *b, uint32_t number, float *g)
{
    (void)number;
    for (uint32_t n = 0; n < b->users; n++)
        AddUser(b, n, g);
}

static void AddInputs(const CdaeBatch *b, uint32_t number, float *g)
{
    const RowGroups *groups = &b->inputs;

    for (uint32_t e = groups->start[number]; e < groups->start[number + 1]; e++) {
        uint32_t user = b->input_user[groups->entry[e]];

        AddScaledRow(g, b->sum + (size_t)user * b->part[CDAE_OUTPUT_PART].stride,
                     b->user[user].scale, b->part[CDAE_INPUT_PART].stride);
    }
}

static void AddOutputs(const CdaeBatch *b, uint32_t number, float *g)
{
    const RowGroups *groups = &b->outputs;
    uint32_t stride = b->part[CDAE_OUTPUT_PART].stride;

    for (uint32_t e = groups->start[number]; e < groups->start[number + 1]; e++) {
        uint32_t j = groups->entry[e];

        AddScaledRow(g, b->hidden + (size_t)b->output_user[j] * stride, b->pull[j], stride);
    }
}

static void StepRow(const CdaeBatch *b, int part, uint32_t row, uint32_t number, AddGradient add,
                    float *g)
{
    Part *of = &b->part[part];
    AdamRule rule = {
        .rate = b->rule.rate, .weight_decay = b->rule.regularization, .scale = 1 / (float)b->users};

    if (b->rule.sums[part] != NULL) {
        add(b, number, b->rule.sums[part] + (size_t)row * of->stride);
        return;
    }
    memset(g, 0, of->stride * sizeof(float));
    add(b, number, g);
    AdamRowsStep(&b->adam[part], &rule, row, g);
}

static uint32_t Tasks(uint32_t rows)
{
    return (rows + TASK_ROWS - 1) / TASK_ROWS;
}

static void StepGroups(const CdaeBatch *b, int part, const RowGroups *groups, uint32_t task,
                       AddGradient add, float *g)
{
    uint32_t first = task * TASK_ROWS;

    for (uint32_t n = first; n < groups->count && n < first + TASK_ROWS; n++)
        StepRow(b, part, groups->row[n], n, add, g);
}

static void StepUsers(const CdaeBatch *b, uint32_t task, float *g)
{
    uint32_t first = task * TASK_ROWS;

    for (uint32_t n = first; n < b->users && n < first + TASK_ROWS; n++)
        StepRow(b, CDAE_USER_PART, b->user[n].user, n, AddUser, g);
}

static void Step(void *arg, int task, int worker)
{
    CdaeBatch *b = arg;
    uint32_t t = (uint32_t)task, inputs = Tasks(b->inputs.count);
    uint32_t outputs = Tasks(b->outputs.count);
    float *g = b->row + (size_t)worker * b->part[CDAE_OUTPUT_PART].stride;

    if (t < inputs)
        StepGroups(b, CDAE_INPUT_PART, &b->inputs, t, AddInputs, g);
    else if (t < inputs + outputs)
        StepGroups(b, CDAE_OUTPUT_PART, &b->outputs, t - inputs, AddOutputs, g);
    else if (t == inputs + outputs)
        StepRow(b, CDAE_BIAS_PART, 0, 0, AddBias, g);
    else
        StepUsers(b, t - inputs - outputs - 1, g);
}

double CdaeBatchStep(CdaeBatch *b)
{
    double loss = 0;

    if (b->users == 0)
        return 0;
    RowGroupsFill(&b->inputs, b->input, b->input_count);
    RowGroupsFill(&b->outputs, b->output, b->output_count);
    PoolRun(b->host, LearnUsers, b, (int)((b->users + TASK_USERS - 1) / TASK_USERS));
    if (HostCancelled(b->host))
        HostAbandon(b->host);
    PoolRun(b->host, Step, b,
            (int)(Tasks(b->inputs.count) + Tasks(b->outputs.count) + 1 +
                  (b->options->user_node ? Tasks(b->users) : 0)));
    for (uint32_t n = 0; n < b->users; n++)
        loss += b->losses[n];
    RowGroupsClear(&b->inputs);
    RowGroupsClear(&b->outputs);
    b->users = b->input_count = b->output_count = 0;
    return loss;
}
