/* worth.c: rows to go back to, how accurate a model is, and what it withstands. */
#include "algo/mf/worth.h"

#include <math.h>
#include <string.h>

/* Floats copied between two looks at interrupts. */
#define FLOATS_AT_ONCE (1 << 20)

/* Robustness is what moving all rows by this share of their norm, against the model, leaves. */
#define PROBE 0.25

static void CopyFloats(const Host *host, const float *from, float *to, size_t count)
{
    for (size_t i = 0; i < count; i += FLOATS_AT_ONCE) {
        size_t left = count - i;

        memcpy(to + i, from + i, (left < FLOATS_AT_ONCE ? left : FLOATS_AT_ONCE) * sizeof(float));
        HostPoll(host);
    }
}

static float *StateOf(const MfTrainer *t, int side)
{
    return side == 0 ? t->rule.user_state : t->rule.item_state;
}

MfSnapshot MfSnapshotOpen(const MfTrainer *t)
{
    MfSnapshot s;

    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];
        size_t states = MfStateFloats(part, t->options->optimizer);

        s.rows[side] = HostAllocate(t->host, PartFloats(part), sizeof(float));
        s.state[side] = HostAllocate(t->host, states, sizeof(float));
    }
    return s;
}

void MfSnapshotTake(const MfTrainer *t, const MfSnapshot *s)
{
    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];

        CopyFloats(t->host, part->data, s->rows[side], PartFloats(part));
        CopyFloats(t->host, StateOf(t, side), s->state[side],
                   MfStateFloats(part, t->options->optimizer));
    }
}

void MfSnapshotReturn(const MfTrainer *t, const MfSnapshot *s)
{
    for (int side = 0; side < 2; side++) {
        const Part *part = &t->model->part[MF_USER_PART + side];

        CopyFloats(t->host, s->rows[side], part->data, PartFloats(part));
        CopyFloats(t->host, s->state[side], StateOf(t, side),
                   MfStateFloats(part, t->options->optimizer));
    }
}

void MfSnapshotRelease(const MfTrainer *t, const MfSnapshot *s)
{
    for (int side = 0; side < 2; side++) {
        HostRelease(t->host, s->rows[side]);
        HostRelease(t->host, s->state[side]);
    }
}

Worth MfMeasureWorth(const MfTrainer *t, Loop *loop, const MfSnapshot *s)
{
    Perturbation worst = {PERTURB_ADVERSARIAL, PROBE, true};
    Validation *validation = &loop->validation;
    Worth worth = {.each = HostAllocate(t->host, validation->count, sizeof(float)),
                   .kept = HostAllocate(t->host, validation->count, sizeof(float))};

    ValidationRun(t->host, t->model, validation);
    ValidationEach(validation, worth.each);
    worth.ndcg = validation->ndcg;
    FactorsPerturb(t->host, t->data, t->model, worst, (uint64_t)t->options->train.seed);
    ValidationRun(t->host, t->model, validation);
    ValidationEach(validation, worth.kept);
    worth.perturbed = worth.ndcg > 0 ? validation->ndcg / worth.ndcg - 1 : (double)NAN;
    RatioResiduals(worth.kept, worth.each, validation->count);
    MfSnapshotReturn(t, s);
    return worth;
}

void MfWorthRelease(const Host *host, const Worth *worth)
{
    HostRelease(host, worth->each);
    HostRelease(host, worth->kept);
}

/* A snapshot, the gradients of a worst case, and what two models are worth. */
size_t MfWorthMemory(const Model *model, const Interactions *shape)
{
    const MfOptions *o = model->options;
    size_t floats = SizeMultiply(shape->held_count, 4);

    for (int i = MF_USER_PART; i <= MF_ITEM_PART; i++) {
        const Part *part = &model->part[i];

        floats = SizeAdd(floats, SizeMultiply(PartFloats(part), 2));
        floats = SizeAdd(floats, MfStateFloats(part, o->optimizer));
    }
    return SizeMultiply(floats, sizeof(float));
}
