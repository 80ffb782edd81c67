/* sessions.h: the log as sequences of answers, with what each of them has earned. */
#ifndef RECADV_ALGO_IRECGAN_SESSIONS_H
#define RECADV_ALGO_IRECGAN_SESSIONS_H

#include "algo/irecgan/slice.h"
#include "algo/learn/store.h"
#include "core/slates.h"

/* How much there is of everything. */
typedef struct SessionsShape {
    uint64_t answers;
    uint64_t episodes; /* longer sessions are cut into some */
    uint32_t longest;  /* answers of an episode */
    uint64_t shown;    /* items in the slates of an episode, at most */
} SessionsShape;

typedef struct Sessions {
    const Slates *slates;
    Answer *answer;   /* in the order of the log */
    Episode *episode; /* those of held-out sessions last */
    uint64_t count;
    uint64_t learnt; /* of them are not held out */
    bool buys;       /* there are purchases: rewards that clicks do not explain */
} Sessions;

/* With episodes of at most so many answers; host may be NULL. */
extern SessionsShape SessionsMeasure(const Host *host, const Slates *slates, uint32_t history);

extern void SessionsTake(Store *store, const Slates *slates, const SessionsShape *shape,
                         Sessions *sessions);

/*
 * A tenth of the sessions is held out, where there are enough to tell anything.
 *
 * A reward of a step that is the one of its clicks alone (ClickReward) says nothing beside them.
 * Others are divided by the mean of those above 0, and by the clicks of their step.
 */
extern void SessionsRead(const Host *host, uint64_t seed, uint32_t history, Sessions *sessions);

/* What an answer is worth by itself, and what is to come. */
typedef struct Worth {
    float click;
    float reward; /* of a usual purchase */
    float gamma;
} Worth;

/* R_t = real_t (own worth) + gamma R_t+1, from the last answer to the first, after which `rest` is
 * earned; returns R of the first. */
extern float EarnBackwards(const Worth *worth, Answer *answers, uint32_t count, float rest);

/* Gains of all answers of the log. */
extern void SessionsEarn(const Host *host, const Worth *worth, Sessions *sessions);

/* The sum of the gains of clicks, and how many clicks. */
typedef struct Gains {
    double sum;
    uint64_t clicks;
} Gains;

extern void AddGains(const Host *host, const Episode *episodes, uint64_t count, Gains *gains);

/* Mean number of answers of a session, those of its first episode alone. */
extern double MeanLength(const Host *host, const Sessions *sessions);

#endif
