/*
 * half_step.c: gathering, the forms of a row's system, and the turn into the eigenvectors.
 */
#include "algo/als/half_step.h"

#include <math.h>
#include <string.h>

#include "algo/als/conjugate.h"
#include "core/blas.h"
#include "core/pool.h"
#include "core/products.h"
#include "core/symmetric.h"
#include "core/vector.h"

/* Rows of a task: of one that solves, that turns, and between two looks at a cancellation. */
#define TASK_ROWS 32
#define TURN_ROWS 1024
#define GRAM_ROWS 512

/* Interactions gathered at a time; at least as many as there are factors. */
#define GATHER_ROWS 256

/* The sum over all rows of a side is cut into so many; fewer where they would be large. */
#define MOST_SLICES  16
#define SLICE_FLOATS (1u << 22)

/* The eigenvectors take about as long as so many times factors^3 operations of a row's system. */
#define EIGEN_COST 40.0

/* Beyond, they would keep an interrupt waiting. */
#define MOST_TURNED 512

/*
 * From so many interactions and factors on a row moves by a few steps of conjugate gradients
 * instead of being solved for.
 */
#define FEWEST_MOVED         16
#define FEWEST_MOVED_FACTORS 32
#define STEPS                3

#define POLL_EVERY (1 << 16)

struct Scratch {
    float *system;   /* stride x stride */
    float *gathered; /* rows x stride, times the roots of their weights */
    float *solution; /* TASK_ROWS x stride, in the basis */
    float *right;    /* as many as gathered rows, and stride */
    float *shrink;   /* stride: 1 / sqrt(eigenvalue + lambda); or eigenvalue + lambda */
    float *start;    /* TASK_ROWS x stride: the rows as they were, in the basis */
    float *work;     /* of conjugate gradients */
    float *weight;   /* as many as a row can have interactions, and four */
    uint32_t *index; /* so many, too */
    bool failed;
    bool abandoned;
};

static uint32_t GatherRows(uint32_t stride)
{
    return stride > GATHER_ROWS ? stride : GATHER_ROWS;
}

static uint32_t SlicesOf(uint32_t stride)
{
    uint32_t fit = SLICE_FLOATS / (stride * stride) + 1;

    return fit < MOST_SLICES ? fit : MOST_SLICES;
}

static bool MayTurn(uint32_t factors)
{
    return factors <= MOST_TURNED;
}

double RowPenalty(const AlsWeights *weights, double frequency, double others)
{
    return weights->regularization *
           pow(frequency + weights->unobserved * others, weights->scaling);
}

/* --- memory */

static size_t LargerSide(const Interactions *data)
{
    return SizeLarger(data->users, data->items);
}

static size_t TasksOf(size_t rows)
{
    return (rows + TASK_ROWS - 1) / TASK_ROWS;
}

static size_t ScratchFloats(uint32_t stride)
{
    size_t s = stride, gathered = GatherRows(stride);

    return s * s + gathered * s + 2 * TASK_ROWS * s + gathered + s + s + CONJUGATE_WORK(s);
}

/* Entries of the longest list of interactions that a row can have, filled up to whole fours. */
static size_t ListEntries(const Interactions *data)
{
    return LargerSide(data) + CONJUGATE_ROWS;
}

size_t SolverMemory(const Model *model, const Interactions *shape, int threads)
{
    uint32_t stride = model->part[ALS_ITEM_PART].stride,
             factors = model->part[ALS_ITEM_PART].columns;
    size_t square = (size_t)stride * stride, floats = square * (SlicesOf(stride) + 1);
    size_t lists = SizeMultiply(shape->count, sizeof(uint32_t)), turned = 0, total;

    if (shape->columns & COLUMN_WEIGHT)
        lists = SizeAdd(lists, SizeMultiply(shape->count, sizeof(float)));
    lists = SizeAdd(lists, ((size_t)shape->items + 1) * sizeof(uint64_t));
    if (MayTurn(factors))
        turned =
            SizeAdd(EigenWork(factors),
                    SizeMultiply(SizeAdd(SizeMultiply(LargerSide(shape), stride), square + stride),
                                 sizeof(float)));
    floats = SizeAdd(floats + square, SizeMultiply((size_t)threads, ScratchFloats(stride)));
    total = SizeAdd(SizeAdd(lists, turned), SizeMultiply(floats, sizeof(float)));
    total = SizeAdd(total, SizeMultiply((size_t)threads,
                                        ListEntries(shape) * (sizeof(float) + sizeof(uint32_t))));
    total = SizeAdd(total, (size_t)threads * sizeof(Scratch));
    if (shape->held_count == 0) /* validation counts what products fill */
        total = SizeAdd(total, (size_t)threads * BlasMemory(stride, stride, stride));
    return SizeAdd(total, TasksOf(LargerSide(shape)) * sizeof(double));
}

/* Users by item: offset[i] counts up while users are listed, and so ends where it belongs. */
static Touches Transpose(const Host *host, const Interactions *data)
{
    uint64_t *offset = HostAllocateZero(host, (size_t)data->items + 1, sizeof(uint64_t));
    uint32_t *user = HostAllocate(host, data->count, sizeof(uint32_t));
    float *weight = data->weight == NULL ? NULL : HostAllocate(host, data->count, sizeof(float));

    for (uint64_t i = 0; i < data->count; i++) {
        offset[data->item[i]]++;
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    for (uint32_t i = 0; i < data->items; i++)
        offset[i + 1] += offset[i];
    for (uint32_t u = data->users; u-- > 0;) {
        if (u % POLL_EVERY == 0)
            HostPoll(host);
        for (uint64_t i = data->offset[u + 1]; i-- > data->offset[u];) {
            uint64_t at = --offset[data->item[i]];

            user[at] = u;
            if (weight != NULL)
                weight[at] = data->weight[i];
        }
    }
    return (Touches){data->items, data->users, offset, user, weight};
}

static void ScratchCreate(const Solver *s, Scratch *scratch)
{
    size_t stride = s->stride, gathered = GatherRows(s->stride);
    float *floats = HostAllocate(s->host, ScratchFloats(s->stride), sizeof(float));

    *scratch = (Scratch){.system = floats};
    scratch->gathered = scratch->system + stride * stride;
    scratch->solution = scratch->gathered + gathered * stride;
    scratch->start = scratch->solution + TASK_ROWS * stride;
    scratch->shrink = scratch->start + TASK_ROWS * stride;
    scratch->work = scratch->shrink + stride;
    scratch->right = scratch->work + CONJUGATE_WORK(stride);
    scratch->weight = HostAllocate(s->host, ListEntries(s->data), sizeof(float));
    scratch->index = HostAllocate(s->host, ListEntries(s->data), sizeof(uint32_t));
}

void SolverOpen(const Host *host, const Interactions *data, const Model *model, Solver *s)
{
    const Part *item = &model->part[ALS_ITEM_PART];
    size_t square = (size_t)item->stride * item->stride;

    BlasLoad(PoolThreads(host));
    *s = (Solver){.host = host,
                  .data = data,
                  .mean_weight = MeanWeight(host, data),
                  .factors = item->columns,
                  .stride = item->stride};
    s->side[AXIS_USER] =
        (Touches){data->users, data->items, data->offset, data->item, data->weight};
    s->side[AXIS_ITEM] = Transpose(host, data);
    s->gram = HostAllocate(host, square, sizeof(float));
    s->slices = HostAllocate(host, square * SlicesOf(s->stride), sizeof(float));
    s->base = HostAllocate(host, square, sizeof(float));
    if (MayTurn(s->factors)) {
        s->basis = HostAllocate(host, square, sizeof(float));
        s->values = HostAllocate(host, s->stride, sizeof(float));
        s->turned = HostAllocate(host, SizeMultiply(LargerSide(data), s->stride), sizeof(float));
        s->eigen_work = HostAllocate(host, EigenWork(s->factors), 1);
    }
    s->loss = HostAllocate(host, TasksOf(LargerSide(data)), sizeof(double));
    s->scratch = HostAllocate(host, (size_t)PoolThreads(host), sizeof(Scratch));
    for (int i = 0; i < PoolThreads(host); i++)
        ScratchCreate(s, &s->scratch[i]);
}

void SolverClose(Solver *s)
{
    for (int i = 0; i < PoolThreads(s->host); i++) {
        HostRelease(s->host, s->scratch[i].system);
        HostRelease(s->host, s->scratch[i].weight);
        HostRelease(s->host, s->scratch[i].index);
    }
    HostRelease(s->host, s->scratch);
    HostRelease(s->host, s->loss);
    HostRelease(s->host, s->eigen_work);
    HostRelease(s->host, s->turned);
    HostRelease(s->host, s->values);
    HostRelease(s->host, s->basis);
    HostRelease(s->host, s->base);
    HostRelease(s->host, s->slices);
    HostRelease(s->host, s->gram);
    HostRelease(s->host, (void *)s->side[AXIS_ITEM].offset);
    HostRelease(s->host, (void *)s->side[AXIS_ITEM].other);
    HostRelease(s->host, (void *)s->side[AXIS_ITEM].weight);
}

/* Ends the run if a task was left unfinished. */
static void CheckTasks(const Solver *s)
{
    bool failed = false;

    if (HostCancelled(s->host))
        HostAbandon(s->host);
    for (int i = 0; i < PoolThreads(s->host); i++) {
        if (s->scratch[i].abandoned)
            HostAbandon(s->host);
        failed |= s->scratch[i].failed;
    }
    if (failed)
        HostFail(s->host, FAIL_NOT_FINITE, "Raise the option regularization.",
                 "a system of least squares has no solution in single precision");
}

/* --- F^T F */

typedef struct GramJob {
    Solver *solver;
    const Part *fixed;
} GramJob;

static void AddSlice(void *arg, int task, int worker)
{
    GramJob *job = arg;
    Solver *s = job->solver;
    uint64_t rows = job->fixed->rows, slices = SlicesOf(s->stride);
    uint64_t first = rows * (uint64_t)task / slices, last = rows * ((uint64_t)task + 1) / slices;
    float *sum = s->slices + (size_t)task * s->stride * s->stride;

    memset(sum, 0, (size_t)s->stride * s->stride * sizeof(float));
    for (uint64_t r = first; r < last; r += GRAM_ROWS) {
        if (HostCancelled(s->host)) {
            s->scratch[worker].abandoned = true;
            return;
        }
        AddProducts(PartRow(job->fixed, r), last - r < GRAM_ROWS ? last - r : GRAM_ROWS, s->stride,
                    sum);
    }
}

void SolverGram(Solver *s, const Part *fixed)
{
    GramJob job = {s, fixed};
    size_t stride = s->stride, square = stride * stride;

    PoolRun(s->host, AddSlice, &job, (int)SlicesOf(s->stride));
    CheckTasks(s);
    memcpy(s->gram, s->slices, square * sizeof(float));
    for (uint32_t slice = 1; slice < SlicesOf(s->stride); slice++)
        for (size_t i = 0; i < square; i++)
            s->gram[i] += s->slices[slice * square + i];
    for (size_t i = 0; i < stride; i++)
        for (size_t j = i + 1; j < stride; j++)
            s->gram[i * stride + j] = s->gram[j * stride + i];
}

/* --- into the basis of eigenvectors and back */

/* In the basis, is a row moved rather than solved for? */
static bool IsMoved(const Solver *s, double count)
{
    return !s->exact && s->factors >= FEWEST_MOVED_FACTORS && count >= FEWEST_MOVED;
}

/* Operations that the basis saves with a row of n interactions and d factors. */
static double Saved(const Solver *s, double n, double d)
{
    if (IsMoved(s, n))
        return d * n * (d - 2 * (STEPS + 1)) + d * d * d / 3;
    return n < d ? d * n * (d - n) + (d * d * d - n * n * n) / 3 : 0;
}

static bool PaysToTurn(const Solver *s, const Touches *touches)
{
    double d = s->factors, saved = 0;

    if (!MayTurn(s->factors))
        return false;
    for (uint32_t r = 0; r < touches->rows; r++)
        saved += Saved(s, (double)(touches->offset[r + 1] - touches->offset[r]), d);
    return saved > EIGEN_COST * d * d * d;
}

typedef struct TurnJob {
    const Solver *solver;
    const Part *fixed;
} TurnJob;

static void TurnRows(void *arg, int task, int worker)
{
    TurnJob *job = arg;
    const Solver *s = job->solver;
    uint32_t first = (uint32_t)task * TURN_ROWS, left = job->fixed->rows - first;

    (void)worker;
    MultiplyTransposed(PartRow(job->fixed, first), s->base, left < TURN_ROWS ? left : TURN_ROWS,
                       s->stride, s->stride, s->turned + (size_t)first * s->stride);
}

/* False: no eigenvectors were found. */
static bool Turn(Solver *s, const Part *fixed)
{
    size_t stride = s->stride;
    TurnJob job = {s, fixed};

    HostPoll(s->host);
    memset(s->values, 0, stride * sizeof(float));
    if (!SymmetricEigen(s->base, s->factors, stride, s->values, s->eigen_work))
        return false;
    HostPoll(s->host);
    for (size_t k = 0; k < stride; k++) {
        s->values[k] = fmaxf(s->values[k], 0); /* rounding */
        for (size_t j = 0; j < stride; j++)
            s->basis[j * stride + k] = s->base[k * stride + j];
    }
    PoolRun(s->host, TurnRows, &job, (int)((fixed->rows + TURN_ROWS - 1) / TURN_ROWS));
    return true;
}

static void TakeBase(Solver *s)
{
    for (size_t i = 0; i < (size_t)s->stride * s->stride; i++)
        s->base[i] = (float)(s->weights.unobserved * s->gram[i]);
}

/* --- one row */

typedef struct HalfStepJob {
    Solver *solver;
    Axis axis;
    const Touches *touches;
    const float *rows; /* of the other side, turned or not */
    bool turned;
    Part *solved;
} HalfStepJob;

/* A row of the solved side: its interactions that count. */
typedef struct RowWork {
    uint32_t row;
    uint32_t count;
    double frequency; /* sum of weights */
    float penalty;
} RowWork;

static bool Counts(const HalfStepJob *job, uint32_t row, uint32_t other)
{
    const Solver *s = job->solver;

    return s->everything || !(job->axis == AXIS_USER ? IsHeldOut(s->data, row, other)
                                                     : IsHeldOut(s->data, other, row));
}

static float WeightAt(const HalfStepJob *job, uint64_t i)
{
    return job->touches->weight == NULL
               ? 1.0f
               : (float)(job->touches->weight[i] / job->solver->mean_weight);
}

static RowWork Survey(const HalfStepJob *job, uint32_t row)
{
    const Touches *t = job->touches;
    RowWork work = {.row = row};

    for (uint64_t i = t->offset[row]; i < t->offset[row + 1]; i++)
        if (Counts(job, row, t->other[i])) {
            work.count++;
            work.frequency += WeightAt(job, i);
        }
    work.penalty = (float)RowPenalty(&job->solver->weights, work.frequency, t->others);
    return work;
}

/* The next rows that count, times the roots of their weights; returns how many. */
static uint32_t Gather(const HalfStepJob *job, uint32_t row, uint64_t *next, uint32_t most,
                       float *gathered, float *root)
{
    const Touches *t = job->touches;
    size_t stride = job->solver->stride;
    uint32_t n = 0;

    for (; *next < t->offset[row + 1] && n < most; ++*next) {
        const float *from = job->rows + t->other[*next] * stride;
        float *to = gathered + n * stride, scale;

        if (!Counts(job, row, t->other[*next]))
            continue;
        scale = root[n] = sqrtf(WeightAt(job, *next));
        for (size_t k = 0; k < stride; k++)
            to[k] = scale * from[k];
        n++;
    }
    return n;
}

/* to += the sum of the rows times their factors */
static void AddRows(const float *rows, const float *factor, uint32_t count, size_t stride,
                    float *restrict to)
{
    for (uint32_t n = 0; n < count; n++)
        for (size_t k = 0; k < stride; k++)
            to[k] += factor[n] * rows[n * stride + k];
}

static float Dot(const float *a, const float *b, size_t n)
{
    float sum;

    DotRows(a, b, 1, n, &sum);
    return sum;
}

/* alpha F^T F + lambda_u I; of a row-major matrix the lower triangle counts. */
static void StartSystem(const HalfStepJob *job, float penalty, float *system)
{
    const Solver *s = job->solver;
    size_t stride = s->stride;

    if (job->turned)
        memset(system, 0, stride * stride * sizeof(float));
    else
        memcpy(system, s->base, stride * stride * sizeof(float));
    for (size_t k = 0; k < stride; k++)
        system[k * stride + k] += penalty + (job->turned ? s->values[k] : 0);
}

/* As many equations as factors.  Returns the row's loss. */
static double SolveWide(const HalfStepJob *job, RowWork work, Scratch *scratch, float *solution)
{
    size_t stride = job->solver->stride;
    uint64_t next = job->touches->offset[work.row];
    float *root = scratch->right, *right = scratch->right + GatherRows((uint32_t)stride);
    uint32_t n;

    StartSystem(job, work.penalty, scratch->system);
    memset(right, 0, stride * sizeof(float));
    while ((n = Gather(job, work.row, &next, GATHER_ROWS, scratch->gathered, root)) > 0) {
        if (HostCancelled(job->solver->host)) {
            scratch->abandoned = true;
            return 0;
        }
        AddProducts(scratch->gathered, n, stride, scratch->system);
        AddRows(scratch->gathered, root, n, stride, right);
    }
    memcpy(solution, right, stride * sizeof(float));
    scratch->failed |= !SolvePositive(scratch->system, stride, solution);
    return work.frequency - Dot(right, solution, stride);
}

/*
 * As many equations as interactions: with D = eigenvalues + lambda_u and X the gathered rows,
 * p = D^-1 X^T y,  (X D^-1 X^T + I) y = s,  s: the roots of the weights.
 */
static double SolveNarrow(const HalfStepJob *job, RowWork work, Scratch *scratch, float *solution)
{
    const Solver *s = job->solver;
    size_t stride = s->stride, n = work.count;
    uint64_t next = job->touches->offset[work.row];
    float *root = scratch->right, *y = scratch->right + GatherRows((uint32_t)stride);
    double loss = 0;

    for (size_t k = 0; k < stride; k++)
        scratch->shrink[k] = 1 / sqrtf(s->values[k] + work.penalty);
    Gather(job, work.row, &next, work.count, scratch->gathered, root);
    memcpy(y, root, n * sizeof(float));
    for (size_t r = 0; r < n; r++)
        for (size_t k = 0; k < stride; k++)
            scratch->gathered[r * stride + k] *= scratch->shrink[k];
    RowProducts(scratch->gathered, n, stride, scratch->system);
    for (size_t r = 0; r < n; r++)
        scratch->system[r * n + r] += 1;
    scratch->failed |= !SolvePositive(scratch->system, n, y);
    memset(solution, 0, stride * sizeof(float));
    AddRows(scratch->gathered, y, work.count, stride, solution);
    for (size_t k = 0; k < stride; k++)
        solution[k] *= scratch->shrink[k];
    for (size_t r = 0; r < n; r++)
        loss += root[r] * y[r];
    return loss;
}

/* The interactions that count, filled up to whole fours with ones that weigh nothing. */
static uint32_t List(const HalfStepJob *job, uint32_t row, Scratch *scratch)
{
    const Touches *t = job->touches;
    uint32_t n = 0;

    for (uint64_t i = t->offset[row]; i < t->offset[row + 1]; i++)
        if (Counts(job, row, t->other[i])) {
            scratch->index[n] = t->other[i];
            scratch->weight[n++] = WeightAt(job, i);
        }
    for (; n % CONJUGATE_ROWS != 0; n++) {
        scratch->index[n] = scratch->index[n - 1];
        scratch->weight[n] = 0;
    }
    return n;
}

/* Towards the solution, from where the row is. */
static double MoveRow(const HalfStepJob *job, RowWork work, Scratch *scratch, float *solution)
{
    const Solver *s = job->solver;
    uint32_t stride = s->stride, place = work.row % TASK_ROWS;
    ConjugateSystem system = {job->rows, scratch->index, scratch->weight,
                              0,         stride,         scratch->shrink};
    double loss = 0;

    system.count = List(job, work.row, scratch);
    for (size_t k = 0; k < stride; k++)
        scratch->shrink[k] = s->values[k] + work.penalty;
    memcpy(solution, scratch->start + (size_t)place * stride, stride * sizeof(float));
    scratch->abandoned |= !ConjugateSteps(s->host, &system, STEPS, solution, scratch->work, &loss);
    return loss;
}

static double SolveRow(const HalfStepJob *job, uint32_t row, Scratch *scratch, float *solution)
{
    RowWork work = Survey(job, row);

    if (work.count == 0) {
        memset(solution, 0, job->solver->stride * sizeof(float));
        return 0;
    }
    if (job->turned && IsMoved(job->solver, work.count))
        return MoveRow(job, work, scratch, solution);
    if (job->turned && work.count < job->solver->factors)
        return SolveNarrow(job, work, scratch, solution);
    return SolveWide(job, work, scratch, solution);
}

static void SolveTask(void *arg, int task, int worker)
{
    HalfStepJob *job = arg;
    Solver *s = job->solver;
    Scratch *scratch = &s->scratch[worker];
    uint32_t first = (uint32_t)task * TASK_ROWS, left = job->solved->rows - first;
    uint32_t rows = left < TASK_ROWS ? left : TASK_ROWS;
    float *out = PartRow(job->solved, first), *to = job->turned ? scratch->solution : out;
    double loss = 0;

    if (job->turned && IsMoved(s, FEWEST_MOVED))
        MultiplyTransposed(out, s->base, rows, s->stride, s->stride, scratch->start);
    for (uint32_t r = 0; r < rows && !scratch->abandoned; r++) {
        if (HostCancelled(s->host))
            scratch->abandoned = true;
        loss += SolveRow(job, first + r, scratch, to + (size_t)r * s->stride);
    }
    if (job->turned)
        MultiplyTransposed(scratch->solution, s->basis, rows, s->stride, s->stride, out);
    s->loss[task] = loss;
}

double HalfStep(Solver *s, Axis axis, const Part *fixed, Part *solved)
{
    HalfStepJob job = {s, axis, &s->side[axis], fixed->data, false, solved};
    int tasks = (int)TasksOf(solved->rows);
    double loss = 0;

    SolverGram(s, fixed);
    TakeBase(s);
    if (PaysToTurn(s, job.touches)) {
        job.turned = Turn(s, fixed);
        if (job.turned)
            job.rows = s->turned;
        else
            TakeBase(s);
    }
    PoolRun(s->host, SolveTask, &job, tasks);
    CheckTasks(s);
    for (int i = 0; i < tasks; i++)
        loss += s->loss[i];
    return loss;
}

double SidePenalty(const Solver *s, Axis axis, const Part *part)
{
    HalfStepJob job = {.solver = (Solver *)s, .axis = axis, .touches = &s->side[axis]};
    double sum = 0;

    for (uint32_t r = 0; r < part->rows; r++) {
        const float *row = PartRow(part, r);

        if (r % TURN_ROWS == 0)
            HostPoll(s->host);
        sum += Survey(&job, r).penalty * (double)Dot(row, row, part->stride);
    }
    return sum;
}
