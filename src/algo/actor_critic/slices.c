/* slices.c: slices of a batch. */
#include "algo/actor_critic/slices.h"

Slice SliceOf(void *learner, int task)
{
    Learner *l = learner;
    uint32_t first = (uint32_t)task * SLICE_ROWS, left = l->batch.count - first;

    return (Slice){l, &l->work[task], first, left < SLICE_ROWS ? left : SLICE_ROWS, (uint32_t)task};
}

int SlicesNow(const Learner *l)
{
    return (int)((l->batch.count + SLICE_ROWS - 1) / SLICE_ROWS);
}

void RunSlices(Learner *l, PoolTask task)
{
    PoolRun(l->host, task, l, SlicesNow(l));
    if (HostCancelled(l->host))
        HostAbandon(l->host);
}

double SumLosses(const Learner *l)
{
    double loss = 0;

    for (int s = 0; s < SlicesNow(l); s++)
        loss += l->work[s].loss;
    return loss;
}

void Encode(const Slice *s, const Actor *actor, const Clicks *clicks, float *tape, float *out)
{
    const Learner *l = s->l;

    StateForward(&l->encoder, &l->pack, actor->network, actor->items, clicks + s->first, s->rows,
                 tape);
    RealCopy(tape, (size_t)s->rows * l->stride, RowAt(l, out, s->first));
}

void Descend(const Slice *s)
{
    Learner *l = s->l;

    StateBackward(&l->encoder, &l->pack, l->actor.network, l->batch.before + s->first, s->rows,
                  s->w->tape, RowAt(l, l->dz, s->first), s->w->network_gradient,
                  RowAt(l, l->dclicks, s->first * StateVectors(&l->encoder)));
}

void Join(const Slice *s, const float *left, const float *right)
{
    const Learner *l = s->l;
    size_t pitch = Pitch(2 * (size_t)l->factors);

    for (uint32_t r = 0; r < s->rows; r++) {
        float *input = s->w->input + r * pitch;

        RealCopy(left + (size_t)r * l->stride, l->factors, input);
        RealCopy(right + (size_t)r * l->stride, l->factors, input + l->factors);
    }
}

const float *Judged(const Slice *s, const Judge *judge, const float *values, const float *states,
                    const float *actions, Random *random)
{
    const float *input = states;

    if (!s->l->switches->values) {
        Join(s, states, actions);
        input = s->w->input;
    }
    MlpForward(&judge->mlp, &judge->pack, values, input, s->rows, random, s->w->judge_tape);
    return s->w->judge_tape;
}
