/* party.c: slates by chance, answers by chance. */
#include "algo/irecgan/party.h"

#include <math.h>

#include "algo/net/loss.h"
#include "algo/net/matrix.h"
#include "core/exponential.h"
#include "core/shares.h"

/* Draws in a row that may be of what is drawn already, before that is left out. */
#define MOST_REPEATS 16

/* Items between two looks at whether the run is cancelled. */
#define ITEMS_AT_ONCE 16384

static size_t UserState(const Learner *l)
{
    return RecurrentState(&l->user_net.lstm);
}

static size_t AgentState(const Learner *l)
{
    return RecurrentState(&l->agent_net.lstm);
}

static size_t JudgeState(const Learner *l)
{
    return l->options->discriminator ? RecurrentState(&l->judge_net.lstm) : 0;
}

static void TakeJudge(Store *store, const Learner *l, uint32_t longest, Party *party)
{
    size_t shown = SizeMultiply(SLICE_ROWS, longest);
    float *memory;

    if (!l->options->discriminator)
        return;
    memory =
        StoreTake(store, JudgeWorkSet(&l->judge_net, SLICE_ROWS, shown, NULL, NULL), sizeof(float));
    if (memory != NULL)
        JudgeWorkSet(&l->judge_net, SLICE_ROWS, shown, memory, &party->work);
}

void PartyTake(Store *store, const Learner *learner, uint32_t slate, uint32_t longest, Party *party)
{
    const Learner *l = learner;
    size_t factors = SLICE_ROWS * Pitch(l->user_net.factors);
    size_t hidden = SLICE_ROWS * Pitch(l->user_net.hidden);

    *party = (Party){.l = l, .slate = slate};
    party->user = StoreTake(store, SLICE_ROWS * UserState(l), sizeof(float));
    party->agent = StoreTake(store, SLICE_ROWS * AgentState(l), sizeof(float));
    party->judge = StoreTake(store, SLICE_ROWS * JudgeState(l), sizeof(float));
    party->some = StoreTake(store, SLICE_ROWS * AgentState(l), sizeof(float));
    party->x = StoreTake(store, factors, sizeof(float));
    party->top = StoreTake(store, hidden, sizeof(float));
    party->wish = StoreTake(store, factors, sizeof(float));
    party->price = StoreTake(store, Pitch(l->user_net.factors), sizeof(float));
    party->query = StoreTake(store, SLICE_ROWS * QueryReals(&l->agent_net), sizeof(float));
    party->scratch =
        StoreTake(store, RecurrentScratch(&l->user_net.lstm, SLICE_ROWS), sizeof(float));
    party->logits = StoreTake(store, SizeMultiply(SLICE_ROWS, Pitch(l->items)), sizeof(float));
    party->below = StoreTake(store, l->items, sizeof(double));
    party->shown = StoreTake(store, SLICE_ROWS * (size_t)slate, sizeof(uint32_t));
    party->odds = StoreTake(store, SLATE_AT_ONCE, sizeof(float));
    TakeJudge(store, l, longest, party);
}

/* --- who is there */

static float *UserOf(const Party *p, uint32_t row)
{
    return p->user + row * UserState(p->l);
}

static float *AgentOf(const Party *p, uint32_t row)
{
    return p->agent + row * AgentState(p->l);
}

static float *JudgeOf(const Party *p, uint32_t row)
{
    return p->judge + row * JudgeState(p->l);
}

void PartyInvite(Party *party, uint32_t number, const Random *random)
{
    uint32_t row = party->rows++;

    party->guest[row] = (Guest){.random = *random, .number = number, .last = NOTHING};
    RealClear(UserOf(party, row), UserState(party->l));
    RealClear(AgentOf(party, row), AgentState(party->l));
    RealClear(JudgeOf(party, row), JudgeState(party->l));
}

size_t PartyState(const Party *party)
{
    return UserState(party->l) + AgentState(party->l) + JudgeState(party->l);
}

void PartySave(const Party *party, uint32_t row, float *state)
{
    size_t user = UserState(party->l), agent = AgentState(party->l);

    RealCopy(UserOf(party, row), user, state);
    RealCopy(AgentOf(party, row), agent, state + user);
    RealCopy(JudgeOf(party, row), JudgeState(party->l), state + user + agent);
}

void PartyLoad(Party *party, const Guest *guest, const float *state)
{
    size_t user = UserState(party->l), agent = AgentState(party->l);
    uint32_t row = party->rows++;

    party->guest[row] = *guest;
    RealCopy(state, user, UserOf(party, row));
    RealCopy(state + user, agent, AgentOf(party, row));
    RealCopy(state + user + agent, JudgeState(party->l), JudgeOf(party, row));
}

static void MoveRow(Party *p, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    p->guest[to] = p->guest[from];
    RealCopy(UserOf(p, from), UserState(p->l), UserOf(p, to));
    RealCopy(AgentOf(p, from), AgentState(p->l), AgentOf(p, to));
    RealCopy(JudgeOf(p, from), JudgeState(p->l), JudgeOf(p, to));
}

void PartyEnd(Party *party, uint32_t most)
{
    uint32_t kept = 0;

    for (uint32_t r = 0; r < party->rows; r++)
        if (!party->guest[r].leaves && party->guest[r].steps < most)
            MoveRow(party, r, kept++);
    party->rows = kept;
}

/* --- slates */

static void SumBelow(const float *share, uint32_t items, double *below)
{
    double sum = 0;

    for (uint32_t i = 0; i < items; i++)
        below[i] = sum += (double)share[i];
}

static bool IsIn(const uint32_t *shown, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (shown[i] == item)
            return true;
    return false;
}

/* What is left of the shares without those that are drawn. */
static void LeaveOut(float *share, uint32_t items, const uint32_t *shown, uint32_t count,
                     double *below)
{
    for (uint32_t i = 0; i < count; i++)
        share[shown[i]] = 0;
    SumBelow(share, items, below);
}

/* Where nothing is left that a float could tell from nothing. */
static uint32_t FirstOther(const uint32_t *shown, uint32_t count)
{
    uint32_t item = 0;

    while (IsIn(shown, count, item))
        item++;
    return item;
}

/* Draws one after the other, without what is drawn: those that repeat are drawn again. */
static void DrawSlate(const Party *p, float *share, Random *random, uint32_t *shown)
{
    uint32_t items = p->l->items, repeats = 0;

    SumBelow(share, items, p->below);
    for (uint32_t k = 0; k < p->slate;) {
        double all = p->below[items - 1];
        uint32_t item = DrawBySums(p->below, items, random);

        if (!(all > 0))
            item = FirstOther(shown, k);
        if (!IsIn(shown, k, item)) {
            shown[k++] = item;
            continue;
        }
        if (++repeats % MOST_REPEATS == 0)
            LeaveOut(share, items, shown, k, p->below);
    }
}

static void PadRow(float *logits, uint32_t items)
{
    for (size_t i = items; i < Pitch(items); i++)
        logits[i] = -INFINITY;
}

void PartyShow(Party *party)
{
    const Learner *l = party->l;
    size_t query = QueryReals(&l->agent_net), pitch = Pitch(l->items);

    for (uint32_t r = 0; r < party->rows; r++)
        AgentQuery(&l->agent_net, AgentOf(party, r) + RecurrentTop(&l->agent_net.lstm),
                   party->query + r * query);
    for (size_t i = 0; i < l->items && !HostCancelled(l->host); i += ITEMS_AT_ONCE)
        MatrixProductTransposed((Matrix){party->query, query},
                                (Matrix){l->policy.rows + i * query, query}, party->rows,
                                l->items - i < ITEMS_AT_ONCE ? l->items - i : ITEMS_AT_ONCE, query,
                                PRODUCT_IS, party->logits + i, pitch);
    for (uint32_t r = 0; r < party->rows && !HostCancelled(l->host); r++) {
        float *logits = party->logits + r * pitch;
        uint32_t *shown = party->shown + (size_t)r * party->slate;

        PadRow(logits, l->items);
        ExponentialsBelow(logits, (uint32_t)pitch, 1);
        DrawSlate(party, logits, &party->guest[r].random, shown);
        party->guest[r].answer = (Answer){.shown = shown, .count = party->slate};
    }
}

/* --- answers */

/* Some items of a slate, from `first` on. */
static void ChooseAmong(const float *odds, uint32_t first, uint32_t count, Random *random,
                        double *greatest, uint32_t *place)
{
    for (uint32_t j = 0; j < count; j++) {
        double own = (double)odds[j] + RandomGumbel(random);

        if (own <= *greatest)
            continue;
        *greatest = own;
        *place = first + j;
    }
}

static uint32_t ChoosePlace(const Party *p, const Answer *answer, const float *wish, Random *random)
{
    const Learner *l = p->l;
    double greatest = RandomGumbel(random);
    uint32_t place = answer->count;

    for (uint32_t first = 0; first < answer->count && HostGoesOn(l->host, first, SLATE_AT_ONCE);
         first += SLATE_AT_ONCE) {
        uint32_t left = answer->count - first, count = left < SLATE_AT_ONCE ? left : SLATE_AT_ONCE;

        UserOdds(&l->user_net, l->user.values, l->user_items.rows, wish, answer->shown + first,
                 count, p->odds);
        ChooseAmong(p->odds, first, count, random, &greatest, &place);
    }
    return place;
}

static void Choose(Party *p, uint32_t row)
{
    const Learner *l = p->l;
    Guest *guest = &p->guest[row];
    Answer *answer = &guest->answer;
    size_t pitch = Pitch(l->user_net.factors);

    answer->place = ChoosePlace(p, answer, p->wish + row * pitch, &guest->random);
    answer->reward = 0;
    answer->real = 1;
    guest->last = ClickedItem(answer);
    if (l->user_losses.buys && guest->last != NOTHING)
        answer->reward =
            RandomUniform(&guest->random) <
            (double)UserBuys(&l->user_net, l->user.values, p->top + row * Pitch(l->user_net.hidden),
                             l->user_items.rows + guest->last * pitch, p->price);
}

static void ChooseAll(Party *p)
{
    const Learner *l = p->l;
    size_t pitch = Pitch(l->user_net.hidden);

    for (uint32_t r = 0; r < p->rows; r++)
        RealCopy(UserOf(p, r) + RecurrentTop(&l->user_net.lstm), pitch, p->top + r * pitch);
    UserWish(&l->user_net, l->user.values, p->top, p->rows, p->wish);
    for (uint32_t r = 0; r < p->rows; r++)
        Choose(p, r);
}

static void AdvanceUsers(Party *p)
{
    const Learner *l = p->l;
    size_t pitch = Pitch(l->user_net.factors);

    for (uint32_t r = 0; r < p->rows; r++)
        RealCopy(UserRow(&l->user_net, l->user.values, l->user_items.rows, p->guest[r].last), pitch,
                 p->x + r * pitch);
    RecurrentStep(&l->user_net.lstm, &l->user_net.pack, l->user.values, p->rows, p->x, p->user,
                  p->scratch);
    for (uint32_t r = 0; r < p->rows; r++) {
        const float *top = UserOf(p, r) + RecurrentTop(&l->user_net.lstm);
        Guest *guest = &p->guest[r];

        guest->steps++;
        guest->leaves =
            RandomUniform(&guest->random) < (double)UserLeaves(&l->user_net, l->user.values, top);
    }
}

/* The agent sees clicks alone. */
static void AdvanceAgent(Party *p)
{
    const Learner *l = p->l;
    size_t pitch = Pitch(l->agent_net.factors), state = AgentState(l);
    uint32_t row[SLICE_ROWS], count = 0;

    for (uint32_t r = 0; r < p->rows; r++) {
        if (p->guest[r].last == NOTHING)
            continue;
        row[count] = r;
        RealCopy(l->clicks.rows + p->guest[r].last * pitch, pitch, p->x + count * pitch);
        RealCopy(AgentOf(p, r), state, p->some + count++ * state);
    }
    if (count == 0)
        return;
    RecurrentStep(&l->agent_net.lstm, &l->agent_net.pack, l->agent.values, count, p->x, p->some,
                  p->scratch);
    for (uint32_t c = 0; c < count; c++)
        RealCopy(p->some + c * state, state, AgentOf(p, row[c]));
}

static void JudgeAll(Party *p)
{
    const Learner *l = p->l;
    const JudgeNet *net = &l->judge_net;
    size_t factors = Pitch(net->factors), hidden = Pitch(net->hidden);
    const Answer *answer[SLICE_ROWS];

    for (uint32_t r = 0; r < p->rows; r++) {
        answer[r] = &p->guest[r].answer;
        RealCopy(JudgeRow(net, l->judge.values, l->judge_items.rows, p->guest[r].last), factors,
                 p->work.x + r * factors);
    }
    RecurrentStep(&net->lstm, &net->pack, l->judge.values, p->rows, p->work.x, p->judge,
                  p->scratch);
    for (uint32_t r = 0; r < p->rows; r++)
        RealCopy(JudgeOf(p, r) + RecurrentTop(&net->lstm), hidden, p->work.state + r * hidden);
    JudgeOpinions(net, l->judge.values, l->judge_items.rows, answer, p->rows, &p->work);
    for (uint32_t r = 0; r < p->rows; r++)
        p->guest[r].opinion += (double)p->work.opinion[r];
}

void PartyAnswer(Party *party)
{
    ChooseAll(party);
    if (party->judged)
        JudgeAll(party);
    AdvanceUsers(party);
    AdvanceAgent(party);
}

float PartyReal(const Guest *guest)
{
    return RealSigmoid((float)(guest->opinion / guest->steps));
}
