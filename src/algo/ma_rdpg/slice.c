/* slice.c: forward and backward over some sessions. */
#include "algo/ma_rdpg/slice.h"

#include "algo/net/loss.h"

/* --- memory */

static size_t ActorTape(const Networks *n, size_t rows)
{
    size_t most = 0;

    for (uint32_t s = 0; s < n->scenarios; s++)
        most = SizeLarger(most, MlpTape(&n->actor[s], rows));
    return most;
}

static void TakeRows(Store *store, size_t rows, Slice *s)
{
    const Networks *n = s->n;

    s->row = StoreTake(store, rows, sizeof(uint32_t));
    s->scenario = StoreTake(store, rows, sizeof(uint32_t));
    s->next = StoreTake(store, rows, sizeof(uint32_t));
    s->learnt = StoreTake(store, rows, sizeof(bool));
    s->reward = StoreTake(store, rows, sizeof(Real));
    s->goal = StoreTake(store, rows, sizeof(Real));
    s->heard = StoreTake(store, SizeMultiply(rows, HeardPitch(n)), sizeof(Real));
    s->h = StoreTake(store, rows * MessagePitch(n), sizeof(Real));
    s->c = StoreTake(store, rows * MessagePitch(n), sizeof(Real));
    s->gates = StoreTake(store, rows * LstmGates(n->message), sizeof(Real));
    s->dh = StoreTake(store, rows * MessagePitch(n), sizeof(Real));
    s->dc = StoreTake(store, SLICE_SESSIONS * MessagePitch(n), sizeof(Real));
    s->before = StoreTake(store, SLICE_SESSIONS * MessagePitch(n), sizeof(Real));
}

static void TakePlaces(Store *store, size_t rows, Slice *s)
{
    const Networks *n = s->n;

    s->actor_input = StoreTake(store, SizeMultiply(rows, ActorPitch(n)), sizeof(Real));
    s->critic_input = StoreTake(store, SizeMultiply(rows, CriticPitch(n)), sizeof(Real));
    s->dinput = StoreTake(store, SizeMultiply(rows, CriticPitch(n)), sizeof(Real));
    s->action = StoreTake(store, SizeMultiply(rows, Pitch(n->widest)), sizeof(Real));
    s->daction = StoreTake(store, SizeMultiply(rows, Pitch(n->widest)), sizeof(Real));
    s->actor_tape = StoreTake(store, ActorTape(n, rows), sizeof(Real));
    s->critic_tape = StoreTake(store, MlpTape(&n->critic[0], rows), sizeof(Real));
    s->g = StoreTake(store, SizeMultiply(rows, Pitch(1)), sizeof(Real));
}

void MaSliceTake(Store *store, const Networks *networks, uint32_t sessions, uint32_t longest,
                 Slice *slice)
{
    size_t rows = (size_t)longest * sessions;

    *slice = (Slice){.host = store->host, .n = networks};
    slice->offset = StoreTake(store, (size_t)longest + 1, sizeof(uint32_t));
    TakeRows(store, rows, slice);
    TakePlaces(store, rows, slice);
}

/* --- reading */

/* Numbers of the sessions, the longest first. */
static void Rank(const Episode *episodes, uint32_t count, uint32_t *ranked)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;

        for (; at > 0 && episodes[ranked[at - 1]].steps < episodes[i].steps; at--)
            ranked[at] = ranked[at - 1];
        ranked[at] = i;
    }
}

static void LayRows(Slice *s, const Episode *episodes, const uint32_t *ranked)
{
    s->steps = s->sessions == 0 ? 0 : episodes[ranked[0]].steps;
    s->rows = 0;
    for (uint32_t t = 0, going = s->sessions; t < s->steps; t++) {
        while (episodes[ranked[going - 1]].steps <= t)
            going--;
        s->offset[t] = s->rows;
        s->rows += going;
    }
    s->offset[s->steps] = s->rows;
}

uint32_t EpisodeNext(const Networks *networks, const Episode *episode, uint32_t t)
{
    uint32_t next = t + 1;

    while (networks->alone && next < episode->steps &&
           episode->scenario[next] != episode->scenario[t])
        next++;
    return next;
}

static void ReadStep(Slice *s, const float *norm, const Episode *e, uint32_t rank, uint32_t t)
{
    const Networks *n = s->n;
    uint32_t row = s->offset[t] + rank, next = EpisodeNext(n, e, t), scenario = e->scenario[t];
    Real *heard = s->heard + row * HeardPitch(n), *segment = heard + n->observed;
    const float *action = e->action + (size_t)t * n->widest;

    RealClear(heard, HeardPitch(n));
    NetworksSee(n, norm, scenario, e->observation + (size_t)t * n->observed, heard);
    for (uint32_t k = 0; k < n->width[scenario]; k++)
        segment[n->first[scenario] + k] = (Real)action[k];
    s->scenario[row] = scenario;
    s->reward[row] = (Real)e->reward[t];
    s->next[row] = next < e->steps ? s->offset[next] + rank : NO_STEP;
    s->learnt[row] = next < e->steps || e->ended;
}

static void LayPlaces(Slice *s)
{
    uint32_t place = 0;

    for (uint32_t scenario = 0; scenario < s->n->scenarios; scenario++) {
        s->start[scenario] = place;
        for (uint32_t row = 0; row < s->rows; row++)
            if (s->scenario[row] == scenario)
                s->row[place++] = row;
    }
    s->start[s->n->scenarios] = place;
}

void MaSliceRead(Slice *slice, const float *norm, const Episode *episodes, uint32_t count)
{
    Slice *s = slice;
    uint32_t ranked[SLICE_SESSIONS];

    s->sessions = count;
    Rank(episodes, count, ranked);
    LayRows(s, episodes, ranked);
    for (uint32_t rank = 0; rank < count; rank++)
        for (uint32_t t = 0; t < episodes[ranked[rank]].steps; t++)
            ReadStep(s, norm, &episodes[ranked[rank]], rank, t);
    LayPlaces(s);
}

/* --- messages */

/* Sessions that go on after step t. */
static uint32_t GoingOn(const Slice *s, uint32_t t)
{
    return s->offset[t + 2] - s->offset[t + 1];
}

static LstmShape LstmShapeOf(const Slice *s, uint32_t t)
{
    return (LstmShape){GoingOn(s, t), (size_t)s->n->observed + s->n->actions, s->n->message};
}

/* From the message before step t to the one before the next. */
static LstmStep LstmStepOf(const Slice *s, uint32_t t)
{
    size_t now = s->offset[t], next = s->offset[t + 1], pitch = MessagePitch(s->n);

    return (LstmStep){
        s->heard + now * HeardPitch(s->n),         s->h + now * pitch,  s->c + now * pitch,
        s->gates + now * LstmGates(s->n->message), s->h + next * pitch, s->c + next * pitch};
}

static void PassMessages(Slice *s, const Weights *weights)
{
    size_t first = s->sessions * MessagePitch(s->n);

    if (s->n->message == 0)
        return;
    RealClear(s->h, first);
    RealClear(s->c, first);
    for (uint32_t t = 0; t + 1 < s->steps && HostGoesOn(s->host, t, 1); t++) {
        LstmStep step = LstmStepOf(s, t);

        LstmForward(LstmShapeOf(s, t), LstmOf(s->n, weights->lstm), &step);
    }
}

/* From dh, of each row, to the weights, through time. */
static void PassBack(Slice *s, const Weights *weights, Real *gradient)
{
    size_t pitch = MessagePitch(s->n);
    LstmGradients gradients = LstmGradientsOf(s->n, gradient);

    RealClear(s->dc, s->sessions * pitch);
    for (uint32_t t = s->steps - 1; t-- > 0 && !HostCancelled(s->host);) {
        LstmStep step = LstmStepOf(s, t);
        Real *dh = s->dh + s->offset[t] * pitch, *dh_next = s->dh + s->offset[t + 1] * pitch;

        LstmBackward(LstmShapeOf(s, t), LstmOf(s->n, weights->lstm), &step, dh_next, s->dc, NULL,
                     s->before, gradients);
        for (size_t i = 0; i < GoingOn(s, t) * pitch; i++)
            dh[i] += s->before[i];
    }
}

/* --- actors and critics */

/* Places of which one network is asked. */
typedef struct Range {
    uint32_t first;
    uint32_t count;
} Range;

static Range RangeOf(const Slice *s, uint32_t scenario)
{
    return (Range){s->start[scenario], s->start[scenario + 1] - s->start[scenario]};
}

/* Of critic c. */
static Range RangeOfCritic(const Slice *s, uint32_t c)
{
    return s->n->alone ? RangeOf(s, c) : (Range){0, s->rows};
}

static uint32_t Critics(const Slice *s)
{
    return s->n->alone ? s->n->scenarios : 1;
}

/* Where the actions of a scenario's places begin; they have the pitch of its width. */
static Real *ActionsOf(const Slice *s, Real *actions, uint32_t scenario)
{
    return actions + s->start[scenario] * Pitch(s->n->widest);
}

/* Their logits are then on the tape. */
static void Act(Slice *s, const Weights *weights, uint32_t scenario)
{
    const Networks *n = s->n;
    Range range = RangeOf(s, scenario);
    Real *input = s->actor_input + range.first * ActorPitch(n);

    for (uint32_t i = 0; i < range.count; i++) {
        Real *to = input + i * ActorPitch(n);
        size_t row = s->row[range.first + i];

        RealCopy(s->heard + row * HeardPitch(n), n->observed, to);
        RealCopy(s->h + row * MessagePitch(n), n->message, to + n->observed);
    }
    MlpForward(&n->actor[scenario], &n->actors, weights->actors, input, range.count, NULL,
               s->actor_tape);
    SoftmaxForward(s->actor_tape, range.count, n->width[scenario],
                   ActionsOf(s, s->action, scenario));
}

/* [o; a; h] of a place, with the action that was taken. */
static Real *Place(Slice *s, uint32_t place)
{
    const Networks *n = s->n;
    size_t row = s->row[place], known = (size_t)n->observed + n->actions;
    Real *input = s->critic_input + place * CriticPitch(n);

    RealCopy(s->heard + row * HeardPitch(n), known, input);
    RealCopy(s->h + row * MessagePitch(n), n->message, input + known);
    return input;
}

/* The same with the actor's. */
static void PlaceActions(Slice *s, uint32_t scenario)
{
    const Networks *n = s->n;
    Range range = RangeOf(s, scenario);
    const Real *action = ActionsOf(s, s->action, scenario);

    for (uint32_t i = 0; i < range.count; i++)
        RealCopy(action + i * Pitch(n->width[scenario]), n->width[scenario],
                 Place(s, range.first + i) + n->observed + n->first[scenario]);
}

/* What critic c says of places, a number every pitch of 1, on the tape. */
static void Judge(Slice *s, const Weights *weights, uint32_t c, Range range)
{
    const Networks *n = s->n;

    MlpForward(&n->critic[c], &n->critics, weights->critics,
               s->critic_input + range.first * CriticPitch(n), range.count, NULL, s->critic_tape);
}

/* From g to dinput, and where it is wanted to the weights. */
static void JudgeBack(Slice *s, const Weights *weights, uint32_t c, Range range, Real *gradient)
{
    const Networks *n = s->n;
    size_t first = range.first * CriticPitch(n);

    MlpBackward(&n->critic[c], &n->critics, weights->critics, s->critic_input + first, range.count,
                s->critic_tape, s->g, s->dinput + first, gradient);
}

/* --- goals */

static void AimOf(Slice *s, const SliceRule *rule, uint32_t c, const Weights *targets)
{
    Range range = RangeOfCritic(s, c);

    Judge(s, targets, c, range);
    /* Until the goals are known, their places hold what the row itself is worth. */
    for (uint32_t i = 0; i < range.count; i++)
        s->goal[s->row[range.first + i]] = rule->gamma * s->critic_tape[i * Pitch(1)];
}

void MaSliceAim(Slice *slice, const SliceRule *rule, const Weights *targets)
{
    Slice *s = slice;

    PassMessages(s, targets);
    for (uint32_t scenario = 0; scenario < s->n->scenarios; scenario++) {
        if (HostCancelled(s->host))
            return;
        Act(s, targets, scenario);
        PlaceActions(s, scenario);
    }
    for (uint32_t c = 0; c < Critics(s); c++)
        AimOf(s, rule, c, targets);
    /* What follows comes in later rows, whose own goals are not yet known. */
    for (uint32_t row = 0; row < s->rows; row++)
        s->goal[row] = rule->reward_scale * s->reward[row] +
                       (s->next[row] == NO_STEP ? 0 : s->goal[s->next[row]]);
}

/* --- learning */

/* g[i]: of the loss by what the critic says of each place. */
static void SetErrors(Slice *s, const SliceRule *rule, Range range)
{
    RealClear(s->g, range.count * Pitch(1));
    for (uint32_t i = 0; i < range.count; i++) {
        uint32_t row = s->row[range.first + i];
        Real error = s->critic_tape[i * Pitch(1)] - s->goal[row];

        if (!s->learnt[row])
            continue;
        s->g[i * Pitch(1)] = 2 * rule->share * error;
        s->loss += (double)(rule->share * error * error);
    }
}

/* The same for a sum of what it says, times `weight`. */
static void SetWeight(Slice *s, Range range, Real weight)
{
    RealClear(s->g, range.count * Pitch(1));
    for (uint32_t i = 0; i < range.count; i++)
        s->g[i * Pitch(1)] = s->learnt[s->row[range.first + i]] ? weight : 0;
}

static void AddMessageGradient(Slice *s, Range range)
{
    const Networks *n = s->n;

    for (uint32_t i = 0; i < range.count; i++) {
        size_t place = range.first + i, row = s->row[place];
        const Real *dh = s->dinput + place * CriticPitch(n) + n->observed + n->actions;

        for (uint32_t k = 0; k < n->message; k++)
            s->dh[row * MessagePitch(n) + k] += dh[k];
    }
}

static void LearnCritic(Slice *s, const SliceRule *rule, uint32_t c, const Weights *weights,
                        Real *gradient)
{
    Range range = RangeOfCritic(s, c);

    if (range.count == 0 || HostCancelled(s->host))
        return;
    for (uint32_t i = 0; i < range.count; i++)
        Place(s, range.first + i);
    Judge(s, weights, c, range);
    SetErrors(s, rule, range);
    JudgeBack(s, weights, c, range, gradient);
    AddMessageGradient(s, range);
    if (rule->message_q == 0 || s->n->message == 0)
        return;
    Judge(s, weights, c, range);
    SetWeight(s, range, -rule->message_q * rule->share);
    JudgeBack(s, weights, c, range, NULL);
    AddMessageGradient(s, range);
}

/* What the actor's action of a place costs beside the critic's say, which is in da[] already. */
static void Clone(Slice *s, const SliceRule *rule, uint32_t scenario, size_t row, const Real *a,
                  Real *da)
{
    const Networks *n = s->n;
    const Real *taken = s->heard + row * HeardPitch(n) + n->observed + n->first[scenario];
    Real weight = rule->cloning[scenario] * rule->share;

    for (uint32_t k = 0; k < n->width[scenario]; k++) {
        Real error = a[k] - taken[k];

        da[k] += 2 * weight * error;
        s->climbed += (double)(weight * error * error);
    }
}

/* Of the centred logits, so that they stay where the softmax can still learn. */
static void Shrink(Slice *s, const SliceRule *rule, uint32_t width, const Real *z, Real *dz)
{
    Real mean = 0, weight = rule->logit_decay * rule->share / width;

    for (uint32_t k = 0; k < width; k++)
        mean += z[k] / width;
    for (uint32_t k = 0; k < width; k++) {
        dz[k] += 2 * weight * (z[k] - mean);
        s->climbed += (double)(weight * (z[k] - mean) * (z[k] - mean));
    }
}

/* The loss by the actions of a scenario's places. */
static void SetActionGradient(Slice *s, const SliceRule *rule, uint32_t scenario)
{
    const Networks *n = s->n;
    Range range = RangeOf(s, scenario);
    size_t pitch = Pitch(n->width[scenario]);

    for (uint32_t i = 0; i < range.count; i++) {
        size_t place = range.first + i, row = s->row[place];
        Real *da = ActionsOf(s, s->daction, scenario) + i * pitch;

        RealClear(da, pitch);
        if (!s->learnt[row])
            continue;
        RealCopy(s->dinput + place * CriticPitch(n) + n->observed + n->first[scenario],
                 n->width[scenario], da);
        Clone(s, rule, scenario, row, ActionsOf(s, s->action, scenario) + i * pitch, da);
    }
}

static void SetLogitGradient(Slice *s, const SliceRule *rule, uint32_t scenario)
{
    uint32_t width = s->n->width[scenario];
    Range range = RangeOf(s, scenario);
    Real *da = ActionsOf(s, s->daction, scenario);

    SoftmaxBackward(ActionsOf(s, s->action, scenario), da, range.count, width, da);
    for (uint32_t i = 0; i < range.count; i++)
        if (s->learnt[s->row[range.first + i]])
            Shrink(s, rule, width, s->actor_tape + i * Pitch(width), da + i * Pitch(width));
}

static void Climb(Slice *s, const SliceRule *rule, uint32_t scenario, const Weights *weights,
                  Real *gradient)
{
    const Networks *n = s->n;
    Range range = RangeOf(s, scenario);
    uint32_t c = (uint32_t)CriticOf(n, scenario);

    if (range.count == 0 || HostCancelled(s->host))
        return;
    Act(s, weights, scenario);
    PlaceActions(s, scenario);
    Judge(s, weights, c, range);
    for (uint32_t i = 0; i < range.count; i++)
        if (s->learnt[s->row[range.first + i]])
            s->climbed -= (double)(rule->share * s->critic_tape[i * Pitch(1)]);
    SetWeight(s, range, -rule->share);
    JudgeBack(s, weights, c, range, NULL);
    SetActionGradient(s, rule, scenario);
    SetLogitGradient(s, rule, scenario);
    MlpBackward(&n->actor[scenario], &n->actors, weights->actors,
                s->actor_input + range.first * ActorPitch(n), range.count, s->actor_tape,
                ActionsOf(s, s->daction, scenario), NULL, gradient);
}

void MaSliceLearn(Slice *slice, const SliceRule *rule, const Weights *weights,
                  const Weights *gradient)
{
    Slice *s = slice;

    s->loss = s->climbed = 0;
    if (s->rows == 0)
        return;
    PassMessages(s, weights);
    RealClear(s->dh, s->rows * MessagePitch(s->n));
    for (uint32_t c = 0; c < Critics(s); c++)
        LearnCritic(s, rule, c, weights, gradient->critics);
    for (uint32_t scenario = 0; scenario < s->n->scenarios && rule->climbs; scenario++)
        Climb(s, rule, scenario, weights, gradient->actors);
    if (s->n->message > 0)
        PassBack(s, weights, gradient->lstm);
}
