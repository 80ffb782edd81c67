/* supervision.c: losses of the answers, and steps by them. */
#include "algo/actor_critic/supervision.h"

#include "algo/actor_critic/network_steps.h"
#include "algo/actor_critic/slices.h"

/* Items whose state is cleared between two looks at interrupts. */
#define ITEMS_AT_ONCE 4096

static void Answer(const Slice *s, bool learns)
{
    Learner *l = s->l;
    float weight = 1 / (float)l->batch.count;

    s->w->loss = 0;
    Encode(s, &l->actor, l->batch.before, s->w->tape, l->z);
    for (uint32_t r = s->first; r < s->first + s->rows; r++)
        s->w->loss += (double)SupervisionLoss(
            l->actor.items, l->factors, l->batch.slate[r], l->batch.label[r], RowAt(l, l->z, r),
            weight, RowAt(l, l->dz, r), l->factor + (size_t)r * MOST_SLATE);
    if (learns)
        Descend(s);
}

static void AnswerTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    Answer(&s, true);
}

static void AnswerLossTask(void *learner, int task, int worker)
{
    Slice s = SliceOf(learner, task);

    (void)worker;
    Answer(&s, false);
}

static void ShareAnswers(Learner *l)
{
    for (uint32_t r = 0; r < l->batch.count; r++)
        for (uint32_t i = 0; i < l->batch.slate[r].count; i++)
            ItemSharesAdd(&l->shares, l->batch.slate[r].items[i],
                          l->factor[(size_t)r * MOST_SLATE + i], RowAt(l, l->z, r));
}

double LearnAnswers(Learner *learner, const AdamRule *rule)
{
    Learner *l = learner;

    RunSlices(l, AnswerTask);
    ShareClicks(l);
    ShareAnswers(l);
    StepActor(l, false, rule, &l->by_answers);
    return SumLosses(l);
}

double AnswerLoss(Learner *learner)
{
    RunSlices(learner, AnswerLossTask);
    return SumLosses(learner);
}

void ForgetAnswers(Learner *learner)
{
    Learner *l = learner;

    l->by_answers.step = 0;
    RealClear(l->by_answers.network, 2 * l->pack.floats);
    for (uint32_t i = 0; i < l->items; i++) {
        RealClear(l->by_answers.items.state + (size_t)i * 2 * l->stride, 2 * l->stride);
        l->by_answers.items.step[i] = 0;
        if (i % ITEMS_AT_ONCE == 0)
            HostPoll(l->host);
    }
}
