/*
 * play.h: sessions of the learnt visitors with the agent, as one more log; and, where there is a
 * discriminator, how real each of their beginnings looks (Bai et al. 2019, equation 5).
 *
 * Sessions are played in blocks of SLICE_ROWS, each a task; their chance is named by their number,
 * so they depend on nothing else.
 */
#ifndef RECADV_ALGO_IRECGAN_PLAY_H
#define RECADV_ALGO_IRECGAN_PLAY_H

#include "algo/irecgan/learner.h"

/* Of each last click, and of none: the answers of the log that followed it. */
typedef struct LoggedSlates {
    uint64_t *first; /* items + 2; the last but one: at the beginning, or after no click */
    const Answer **answer;
} LoggedSlates;

/* The sessions that were played last. */
typedef struct PlayedSessions {
    uint32_t room;
    uint64_t played; /* so far: that with number n is in place n % room */
    Episode *episode;
    Answer *answer;  /* room x history */
    uint32_t *shown; /* room x history x slate */
} PlayedSessions;

typedef struct PlayWork PlayWork;

/* Sessions whose length is compared with the log's. */
#define CHECKED_SESSIONS 2000

typedef struct Play {
    Learner *l;
    uint32_t slate;
    Worth worth;
    LoggedSlates logged;
    PlayedSessions pool;
    PlayWork *work;    /* of each worker */
    uint32_t longest;  /* items of a slate of the log, or of the agent */
    uint32_t count;    /* sessions of this run */
    bool judged;       /* by the discriminator */
    uint64_t *answers; /* of each block of a run by the log */
} Play;

/* Items of a slate, by the option or by the log. */
extern uint32_t PlaySlate(const IrecganOptions *options, const Slates *log, uint32_t items);

/* With store->host == NULL memory is counted alone. */
extern void IrPlayTake(Store *store, Learner *learner, const Slates *log, uint64_t answers,
                       int threads, Play *play);

/* Which slates of the log follow which click. */
extern void PlayReadLog(Play *play, const Sessions *sessions);

/* The mean number of answers of CHECKED_SESSIONS with slates that the log shows after the same last
 * click, none of them longer than the option history. */
extern double PlayByLog(Play *play);

/* Sessions with the agent, into the pool; judged: by the discriminator. */
extern void PlayWithAgent(Play *play, uint32_t sessions, bool judged);

/* Sessions that are in the pool. */
static inline uint32_t PoolCount(const PlayedSessions *pool)
{
    return pool->played < pool->room ? (uint32_t)pool->played : pool->room;
}

#endif
