/* user.c: likelihoods of answers, and their gradients. */
#include "algo/irecgan/user.h"

#include "algo/irecgan/rows.h"
#include "algo/net/linear.h"
#include "algo/net/loss.h"

void UserNetSet(uint32_t factors, uint32_t hidden, uint32_t layers, UserNet *net)
{
    Pack *pack = &net->pack;

    *net = (UserNet){.factors = factors, .hidden = hidden};
    net->lstm = RecurrentAdd(pack, layers, factors, hidden);
    net->click = PackAdd(pack, hidden, factors);
    net->click_bias = PackAdd(pack, 1, factors);
    net->buy = PackAdd(pack, hidden, factors);
    net->buy_bias = PackAdd(pack, 1, factors);
    net->leave = PackAdd(pack, 1, hidden);
    net->leave_bias = PackAdd(pack, 1, 1);
    net->nothing = PackAdd(pack, 1, factors);
}

static const Real *Of(const UserNet *net, int matrix, const Real *parameters)
{
    return parameters + net->pack.matrix[matrix].first;
}

static Real *In(const UserNet *net, int matrix, Real *gradient)
{
    return gradient + net->pack.matrix[matrix].first;
}

void UserNetStart(const UserNet *net, Random *random, Real *parameters)
{
    const int linear[] = {net->click, net->click_bias, net->buy, net->buy_bias, net->leave};

    RecurrentStart(&net->lstm, &net->pack, random, parameters);
    for (size_t i = 0; i < sizeof(linear) / sizeof(*linear); i++)
        StartMatrix(&net->pack, linear[i], random, net->hidden, parameters);
    StartMatrix(&net->pack, net->nothing, random, net->factors, parameters);
}

size_t UserWorkSet(const UserNet *net, size_t answers, size_t shown, Real *memory, UserWork *work)
{
    size_t factors = answers * Pitch(net->factors), hidden = answers * Pitch(net->hidden);
    size_t states = (answers + SLICE_ROWS) * Pitch(net->hidden);
    UserWork counted, *own = work != NULL ? work : &counted;
    struct {
        Real **at;
        size_t reals;
    } parts[] = {{&own->x, factors},
                 {&own->state, hidden},
                 {&own->tape, RecurrentTape(&net->lstm, SLICE_ROWS, answers)},
                 {&own->dstate, states},
                 {&own->dbefore, hidden},
                 {&own->wish, factors},
                 {&own->dwish, factors},
                 {&own->price, factors},
                 {&own->dprice, factors},
                 {&own->dx, factors},
                 {&own->score, Pitch(shown + answers)},
                 {&own->factor, Pitch(answers)}};
    size_t total = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (memory != NULL)
            *parts[i].at = memory + total;
        total += Pitch(parts[i].reals);
    }
    return total;
}

/* --- pieces */

const Real *UserRow(const UserNet *net, const Real *parameters, const Real *items, uint32_t item)
{
    return item == NOTHING ? Of(net, net->nothing, parameters)
                           : items + (size_t)item * Pitch(net->factors);
}

static void Gather(const UserNet *net, const Slice *s, const Real *states, UserWork *w)
{
    size_t pitch = Pitch(net->hidden);

    for (uint32_t i = 0; i < s->count; i++)
        RealCopy(states + s->before[i] * pitch, pitch, w->state + i * pitch);
}

/* --- clicks */

/* Scores become probabilities; returns -ln of that of the answer. */
static Real SlateLoss(const Host *host, const Answer *answer, Real *score)
{
    Real greatest = score[0], sum = 0, own = score[answer->place];

    for (uint32_t j = 1; j <= answer->count; j++)
        greatest = score[j] > greatest ? score[j] : greatest;
    for (uint32_t j = 0; j <= answer->count && HostGoesOn(host, j, SLATE_AT_ONCE); j++)
        sum += score[j] = exp(score[j] - greatest);
    for (uint32_t j = 0; j <= answer->count; j++)
        score[j] /= sum;
    return log(sum) + greatest - own;
}

static void Scores(const UserNet *net, const Real *parameters, const Real *items, const Host *host,
                   const Answer *answer, const Real *wish, Real *score)
{
    for (uint32_t j = 0; j < answer->count && HostGoesOn(host, j, SLATE_AT_ONCE); j++)
        score[j] = RowDot(wish, UserRow(net, parameters, items, answer->shown[j]), net->factors);
    score[answer->count] = RowDot(wish, Of(net, net->nothing, parameters), net->factors);
}

/* Probabilities become factors of gradients; dwish: their sum over the slate's rows. */
static void SlateBack(const UserNet *net, const Real *parameters, const Real *items,
                      const Host *host, const Answer *answer, Real weight, Real *score, Real *dwish)
{
    score[answer->place] -= 1;
    RealClear(dwish, Pitch(net->factors));
    for (uint32_t j = 0; j <= answer->count && HostGoesOn(host, j, SLATE_AT_ONCE); j++) {
        score[j] *= weight;
        RowAdd(score[j],
               UserRow(net, parameters, items, j < answer->count ? answer->shown[j] : NOTHING),
               net->factors, dwish);
    }
}

static Real Clicks(const UserNet *net, const Real *parameters, const Real *items, const Slice *s,
                   const UserLosses *losses, UserWork *w, Real *gradient)
{
    size_t pitch = Pitch(net->factors), at = 0;
    const Host *host = s->unroll.host;
    Real loss = 0;

    for (uint32_t i = 0; i < s->count && HostGoesOn(host, i, 1); at += s->answer[i++]->count + 1) {
        const Answer *answer = s->answer[i];

        Scores(net, parameters, items, host, answer, w->wish + i * pitch, w->score + at);
        loss += answer->real * SlateLoss(host, answer, w->score + at);
        if (gradient == NULL)
            continue;
        SlateBack(net, parameters, items, host, answer, losses->scale * answer->real, w->score + at,
                  w->dwish + i * pitch);
        RowAdd(w->score[at + answer->count], w->wish + i * pitch, net->factors,
               In(net, net->nothing, gradient));
    }
    return loss;
}

/* --- purchases */

static Real Purchases(const UserNet *net, const Real *items, const Slice *s,
                      const UserLosses *losses, UserWork *w, bool back)
{
    size_t pitch = Pitch(net->factors);
    Real loss = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t item = ClickedItem(s->answer[i]);
        Real weight = losses->purchase * s->answer[i]->real, odds;
        Real label = s->answer[i]->reward > 0 ? 1 : 0;

        w->factor[i] = 0;
        RealClear(w->dprice + i * pitch, pitch);
        if (item == NOTHING)
            continue;
        odds = RowDot(w->price + i * pitch, items + item * pitch, net->factors);
        loss += weight *
                BceForward(&odds, &label, 1, losses->scale * weight, back ? &w->factor[i] : NULL);
        RowAdd(w->factor[i], items + item * pitch, net->factors, w->dprice + i * pitch);
    }
    return loss;
}

/* --- leaving */

/* Of the states after each answer. */
static Real Leaving(const UserNet *net, const Real *parameters, const Slice *s, const Real *states,
                    const UserLosses *losses, UserWork *w, Real *gradient)
{
    size_t pitch = Pitch(net->hidden);
    Real loss = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        const Real *state = states + (s->unroll.rows + i) * pitch;
        Real odds = RowDot(state, Of(net, net->leave, parameters), net->hidden) +
                    *Of(net, net->leave_bias, parameters);
        Real label = s->left[i], weight = s->answer[i]->real, d;

        loss += weight * BceForward(&odds, &label, 1, losses->scale * weight, &d);
        if (gradient == NULL)
            continue;
        RowAdd(d, state, net->hidden, In(net, net->leave, gradient));
        *In(net, net->leave_bias, gradient) += d;
        RowAdd(d, Of(net, net->leave, parameters), net->hidden,
               w->dstate + (s->unroll.rows + i) * pitch);
    }
    return loss;
}

/* --- all of it */

static void GatherInputs(const UserNet *net, const Real *parameters, const Real *items,
                         const Slice *s, UserWork *w)
{
    size_t pitch = Pitch(net->factors);

    for (uint32_t i = 0; i < s->count; i++)
        RealCopy(UserRow(net, parameters, items, s->input[i]), pitch, w->x + i * pitch);
}

/* From the gradients of a head to those of its matrices, and of the states before answers, which
 * are added to. */
static void HeadBack(const UserNet *net, const Real *parameters, const Slice *s, UserWork *w,
                     int weight, int bias, const Real *g, Real *gradient)
{
    size_t pitch = Pitch(net->hidden);

    LinearBackward(w->state, Of(net, weight, parameters), g, s->count, net->hidden, net->factors,
                   w->dbefore, In(net, weight, gradient), In(net, bias, gradient));
    for (uint32_t i = 0; i < s->count; i++)
        RowAdd(1, w->dbefore + i * pitch, pitch, w->dstate + s->before[i] * pitch);
}

static void NothingBack(const UserNet *net, const Slice *s, const UserWork *w, Real *gradient)
{
    size_t pitch = Pitch(net->factors);

    for (uint32_t i = 0; i < s->count; i++)
        if (s->input[i] == NOTHING)
            RowAdd(1, w->dx + i * pitch, net->factors, In(net, net->nothing, gradient));
}

static void Back(const UserNet *net, const Real *parameters, const Slice *s,
                 const UserLosses *losses, UserWork *w, Real *gradient)
{
    HeadBack(net, parameters, s, w, net->click, net->click_bias, w->dwish, gradient);
    if (losses->buys)
        HeadBack(net, parameters, s, w, net->buy, net->buy_bias, w->dprice, gradient);
    RecurrentBackward(&net->lstm, &net->pack, parameters, &s->unroll, w->x, w->tape, w->dstate,
                      gradient, w->dx);
    NothingBack(net, s, w, gradient);
}

Real UserLearn(const UserNet *net, const Real *parameters, const Real *items, const Slice *slice,
               const UserLosses *losses, UserWork *work, Real *gradient)
{
    size_t count = slice->count;
    const Real *states;
    Real loss;

    GatherInputs(net, parameters, items, slice, work);
    states =
        RecurrentForward(&net->lstm, &net->pack, parameters, &slice->unroll, work->x, work->tape);
    Gather(net, slice, states, work);
    RealClear(work->dstate, (slice->unroll.rows + count) * Pitch(net->hidden));
    LinearForward(work->state, Of(net, net->click, parameters),
                  Of(net, net->click_bias, parameters), count, net->hidden, net->factors,
                  work->wish);
    loss = Clicks(net, parameters, items, slice, losses, work, gradient);
    if (losses->buys) {
        LinearForward(work->state, Of(net, net->buy, parameters),
                      Of(net, net->buy_bias, parameters), count, net->hidden, net->factors,
                      work->price);
        loss += Purchases(net, items, slice, losses, work, gradient != NULL);
    }
    loss += Leaving(net, parameters, slice, states, losses, work, gradient);
    if (gradient != NULL)
        Back(net, parameters, slice, losses, work, gradient);
    return loss;
}

/* --- one at a time */

void UserWish(const UserNet *net, const Real *parameters, const Real *states, size_t rows,
              Real *wish)
{
    LinearForward(states, Of(net, net->click, parameters), Of(net, net->click_bias, parameters),
                  rows, net->hidden, net->factors, wish);
}

void UserOdds(const UserNet *net, const Real *parameters, const Real *items, const Real *wish,
              const uint32_t *shown, uint32_t count, float *out)
{
    Real nothing = RowDot(wish, Of(net, net->nothing, parameters), net->factors);

    for (uint32_t j = 0; j < count; j++)
        out[j] =
            shown[j] == NOTHING
                ? -(float)INFINITY
                : (float)(RowDot(wish, UserRow(net, parameters, items, shown[j]), net->factors) -
                          nothing);
}

Real UserBuys(const UserNet *net, const Real *parameters, const Real *state, const Real *row,
              Real *price)
{
    LinearForward(state, Of(net, net->buy, parameters), Of(net, net->buy_bias, parameters), 1,
                  net->hidden, net->factors, price);
    return RealSigmoid(RowDot(price, row, net->factors));
}

Real UserLeaves(const UserNet *net, const Real *parameters, const Real *state)
{
    return RealSigmoid(RowDot(state, Of(net, net->leave, parameters), net->hidden) +
                       *Of(net, net->leave_bias, parameters));
}
