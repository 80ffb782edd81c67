/* user_steps.c: steps of the visitors' model. */
#include "algo/irecgan/steps.h"

static void UserTask(void *learner, int task, int worker)
{
    Learner *l = learner;
    SliceWork *w = &l->work[task];

    (void)worker;
    SliceOfAnswers(l->host, l->batch + (size_t)task * SLICE_ROWS, SliceEpisodes(l, task),
                   &w->slice);
    w->loss = (double)UserLearn(&l->user_net, l->user.values, l->user_items.rows, &w->slice,
                                &l->user_losses, &w->user, l->forgetting ? NULL : w->gradient);
}

/* The gradients of an answer's rows. */
static void ShareAnswer(Learner *l, const SliceWork *w, uint32_t i, const float *score)
{
    const Answer *answer = w->slice.answer[i];
    size_t pitch = Pitch(l->user_net.factors);
    uint32_t clicked = ClickedItem(answer);

    for (uint32_t j = 0; j < answer->count; j++) {
        ItemSharesAdd(&l->user_shares, answer->shown[j], score[j], w->user.wish + i * pitch);
        if (j % SLATE_AT_ONCE == 0)
            HostPoll(l->host);
    }
    if (clicked != NOTHING && l->user_losses.buys)
        ItemSharesAdd(&l->user_shares, clicked, w->user.factor[i], w->user.price + i * pitch);
    if (w->slice.input[i] != NOTHING)
        ItemSharesAdd(&l->user_shares, w->slice.input[i], 1, w->user.dx + i * pitch);
}

static void ShareSlice(Learner *l, const SliceWork *w)
{
    const float *score = w->user.score;

    for (uint32_t i = 0; i < w->slice.count; i++) {
        ShareAnswer(l, w, i, score);
        score += w->slice.answer[i]->count + 1;
    }
}

static double Losses(Learner *l, const Episode *const *batch, uint32_t count, bool forgetting)
{
    l->batch = batch;
    l->count = count;
    l->forgetting = forgetting;
    l->user_losses.purchase = (float)l->options->purchase_weight;
    l->user_losses.scale = 1 / (float)BatchAnswers(batch, count);
    IrRunSlices(l, UserTask);
    return IrSumLosses(l);
}

double UserLoss(Learner *learner, const Episode *const *batch, uint32_t count)
{
    return Losses(learner, batch, count, true);
}

double LearnUser(Learner *learner, const Episode *const *batch, uint32_t count)
{
    Learner *l = learner;
    AdamRule rule = {(float)l->options->user_rate, (float)l->options->weight_decay, 1};
    double loss = Losses(l, batch, count, false);

    for (int s = 0; s < IrSlicesNow(l); s++)
        ShareSlice(l, &l->work[s]);
    IrStepNetwork(l, &rule, &l->user);
    ItemSharesStep(l->host, &l->user_shares, false, &rule, &l->user_items.adam, l->user_items.rows);
    return loss;
}
