/* rig.c: embeddings for tests of single updates. */
#include "rig.h"

#include <math.h>
#include <string.h>

#include "core/vector.h"
#include "support.h"

static size_t StateSize(const Rig *rig, uint32_t rows)
{
    return rig->rule.optimizer == OPTIMIZER_ADAGRAD ? (size_t)rows * rig->rule.stride : rows;
}

static float *RandomRows(const Rig *rig, uint32_t rows, double scale, Random *random)
{
    size_t stride = rig->rule.stride;
    float *matrix = HostAllocateZero(&rig->t->host, rows * stride, sizeof(float));

    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < rig->rule.factors; k++)
            matrix[r * stride + k] = (float)(scale * RandomNormal(random));
    return matrix;
}

static float *FreshState(const Rig *rig, uint32_t rows)
{
    float *state = HostAllocate(&rig->t->host, StateSize(rig, rows), sizeof(float));

    for (size_t i = 0; i < StateSize(rig, rows); i++)
        state[i] = ADAGRAD_START;
    return state;
}

Rig RigCreate(TestHost *t, uint32_t users, uint32_t items, uint32_t factors, Optimizer optimizer,
              double scale, uint64_t stream)
{
    Rig rig = {.t = t, .users = users, .items = items};
    Random random = TestStream(stream);

    rig.rule = (TripleRule){.host = &t->host,
                            .stride = VectorStride(factors),
                            .factors = factors,
                            .optimizer = optimizer,
                            .learning_rate = 0.05f,
                            .candidates = 1};
    rig.rule.users = RandomRows(&rig, users, scale, &random);
    rig.rule.items = RandomRows(&rig, items, scale, &random);
    rig.rule.user_state = FreshState(&rig, users);
    rig.rule.item_state = FreshState(&rig, items);
    return rig;
}

static float *CopyFloats(const Rig *rig, const float *from, size_t count)
{
    float *to = HostAllocate(&rig->t->host, count, sizeof(float));

    memcpy(to, from, count * sizeof(float));
    return to;
}

Rig RigCopy(const Rig *rig)
{
    Rig copy = *rig;
    size_t stride = rig->rule.stride;

    copy.rule.users = CopyFloats(rig, rig->rule.users, rig->users * stride);
    copy.rule.items = CopyFloats(rig, rig->rule.items, rig->items * stride);
    copy.rule.user_state = CopyFloats(rig, rig->rule.user_state, StateSize(rig, rig->users));
    copy.rule.item_state = CopyFloats(rig, rig->rule.item_state, StateSize(rig, rig->items));
    return copy;
}

bool RigSameRows(const Rig *a, const Rig *b)
{
    size_t row = a->rule.stride * sizeof(float);

    return memcmp(a->rule.users, b->rule.users, a->users * row) == 0 &&
           memcmp(a->rule.items, b->rule.items, a->items * row) == 0;
}

bool RigSameBytes(const Rig *a, const Rig *b)
{
    return RigSameRows(a, b) &&
           memcmp(a->rule.user_state, b->rule.user_state, StateSize(a, a->users) * sizeof(float)) ==
               0 &&
           memcmp(a->rule.item_state, b->rule.item_state, StateSize(a, a->items) * sizeof(float)) ==
               0;
}

static void Largest(const float *a, const float *b, const float *start, size_t n, double *step,
                    double *difference)
{
    for (size_t i = 0; i < n; i++) {
        *step = fmax(*step, fabs((double)a[i] - start[i]));
        *difference = fmax(*difference, fabs((double)a[i] - b[i]));
        if (isnan(a[i]) != isnan(b[i]))
            *difference = INFINITY;
    }
}

double RigDistance(const Rig *a, const Rig *b, const Rig *start)
{
    double step = 0, difference = 0;

    Largest(a->rule.users, b->rule.users, start->rule.users, (size_t)a->users * a->rule.stride,
            &step, &difference);
    Largest(a->rule.items, b->rule.items, start->rule.items, (size_t)a->items * a->rule.stride,
            &step, &difference);
    return step == 0 ? INFINITY : difference / step;
}

void RigSetAdversarial(Rig *rig, float epsilon, float lambda)
{
    rig->rule.adversarial = true;
    rig->rule.epsilon = epsilon;
    rig->rule.lambda = lambda;
}
