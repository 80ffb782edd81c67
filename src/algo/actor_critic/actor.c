/* actor.c: the actor's steps by the critics. */
#include "algo/actor_critic/actor.h"

#include "algo/actor_critic/network_steps.h"
#include "algo/actor_critic/slices.h"

/* dz = -dq/dz / count; the critic stays, and sees the state as it is. */
static void Climb(const Slice *s)
{
    Learner *l = s->l;
    const Judge *judge = &l->critic[0];
    const float *z = RowAt(l, l->z, s->first);
    size_t pitch = Pitch(2 * (size_t)l->factors);
    Random random;

    RandomSeed(&random, (uint64_t)l->options->train.seed, RANDOM_DROPOUT, 4 * l->iteration + 2,
               s->number);
    Judged(s, judge, judge->values, z, z, &random);
    for (uint32_t r = 0; r < s->rows; r++) {
        RealClear(s->w->g + r * Pitch(1), Pitch(1));
        s->w->g[r * Pitch(1)] = -1 / (float)l->batch.count;
    }
    MlpBackward(&judge->mlp, &judge->pack, judge->values, s->w->input, s->rows, s->w->judge_tape,
                s->w->g, s->w->dinput, NULL);
    for (uint32_t r = 0; r < s->rows; r++) {
        float *dz = RowAt(l, l->dz, s->first + r);

        RealClear(dz, l->stride);
        RealCopy(s->w->dinput + r * pitch + l->factors, l->factors, dz);
    }
}

static ShownSlate BestSlate(const Learner *l, uint32_t row)
{
    return (ShownSlate){l->best + (size_t)row * l->slate, l->best_size[row]};
}

static void Align(const Slice *s)
{
    Learner *l = s->l;
    Choice choice = {.host = l->host,
                     .rows = l->actor.items,
                     .items = l->items,
                     .stride = l->stride,
                     .slate = l->slate,
                     .scores = s->w->scores,
                     .entries = s->w->entries};
    float weight = (float)(l->options->lambda_hyper / l->batch.count);

    ChooseSlates(&choice, RowAt(l, l->z, s->first), s->rows, NULL,
                 l->best + (size_t)s->first * l->slate, l->best_size + s->first);
    for (uint32_t r = s->first; r < s->first + s->rows; r++) {
        float *dz = RowAt(l, l->dz, r), *delta = RowAt(l, l->delta, r);

        if (l->best_size[r] == 0) /* nothing but NaN */
            continue;
        AlignmentLoss(l->actor.items, l->factors, BestSlate(l, r), RowAt(l, l->z, r), weight,
                      delta);
        for (uint32_t k = 0; k < l->stride; k++)
            dz[k] += delta[k];
    }
}

static bool Aligns(const Learner *l)
{
    return l->switches->aligns && l->options->lambda_hyper > 0;
}

static void ClimbTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    Climb(&s);
    if (Aligns(s.l))
        Align(&s);
    if (!HostCancelled(s.l->host))
        Descend(&s);
}

static void DescendTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    Descend(&s);
}

static void ShareSlates(Learner *l)
{
    for (uint32_t r = 0; r < l->batch.count; r++)
        for (uint32_t i = 0; i < l->best_size[r]; i++)
            ItemSharesAdd(&l->shares, BestSlate(l, r).items[i], -1 / (float)l->best_size[r],
                          RowAt(l, l->delta, r));
}

void ClimbActor(Learner *l)
{
    AdamRule rule = RuleOf(l, l->options->actor_rate);

    RunSlices(l, ClimbTask);
    ShareClicks(l);
    if (Aligns(l))
        ShareSlates(l);
    StepActor(l, false, &rule, &l->by_critic);
}

void ReinforceActor(Learner *l)
{
    AdamRule rule = RuleOf(l, l->options->actor_rate);

    SlateSoftmaxRun(l->host, &l->softmax, l->actor.items, l->z, l->batch.count, l->batch.slate,
                    l->weight, l->shares.dense, l->dz);
    RunSlices(l, DescendTask);
    ShareClicks(l);
    StepActor(l, true, &rule, &l->by_critic);
}
