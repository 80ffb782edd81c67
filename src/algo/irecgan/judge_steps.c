/* judge_steps.c: steps of the discriminator. */
#include "algo/irecgan/steps.h"

static void JudgeTask(void *learner, int task, int worker)
{
    Learner *l = learner;
    SliceWork *w = &l->work[task];
    float odds[SLICE_ROWS];

    (void)worker;
    SliceOfAnswers(l->host, l->batch + (size_t)task * SLICE_ROWS, SliceEpisodes(l, task),
                   &w->slice);
    w->loss = (double)JudgeLearn(&l->judge_net, l->judge.values, l->judge_items.rows, &w->slice,
                                 1 / (float)l->count, &w->judge, odds, w->gradient);
    w->right = 0;
    for (uint32_t r = 0; r < w->slice.unroll.rows; r++)
        w->right += odds[r] > 0 ? !w->slice.simulated[r] : w->slice.simulated[r];
}

static void ShareSlice(Learner *l, const SliceWork *w)
{
    const JudgeWork *j = &w->judge;
    size_t pitch = Pitch(l->judge_net.factors), at = 0;

    for (uint32_t i = 0; i < w->slice.count; at += w->slice.answer[i++]->count + 1) {
        const Answer *answer = w->slice.answer[i];

        for (uint32_t p = 0; p < answer->count; p++) {
            ItemSharesAdd(&l->judge_shares, answer->shown[p], j->share[at + p],
                          j->dseen + i * pitch);
            ItemSharesAdd(&l->judge_shares, answer->shown[p], j->dshare[at + p],
                          j->look + i * pitch);
            if (p % SLATE_AT_ONCE == 0)
                HostPoll(l->host);
        }
        if (w->slice.input[i] == NOTHING)
            continue;
        ItemSharesAdd(&l->judge_shares, w->slice.input[i], 1, j->downx + i * pitch);
        ItemSharesAdd(&l->judge_shares, w->slice.input[i], 1, j->dx + i * pitch);
    }
}

uint32_t LearnJudge(Learner *learner, const Episode *const *batch, uint32_t count, double *loss)
{
    Learner *l = learner;
    AdamRule rule = {(float)l->options->discriminator_rate, (float)l->options->weight_decay, 1};
    uint32_t right = 0;

    l->batch = batch;
    l->count = count;
    IrRunSlices(l, JudgeTask);
    for (int s = 0; s < IrSlicesNow(l); s++) {
        ShareSlice(l, &l->work[s]);
        right += l->work[s].right;
    }
    IrStepNetwork(l, &rule, &l->judge);
    ItemSharesStep(l->host, &l->judge_shares, false, &rule, &l->judge_items.adam,
                   l->judge_items.rows);
    *loss += IrSumLosses(l);
    return right;
}
