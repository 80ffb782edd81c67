/* discriminator.c: opinions of answers, and their gradients. */
#include "algo/irecgan/discriminator.h"

#include "algo/irecgan/rows.h"
#include "algo/net/linear.h"
#include "algo/net/loss.h"
#include "algo/net/matrix.h"

#define SHARPNESS 10 /* 1 / 0.1 */

void JudgeNetSet(uint32_t factors, uint32_t hidden, uint32_t layers, bool buys, JudgeNet *net)
{
    Pack *pack = &net->pack;

    *net = (JudgeNet){.factors = factors, .hidden = hidden, .buys = buys};
    net->lstm = RecurrentAdd(pack, layers, factors, hidden);
    net->goal = PackAdd(pack, hidden, hidden);
    net->goal_bias = PackAdd(pack, 1, hidden);
    net->key = PackAdd(pack, factors, hidden);
    net->key_bias = PackAdd(pack, 1, hidden);
    net->nothing = PackAdd(pack, 1, factors);
    net->worth = PackAdd(pack, 1, 1);
    net->worth_bias = PackAdd(pack, 1, 1);
}

static const Real *Of(const JudgeNet *net, int matrix, const Real *parameters)
{
    return parameters + net->pack.matrix[matrix].first;
}

static Real *In(const JudgeNet *net, int matrix, Real *gradient)
{
    return gradient + net->pack.matrix[matrix].first;
}

void JudgeNetStart(const JudgeNet *net, Random *random, Real *parameters)
{
    RecurrentStart(&net->lstm, &net->pack, random, parameters);
    StartMatrix(&net->pack, net->goal, random, net->hidden, parameters);
    StartMatrix(&net->pack, net->goal_bias, random, net->hidden, parameters);
    StartMatrix(&net->pack, net->key, random, net->factors, parameters);
    StartMatrix(&net->pack, net->key_bias, random, net->factors, parameters);
    StartMatrix(&net->pack, net->nothing, random, net->factors, parameters);
    parameters[net->pack.matrix[net->worth_bias].first] = 1;
}

size_t JudgeWorkSet(const JudgeNet *net, size_t answers, size_t shown, Real *memory,
                    JudgeWork *work)
{
    size_t factors = answers * Pitch(net->factors), hidden = answers * Pitch(net->hidden);
    size_t states = (answers + SLICE_ROWS) * Pitch(net->hidden);
    JudgeWork counted, *own = work != NULL ? work : &counted;
    struct {
        Real **at;
        size_t reals;
    } parts[] = {{&own->state, hidden},
                 {&own->goal, hidden},
                 {&own->mean, hidden},
                 {&own->own, hidden},
                 {&own->dstate, hidden},
                 {&own->dgoal, hidden},
                 {&own->dmean, hidden},
                 {&own->down, hidden},
                 {&own->x, factors},
                 {&own->dx, factors},
                 {&own->look, factors},
                 {&own->dlook, factors},
                 {&own->seen, factors},
                 {&own->dseen, factors},
                 {&own->downx, factors},
                 {&own->share, shown + answers},
                 {&own->dshare, shown + answers},
                 {&own->opinion, answers},
                 {&own->tape, RecurrentTape(&net->lstm, SLICE_ROWS, answers)},
                 {&own->dstates, states}};
    size_t total = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (memory != NULL)
            *parts[i].at = memory + total;
        total += Pitch(parts[i].reals);
    }
    return total;
}

const Real *JudgeRow(const JudgeNet *net, const Real *parameters, const Real *items, uint32_t item)
{
    return item == NOTHING ? Of(net, net->nothing, parameters)
                           : items + (size_t)item * Pitch(net->factors);
}

/* Of place j of a slate, behind whose items nothing stands. */
static const Real *PlaceRow(const JudgeNet *net, const Real *parameters, const Real *items,
                            const Answer *answer, uint32_t j)
{
    return JudgeRow(net, parameters, items, j < answer->count ? answer->shown[j] : NOTHING);
}

/* --- opinions */

/* share: the attention; seen: what it sees. */
static void Attend(const JudgeNet *net, const Real *parameters, const Real *items, const Host *host,
                   const Answer *answer, const Real *look, Real *share, Real *seen)
{
    Real greatest = 0, sum = 0;

    for (uint32_t j = 0; j <= answer->count && HostGoesOn(host, j, SLATE_AT_ONCE); j++) {
        share[j] =
            SHARPNESS * RowDot(look, PlaceRow(net, parameters, items, answer, j), net->factors);
        greatest = j == 0 || share[j] > greatest ? share[j] : greatest;
    }
    for (uint32_t j = 0; j <= answer->count && HostGoesOn(host, j, SLATE_AT_ONCE); j++)
        sum += share[j] = exp(share[j] - greatest);
    RealClear(seen, Pitch(net->factors));
    for (uint32_t j = 0; j <= answer->count && HostGoesOn(host, j, SLATE_AT_ONCE); j++) {
        share[j] /= sum;
        RowAdd(share[j], PlaceRow(net, parameters, items, answer, j), net->factors, seen);
    }
}

static Real WorthOf(const JudgeNet *net, const Real *parameters, const Answer *answer)
{
    Real bought = answer->reward > 0 ? 1 : 0;

    return net->buys
               ? *Of(net, net->worth, parameters) * bought + *Of(net, net->worth_bias, parameters)
               : 1;
}

/* Products with W_k. */
static void Keys(const JudgeNet *net, const Real *parameters, const Real *rows, uint32_t count,
                 Real *keys)
{
    LinearForward(rows, Of(net, net->key, parameters), Of(net, net->key_bias, parameters), count,
                  net->factors, net->hidden, keys);
}

void JudgeOpinions(const JudgeNet *net, const Real *parameters, const Real *items,
                   const Answer *const *answer, uint32_t count, JudgeWork *work)
{
    size_t factors = Pitch(net->factors), hidden = Pitch(net->hidden), at = 0;

    LinearForward(work->state, Of(net, net->goal, parameters), Of(net, net->goal_bias, parameters),
                  count, net->hidden, net->hidden, work->goal);
    RealClear(work->look, count * factors);
    MatrixProductTransposed((Matrix){work->goal, hidden},
                            (Matrix){Of(net, net->key, parameters), hidden}, count, net->factors,
                            net->hidden, PRODUCT_IS, work->look, factors);
    for (uint32_t i = 0; i < count && HostGoesOn(work->host, i, 1); at += answer[i++]->count + 1)
        Attend(net, parameters, items, work->host, answer[i], work->look + i * factors,
               work->share + at, work->seen + i * factors);
    Keys(net, parameters, work->seen, count, work->mean);
    Keys(net, parameters, work->x, count, work->own);
    for (uint32_t i = 0; i < count; i++)
        work->opinion[i] = WorthOf(net, parameters, answer[i]) *
                           RowDot(work->mean + i * hidden, work->own + i * hidden, net->hidden);
}

/* --- gradients */

/* dopinion: of w_t o_t. */
static void OpinionBack(const JudgeNet *net, const Real *parameters, const Answer *answer,
                        uint32_t i, Real dopinion, JudgeWork *w, Real *gradient)
{
    size_t hidden = Pitch(net->hidden), row = i * hidden;
    Real worth = WorthOf(net, parameters, answer);
    Real opinion = RowDot(w->mean + row, w->own + row, net->hidden);

    if (net->buys) {
        *In(net, net->worth, gradient) += answer->reward > 0 ? dopinion * opinion : 0;
        *In(net, net->worth_bias, gradient) += dopinion * opinion;
    }
    RealClear(w->dmean + row, hidden);
    RealClear(w->down + row, hidden);
    RowAdd(dopinion * worth, w->own + row, net->hidden, w->dmean + row);
    RowAdd(dopinion * worth, w->mean + row, net->hidden, w->down + row);
}

/* dseen becomes factors along `look`, and dlook. */
static void AttendBack(const JudgeNet *net, const Real *parameters, const Real *items,
                       const Host *host, const Answer *answer, const Real *dseen, const Real *share,
                       Real *dshare, Real *dlook)
{
    Real mean = 0;

    for (uint32_t j = 0; j <= answer->count && HostGoesOn(host, j, SLATE_AT_ONCE); j++) {
        dshare[j] = RowDot(dseen, PlaceRow(net, parameters, items, answer, j), net->factors);
        mean += share[j] * dshare[j];
    }
    RealClear(dlook, Pitch(net->factors));
    for (uint32_t j = 0; j <= answer->count && HostGoesOn(host, j, SLATE_AT_ONCE); j++) {
        dshare[j] = SHARPNESS * share[j] * (dshare[j] - mean);
        RowAdd(dshare[j], PlaceRow(net, parameters, items, answer, j), net->factors, dlook);
    }
}

static void KeysBack(const JudgeNet *net, const Real *parameters, const Real *rows,
                     const Real *dkeys, uint32_t count, Real *drows, Real *gradient)
{
    LinearBackward(rows, Of(net, net->key, parameters), dkeys, count, net->factors, net->hidden,
                   drows, In(net, net->key, gradient), In(net, net->key_bias, gradient));
}

/* From dlook to dgoal. */
static void LookBack(const JudgeNet *net, const Real *parameters, uint32_t count, JudgeWork *w,
                     Real *gradient)
{
    size_t factors = Pitch(net->factors), hidden = Pitch(net->hidden);

    MatrixProduct((Matrix){w->dlook, factors}, (Matrix){Of(net, net->key, parameters), hidden},
                  count, hidden, net->factors, PRODUCT_IS, w->dgoal, hidden);
    MatrixProductColumns((Matrix){w->dlook, factors}, (Matrix){w->goal, hidden}, net->factors,
                         hidden, count, PRODUCT_ADDS, In(net, net->key, gradient), hidden);
}

/* What rows of "nothing" get; those of items are shared out by the caller. */
static void NothingBack(const JudgeNet *net, const Slice *s, const JudgeWork *w, Real *gradient)
{
    size_t pitch = Pitch(net->factors), at = 0;
    Real *sum = In(net, net->nothing, gradient);

    for (uint32_t i = 0; i < s->count; at += s->answer[i++]->count + 1) {
        size_t place = at + s->answer[i]->count;

        RowAdd(w->share[place], w->dseen + i * pitch, net->factors, sum);
        RowAdd(w->dshare[place], w->look + i * pitch, net->factors, sum);
        if (s->input[i] != NOTHING)
            continue;
        RowAdd(1, w->downx + i * pitch, net->factors, sum);
        RowAdd(1, w->dx + i * pitch, net->factors, sum);
    }
}

static void Back(const JudgeNet *net, const Real *parameters, const Real *items, const Slice *s,
                 JudgeWork *w, Real *gradient)
{
    size_t factors = Pitch(net->factors), hidden = Pitch(net->hidden), at = 0;

    KeysBack(net, parameters, w->seen, w->dmean, s->count, w->dseen, gradient);
    KeysBack(net, parameters, w->x, w->down, s->count, w->downx, gradient);
    for (uint32_t i = 0; i < s->count && HostGoesOn(w->host, i, 1); at += s->answer[i++]->count + 1)
        AttendBack(net, parameters, items, w->host, s->answer[i], w->dseen + i * factors,
                   w->share + at, w->dshare + at, w->dlook + i * factors);
    LookBack(net, parameters, s->count, w, gradient);
    LinearBackward(w->state, Of(net, net->goal, parameters), w->dgoal, s->count, net->hidden,
                   net->hidden, w->dstate, In(net, net->goal, gradient),
                   In(net, net->goal_bias, gradient));
    RealClear(w->dstates, s->unroll.rows * hidden);
    RealCopy(w->dstate, s->count * hidden, w->dstates + s->unroll.rows * hidden);
    RecurrentBackward(&net->lstm, &net->pack, parameters, &s->unroll, w->x, w->tape, w->dstates,
                      gradient, w->dx);
    NothingBack(net, s, w, gradient);
}

static void OddsOf(const Slice *s, const JudgeWork *w, Real *odds)
{
    for (uint32_t r = 0; r < s->unroll.rows; r++)
        odds[r] = 0;
    for (uint32_t i = 0; i < s->count; i++)
        odds[s->sequence[i]] += w->opinion[i] / (Real)s->length[s->sequence[i]];
}

Real JudgeLearn(const JudgeNet *net, const Real *parameters, const Real *items, const Slice *slice,
                Real scale, JudgeWork *work, Real *odds, Real *gradient)
{
    size_t factors = Pitch(net->factors), hidden = Pitch(net->hidden);
    const Slice *s = slice;
    Real loss = 0, d[SLICE_ROWS];
    const Real *states;

    work->host = s->unroll.host;
    for (uint32_t i = 0; i < s->count; i++)
        RealCopy(JudgeRow(net, parameters, items, s->input[i]), factors, work->x + i * factors);
    states = RecurrentForward(&net->lstm, &net->pack, parameters, &s->unroll, work->x, work->tape);
    RealCopy(states + s->unroll.rows * hidden, s->count * hidden, work->state);
    JudgeOpinions(net, parameters, items, s->answer, s->count, work);
    OddsOf(s, work, odds);
    for (uint32_t r = 0; r < s->unroll.rows; r++) {
        Real label = s->simulated[r] ? 0 : 1;

        loss += BceForward(&odds[r], &label, 1, scale, &d[r]);
    }
    for (uint32_t i = 0; i < s->count && gradient != NULL; i++)
        OpinionBack(net, parameters, s->answer[i], i,
                    d[s->sequence[i]] / (Real)s->length[s->sequence[i]], work, gradient);
    if (gradient != NULL)
        Back(net, parameters, items, s, work, gradient);
    return loss;
}
