/* critics.c: what the critics should say, and their gradients. */
#include "algo/actor_critic/critics.h"

#include <math.h>

#include "algo/actor_critic/slices.h"

/* Advantages are cut off here (code of Liu et al. 2023). */
#define MOST_ADVANTAGE 1.0f

static void Smooth(const Slice *s, float *actions)
{
    const Learner *l = s->l;
    const AcOptions *o = l->options;
    Random random;

    RandomSeed(&random, (uint64_t)o->train.seed, RANDOM_NOISE, 2 * l->iteration + 1, s->number);
    for (uint32_t r = 0; r < s->rows; r++)
        for (uint32_t k = 0; k < l->factors; k++) {
            double noise = o->smoothing * RandomNormal(&random);

            noise = fmin(fmax(noise, -o->smoothing_limit), o->smoothing_limit);
            actions[(size_t)r * l->stride + k] += (float)noise;
        }
}

static void SetGoals(const Slice *s, const float *future)
{
    const Learner *l = s->l;
    const Batch *b = &l->batch;

    for (uint32_t r = 0; r < s->rows; r++) {
        bool goes_on = b->ended[s->first + r] == l->options->compat_bootstrap;
        float worth = goes_on ? (float)l->options->gamma * future[r] : 0;

        l->goal[s->first + r] = b->reward[s->first + r] + worth;
    }
}

/* Of the more careful critic, by the targets. */
static void LookAhead(const Slice *s)
{
    Learner *l = s->l;
    float future[SLICE_ROWS], *actions = s->w->target_tape; /* the states, used up */

    Encode(s, &l->target, l->batch.after, s->w->target_tape, l->next);
    if (l->options->smoothing > 0)
        Smooth(s, actions);
    for (int c = 0; c < l->switches->critics; c++) {
        const float *said = Judged(s, &l->critic[c], l->critic[c].target,
                                   RowAt(l, l->next, s->first), actions, NULL);

        for (uint32_t r = 0; r < s->rows; r++) {
            float q = said[r * Pitch(1)];

            future[r] = c == 0 || q < future[r] ? q : future[r];
        }
    }
    SetGoals(s, future);
}

/* What was done, as the critic sees it: into dz, which is free. */
static void Actions(const Slice *s)
{
    const Learner *l = s->l;

    for (uint32_t r = 0; r < s->rows && !l->switches->values; r++) {
        float *action = RowAt(l, l->dz, s->first + r);

        if (l->switches->stored_action)
            RealCopy(l->batch.action[s->first + r], l->stride, action);
        else
            SlateMean(l->actor.items, l->factors, l->batch.slate[s->first + r], action);
    }
}

/* The gradient of the mean square into g; the loss. */
static double Square(const Slice *s, const float *said)
{
    const Learner *l = s->l;
    float share = 1 / (float)l->batch.count;
    double loss = 0;

    for (uint32_t r = 0; r < s->rows; r++) {
        float error = said[r * Pitch(1)] - l->goal[s->first + r];

        RealClear(s->w->g + r * Pitch(1), Pitch(1));
        s->w->g[r * Pitch(1)] = 2 * share * error;
        loss += (double)(share * error * error);
    }
    return loss;
}

/* By how much what came of the slate exceeds what the state was worth. */
static void SetWeights(const Slice *s)
{
    const Learner *l = s->l;

    for (uint32_t r = s->first; r < s->first + s->rows; r++) {
        float advantage = l->goal[r] - l->judged[r];

        l->weight[r] =
            fminf(fmaxf(advantage, -MOST_ADVANTAGE), MOST_ADVANTAGE) / (float)l->batch.count;
    }
}

static void LearnCritic(const Slice *s, int c)
{
    Learner *l = s->l;
    Judge *judge = &l->critic[c];
    const float *states = RowAt(l, l->z, s->first), *said;
    Random random;

    RandomSeed(&random, (uint64_t)l->options->train.seed, RANDOM_DROPOUT, 4 * l->iteration + c,
               s->number);
    said = Judged(s, judge, judge->values, states, RowAt(l, l->dz, s->first), &random);
    for (uint32_t r = 0; r < s->rows && c == 0; r++)
        l->judged[s->first + r] = said[r * Pitch(1)];
    s->w->loss += Square(s, said);
    MlpBackward(&judge->mlp, &judge->pack, judge->values,
                l->switches->values ? states : s->w->input, s->rows, s->w->judge_tape, s->w->g,
                NULL, s->w->judge_gradient[c]);
}

void JudgeTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    s.w->loss = 0;
    LookAhead(&s);
    Encode(&s, &s.l->actor, s.l->batch.before, s.w->tape, s.l->z);
    Actions(&s);
    for (int c = 0; c < s.l->switches->critics; c++)
        LearnCritic(&s, c);
    if (s.l->switches->values)
        SetWeights(&s);
}
