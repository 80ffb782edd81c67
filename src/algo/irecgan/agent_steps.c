/* agent_steps.c: steps of the agent, by all items or by some that are drawn. */
#include <math.h>

#include "algo/irecgan/steps.h"
#include "algo/net/matrix.h"
#include "core/shares.h"

static const float *RowsOf(const Learner *l)
{
    return l->sampled ? l->candidates.rows : l->policy.rows;
}

static size_t Drawn(const Learner *l)
{
    return l->sampled ? l->candidates.count : l->items;
}

static float *QueryAt(const Learner *l, float *of, uint32_t answer)
{
    return of + answer * QueryReals(&l->agent_net);
}

static float *PolicyRow(const Learner *l, uint32_t item)
{
    return l->policy.rows + item * QueryReals(&l->agent_net);
}

static float DotQuery(const Learner *l, const float *a, const float *b)
{
    float sum;

    DotRows(a, b, 1, QueryReals(&l->agent_net), &sum);
    return sum;
}

/* --- candidates that are drawn */

/* The share of the draws is that of the clicks, each item having one more. */
void CandidatesSet(Learner *learner, const float *popularity)
{
    Learner *l = learner;
    double sum = 0;

    for (uint32_t i = 0; i < l->items && l->sampled; i++)
        l->candidates.below[i] = sum += (double)popularity[i] + 1;
    for (uint32_t i = 0; i < l->items && l->sampled; i++)
        l->candidates.below[i] /= sum;
}

static void Draw(Learner *l, Random *random)
{
    Candidates *c = &l->candidates;
    size_t query = QueryReals(&l->agent_net);

    for (uint32_t j = 0; j < c->count; j++) {
        uint32_t item = DrawBySums(c->below, l->items, random);
        double share = c->below[item] - (item == 0 ? 0 : c->below[item - 1]);

        c->item[j] = item;
        c->correction[j] = (float)log(share * c->count);
        RealCopy(PolicyRow(l, item), query, c->rows + j * query);
    }
}

/* --- a slice */

/* Logits of what is drawn get their correction, and the answer's own item a column behind them:
 * as a draw it does not count. */
static size_t CorrectLogits(const Learner *l, uint32_t answer, uint32_t item, float *logits)
{
    const Candidates *c = &l->candidates;

    for (uint32_t j = 0; j < c->count; j++)
        logits[j] = c->item[j] == item ? -INFINITY : logits[j] - c->correction[j];
    logits[c->count] = DotQuery(l, QueryAt(l, l->query, answer), PolicyRow(l, item));
    return c->count;
}

static double AnswerLoss(const Learner *l, uint32_t number, const Answer *answer, float baseline,
                         float scale)
{
    float *logits = l->logits + number * l->pitch;
    uint32_t item = ClickedItem(answer);
    size_t target = l->sampled ? CorrectLogits(l, number, item, logits) : item;
    float loss = PolicyLoss(l->columns, target, answer->gain - baseline, scale, logits);

    if (l->sampled)
        l->candidates.own[number] = logits[target];
    return (double)loss;
}

/* What an answer's own item adds to the gradient of its query. */
static void AddOwn(const Learner *l, const Slice *s, uint32_t first)
{
    for (uint32_t i = 0; i < s->count && l->sampled; i++)
        AddScaledRow(QueryAt(l, l->dquery, first + i), PolicyRow(l, ClickedItem(s->answer[i])),
                     l->candidates.own[first + i], QueryReals(&l->agent_net));
}

/* Answers between two looks at whether the run is cancelled. */
#define ANSWERS_AT_ONCE 32

/* The losses of answers from `first` on, of the slice and of all, and the gradients of their
 * queries. */
static double SomeLosses(Learner *l, const Slice *s, uint32_t first, uint32_t own, uint32_t count)
{
    size_t query = QueryReals(&l->agent_net);
    float *logits = l->logits + first * l->pitch, scale = 1 / (float)l->first[IrSlicesNow(l)];
    double loss = 0;

    MatrixProductTransposed((Matrix){QueryAt(l, l->query, first), query},
                            (Matrix){RowsOf(l), query}, count, Drawn(l), query, PRODUCT_IS, logits,
                            l->pitch);
    for (uint32_t i = 0; i < count; i++)
        loss += AnswerLoss(l, first + i, s->answer[own + i],
                           l->baseline[s->simulated[s->sequence[own + i]]], scale);
    MatrixProduct((Matrix){logits, l->pitch}, (Matrix){RowsOf(l), query}, count, query, Drawn(l),
                  PRODUCT_IS, QueryAt(l, l->dquery, first), query);
    return loss;
}

static void AgentTask(void *learner, int task, int worker)
{
    Learner *l = learner;
    SliceWork *w = &l->work[task];
    const Slice *s = &w->slice;
    uint32_t first = l->first[task];

    (void)worker;
    SliceOfClicks(l->host, l->batch + (size_t)task * SLICE_ROWS, SliceEpisodes(l, task), &w->slice);
    AgentQueries(&l->agent_net, l->agent.values, l->clicks.rows, s, &w->agent,
                 QueryAt(l, l->query, first));
    w->loss = 0;
    for (uint32_t i = 0; i < s->count && !HostCancelled(l->host); i += ANSWERS_AT_ONCE)
        w->loss += SomeLosses(l, s, first + i, i,
                              s->count - i < ANSWERS_AT_ONCE ? s->count - i : ANSWERS_AT_ONCE);
    AddOwn(l, s, first);
    AgentBack(&l->agent_net, l->agent.values, s, QueryAt(l, l->dquery, first), &w->agent,
              w->gradient);
}

/* --- steps of rows */

/* The same, of answers whose gradients are summed. */
#define SUMMED_AT_ONCE 2048

static void TileGradient(const Learner *l, uint32_t first, uint32_t rows, float *gradient)
{
    size_t query = QueryReals(&l->agent_net), all = l->first[IrSlicesNow(l)];

    RealClear(gradient, rows * query);
    for (size_t i = 0; i < all && !HostCancelled(l->host); i += SUMMED_AT_ONCE)
        MatrixProductColumns((Matrix){l->logits + i * l->pitch + first, l->pitch},
                             (Matrix){l->query + i * query, query}, rows, query,
                             all - i < SUMMED_AT_ONCE ? all - i : SUMMED_AT_ONCE, PRODUCT_ADDS,
                             gradient, query);
}

static uint32_t TileRows(const Learner *l, int tile)
{
    size_t left = Drawn(l) - (size_t)tile * TILE_ROWS;

    return left < TILE_ROWS ? (uint32_t)left : TILE_ROWS;
}

/* Adam's state of a whole tile lies together. */
static void StepTile(void *learner, int task, int worker)
{
    const Learner *l = learner;
    AdamRule rule = {(float)l->options->learning_rate, (float)l->options->weight_decay, 1};
    size_t query = QueryReals(&l->agent_net), first = (size_t)task * TILE_ROWS;
    uint32_t rows = TileRows(l, task);
    float *gradient = l->tile + (size_t)worker * TILE_ROWS * query;

    TileGradient(l, (uint32_t)first, rows, gradient);
    AdamMany(&rule, l->agent.step, l->policy.rows + first * query, gradient,
             l->policy.adam.state + 2 * first * query, rows * query);
}

static void SumTile(void *learner, int task, int worker)
{
    const Learner *l = learner;
    uint32_t first = (uint32_t)task * TILE_ROWS;

    (void)worker;
    TileGradient(l, first, TileRows(l, task),
                 l->candidates.gradient + first * QueryReals(&l->agent_net));
}

static void StepCandidates(Learner *l, const AdamRule *rule)
{
    const Candidates *c = &l->candidates;

    for (uint32_t j = 0; j < c->count; j++)
        ItemSharesAdd(&l->policy_shares, c->item[j], 1,
                      c->gradient + j * QueryReals(&l->agent_net));
    for (int s = 0; s < IrSlicesNow(l); s++)
        for (uint32_t i = 0; i < l->work[s].slice.count; i++)
            ItemSharesAdd(&l->policy_shares, ClickedItem(l->work[s].slice.answer[i]),
                          c->own[l->first[s] + i], QueryAt(l, l->query, l->first[s] + i));
    ItemSharesStep(l->host, &l->policy_shares, false, rule, &l->policy.adam, l->policy.rows);
}

static void StepPolicy(Learner *l, const AdamRule *rule)
{
    int tiles = (int)((Drawn(l) + TILE_ROWS - 1) / TILE_ROWS);

    PoolRun(l->host, l->sampled ? SumTile : StepTile, l, tiles);
    if (HostCancelled(l->host))
        HostAbandon(l->host);
    if (l->sampled)
        StepCandidates(l, rule);
}

static void ShareClicks(Learner *l)
{
    size_t pitch = Pitch(l->agent_net.factors);

    for (int s = 0; s < IrSlicesNow(l); s++) {
        const SliceWork *w = &l->work[s];

        for (uint32_t i = 0; i < UnrollInputs(&w->slice.unroll); i++)
            ItemSharesAdd(&l->click_shares, w->slice.input[i], 1, w->agent.dx + i * pitch);
        HostPoll(l->host);
    }
}

static void SetBatch(Learner *l, const Episode *const *batch, uint32_t count)
{
    l->batch = batch;
    l->count = count;
    l->first[0] = 0;
    for (uint32_t b = 0; b < count; b++) {
        uint32_t slice = b / SLICE_ROWS;

        if (b % SLICE_ROWS == 0)
            l->first[slice + 1] = l->first[slice];
        l->first[slice + 1] += batch[b]->clicks;
    }
}

double LearnAgent(Learner *learner, const Episode *const *batch, uint32_t count, Random *random)
{
    Learner *l = learner;
    AdamRule rule = {(float)l->options->learning_rate, (float)l->options->weight_decay, 1};

    SetBatch(l, batch, count);
    if (l->first[IrSlicesNow(l)] == 0)
        return 0;
    if (l->sampled)
        Draw(l, random);
    IrRunSlices(l, AgentTask);
    ShareClicks(l);
    IrStepNetwork(l, &rule, &l->agent);
    ItemSharesStep(l->host, &l->click_shares, false, &rule, &l->clicks.adam, l->clicks.rows);
    StepPolicy(l, &rule);
    return IrSumLosses(l);
}

/* --- what is held out */

/* ln of the share that the policy gives the item that was clicked, of its slate. */
static double LogShare(const Learner *l, const Answer *answer, const float *query)
{
    double greatest = -INFINITY, sum = 0, own = 0;

    for (int pass = 0; pass < 2; pass++)
        for (uint32_t j = 0; j < answer->count && HostGoesOn(l->host, j, SLATE_AT_ONCE); j++) {
            double score = (double)DotQuery(l, query, PolicyRow(l, answer->shown[j]));

            greatest = pass == 0 && score > greatest ? score : greatest;
            sum += pass == 1 ? exp(score - greatest) : 0;
            own = j == answer->place ? score : own;
        }
    return own - greatest - log(sum);
}

static void PreferenceTask(void *learner, int task, int worker)
{
    Learner *l = learner;
    SliceWork *w = &l->work[task];
    const Slice *s = &w->slice;
    float *query = QueryAt(l, l->query, l->first[task]);

    (void)worker;
    w->preference = (Preference){0};
    SliceOfClicks(l->host, l->batch + (size_t)task * SLICE_ROWS, SliceEpisodes(l, task), &w->slice);
    AgentQueries(&l->agent_net, l->agent.values, l->clicks.rows, s, &w->agent, query);
    for (uint32_t i = 0; i < s->count && HostGoesOn(l->host, i, 1); i++) {
        double gain = (double)s->answer[i]->gain;
        double log_share = LogShare(l, s->answer[i], QueryAt(l, query, i));

        w->preference.loss -= (gain - (double)l->baseline[0]) * log_share;
        w->preference.likelihood += log_share;
        w->preference.share += exp(log_share);
        w->preference.earned += gain * exp(log_share);
        w->preference.clicks++;
    }
}

void AgentPreference(Learner *learner, const Episode *const *batch, uint32_t count, Preference *sum)
{
    Learner *l = learner;

    SetBatch(l, batch, count);
    IrRunSlices(l, PreferenceTask);
    for (int s = 0; s < IrSlicesNow(l); s++) {
        const Preference *own = &l->work[s].preference;

        sum->loss += own->loss;
        sum->likelihood += own->likelihood;
        sum->share += own->share;
        sum->earned += own->earned;
        sum->clicks += own->clicks;
    }
}
