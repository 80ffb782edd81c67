/* sessions.c: steps become answers, and sessions episodes. */
#include "algo/irecgan/sessions.h"

#include <math.h>

/* Episodes, and items of slates, between two looks at interrupts. */
#define POLL_EPISODES 1024
#define POLL_ITEMS    65536

/* Shares of sessions that are held out, and fewest sessions of which any is. */
#define HELD_SHARE    0.1
#define FEWEST_LOGGED 50

/* Relative difference up to which a reward is what its clicks are worth. */
#define SAME_REWARD 1e-5f

static uint32_t ShownOf(const Slates *s, uint64_t step)
{
    return (uint32_t)(s->step[step + 1] - s->step[step]);
}

static uint32_t ClicksOf(const Slates *s, uint64_t step)
{
    uint32_t clicks = 0;

    for (uint64_t i = s->step[step]; i < s->step[step + 1]; i++)
        clicks += s->clicked[i];
    return clicks;
}

/* A step without a click is an answer, too. */
static uint32_t AnswersOf(uint32_t clicks)
{
    return clicks == 0 ? 1 : clicks;
}

/* --- how much there is */

typedef struct Measuring {
    SessionsShape shape;
    uint32_t history;
    uint32_t answers; /* of this episode so far */
    uint64_t shown;
} Measuring;

static void EndEpisode(Measuring *m)
{
    if (m->answers == 0)
        return;
    m->shape.episodes++;
    m->shape.longest = m->answers > m->shape.longest ? m->answers : m->shape.longest;
    m->shape.shown = m->shown > m->shape.shown ? m->shown : m->shape.shown;
    m->answers = 0;
    m->shown = 0;
}

static void MeasureStep(Measuring *m, uint32_t answers, uint32_t shown)
{
    for (uint32_t a = 0; a < answers; a++) {
        m->shape.answers++;
        m->answers++;
        m->shown += shown;
        if (m->answers == m->history)
            EndEpisode(m);
    }
}

SessionsShape SessionsMeasure(const Host *host, const Slates *slates, uint32_t history)
{
    Measuring m = {.history = history};
    uint64_t done = 0;

    for (uint32_t session = 0; session < slates->sessions; session++) {
        for (uint64_t t = slates->session[session]; t < slates->session[session + 1]; t++) {
            MeasureStep(&m, AnswersOf(ClicksOf(slates, t)), ShownOf(slates, t));
            HostPollAfter(host, &done, ShownOf(slates, t), POLL_ITEMS);
        }
        EndEpisode(&m);
    }
    return m.shape;
}

void SessionsTake(Store *store, const Slates *slates, const SessionsShape *shape,
                  Sessions *sessions)
{
    *sessions = (Sessions){.slates = slates};
    sessions->answer = StoreTake(store, shape->answers, sizeof(Answer));
    sessions->episode = StoreTake(store, shape->episodes, sizeof(Episode));
}

/* --- reading */

static bool IsTold(const Slates *s, uint64_t step)
{
    float usual = ClickReward(ClicksOf(s, step), ShownOf(s, step));

    return fabsf(s->reward[step] - usual) > SAME_REWARD * fmaxf(1, fabsf(usual));
}

/* The mean reward above 0 of those that are told; 1 without any. */
static double UsualReward(const Host *host, const Slates *s)
{
    double sum = 0;
    uint64_t count = 0, done = 0;

    for (uint64_t t = 0; t < s->steps; t++) {
        HostPollAfter(host, &done, ShownOf(s, t), POLL_ITEMS);
        if (s->reward[t] <= 0 || !IsTold(s, t))
            continue;
        sum += (double)s->reward[t];
        count++;
    }
    return count == 0 ? 1 : sum / (double)count;
}

/* One for each click, in the order of the places; returns where they end. */
static Answer *ReadStep(const Slates *s, uint64_t step, double usual, Answer *answer)
{
    uint32_t shown = ShownOf(s, step), clicks = ClicksOf(s, step);
    float reward = IsTold(s, step) ? (float)((double)s->reward[step] / usual) : 0;
    Answer common = {s->shown + s->step[step],          shown, shown,
                     reward / (float)AnswersOf(clicks), 1,     0};

    if (clicks == 0)
        *answer++ = common;
    for (uint32_t i = 0; i < shown && clicks > 0; i++)
        if (s->clicked[s->step[step] + i]) {
            common.place = i;
            *answer++ = common;
        }
    return answer;
}

static uint32_t CountClicks(const Answer *answer, uint32_t count)
{
    uint32_t clicks = 0;

    for (uint32_t i = 0; i < count; i++)
        clicks += ClickedItem(&answer[i]) != NOTHING;
    return clicks;
}

static void AddEpisodes(const Host *host, Sessions *s, Answer *answer, uint64_t count,
                        uint32_t history)
{
    for (uint64_t done = 0; done < count; done += history) {
        uint64_t left = count - done;
        uint32_t own = left < history ? (uint32_t)left : history;

        s->episode[s->count++] = (Episode){answer + done, own, CountClicks(answer + done, own),
                                           done + own == count, false};
        if (s->count % POLL_EPISODES == 0)
            HostPoll(host);
    }
}

static bool IsHeld(const Slates *s, uint64_t seed, uint32_t session)
{
    Random random;

    if (s->sessions < FEWEST_LOGGED)
        return false;
    RandomSeed(&random, seed, RANDOM_HOLDOUT, session, 0);
    return RandomUniform(&random) < HELD_SHARE;
}

/* Answers are read in the first of two passes, episodes in both: those that are held out last. */
static void ReadSessions(const Host *host, uint64_t seed, uint32_t history, double usual, bool held,
                         Sessions *sessions)
{
    const Slates *s = sessions->slates;
    Answer *answer = sessions->answer;
    uint64_t done = 0;

    for (uint32_t session = 0; session < s->sessions; session++) {
        Answer *first = answer;

        for (uint64_t t = s->session[session]; t < s->session[session + 1]; t++) {
            answer = ReadStep(s, t, usual, answer);
            HostPollAfter(host, &done, ShownOf(s, t), POLL_ITEMS);
        }
        if (IsHeld(s, seed, session) == held)
            AddEpisodes(host, sessions, first, (uint64_t)(answer - first), history);
    }
}

static bool HasPurchases(const Host *host, const Sessions *s)
{
    for (uint64_t e = 0; e < s->count; e++) {
        for (uint32_t i = 0; i < s->episode[e].count; i++)
            if (s->episode[e].answer[i].reward > 0 &&
                ClickedItem(&s->episode[e].answer[i]) != NOTHING)
                return true;
        if (e % POLL_EPISODES == 0)
            HostPoll(host);
    }
    return false;
}

void SessionsRead(const Host *host, uint64_t seed, uint32_t history, Sessions *sessions)
{
    double usual = UsualReward(host, sessions->slates);

    ReadSessions(host, seed, history, usual, false, sessions);
    sessions->learnt = sessions->count;
    ReadSessions(host, seed, history, usual, true, sessions);
    sessions->buys = HasPurchases(host, sessions);
}

/* --- what is earned */

float EarnBackwards(const Worth *worth, Answer *answers, uint32_t count, float rest)
{
    for (uint32_t i = count; i-- > 0;) {
        Answer *a = &answers[i];
        float own = worth->reward * a->reward;

        own += ClickedItem(a) == NOTHING ? 0 : worth->click;
        rest = a->gain = a->real * own + worth->gamma * rest;
    }
    return rest;
}

/* Episodes of one session follow each other, and so do their answers: from the last one back. */
void SessionsEarn(const Host *host, const Worth *worth, Sessions *sessions)
{
    float rest = 0;

    for (uint64_t e = sessions->count; e-- > 0;) {
        Episode *episode = &sessions->episode[e];

        rest = EarnBackwards(worth, episode->answer, episode->count, episode->left ? 0 : rest);
        if (e % POLL_EPISODES == 0)
            HostPoll(host);
    }
}

void AddGains(const Host *host, const Episode *episodes, uint64_t count, Gains *gains)
{
    for (uint64_t e = 0; e < count; e++) {
        for (uint32_t i = 0; i < episodes[e].count; i++)
            if (ClickedItem(&episodes[e].answer[i]) != NOTHING)
                gains->sum += (double)episodes[e].answer[i].gain;
        gains->clicks += episodes[e].clicks;
        if (e % POLL_EPISODES == 0)
            HostPoll(host);
    }
}

double MeanLength(const Host *host, const Sessions *sessions)
{
    const Episode *episode = sessions->episode;
    double sum = 0;
    uint64_t count = 0;

    for (uint64_t e = 0; e < sessions->count; e++) {
        if (e == 0 || episode[e - 1].left) {
            sum += episode[e].count;
            count++;
        }
        if (e % POLL_EPISODES == 0)
            HostPoll(host);
    }
    return count == 0 ? (double)NAN : sum / (double)count;
}
