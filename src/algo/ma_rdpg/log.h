/*
 * log.h: sessions of a log: which are learnt, what their observations and rewards are measured in,
 * and how far from it the actors have gone.
 *
 * The last step of a session in the log ends it.
 */
#ifndef RECADV_ALGO_MA_RDPG_LOG_H
#define RECADV_ALGO_MA_RDPG_LOG_H

#include "algo/ma_rdpg/learner.h"
#include "algo/ma_rdpg/spread.h"

/* What the networks say of some sessions: sums, then means. */
typedef struct Verdict {
    double steps;
    double sessions;
    double distance; /* of the actors' weights from those that were taken: root mean square */
    double outside;  /* share of steps in which a weight is beyond all of the log's */
    double errors;   /* of the critic, in deviations of the rewards: root mean square */
    double expected; /* of a session, discounted, if the actors act */
    double earned;   /* in the log, discounted */
} Verdict;

typedef struct Log {
    const Acts *acts;
    uint32_t *session; /* numbers: those that are learnt, then those that are held out */
    uint32_t learnt;
    uint64_t beyond; /* steps that are not learnt: their sessions are too long */
    Spread reward;
    double largest;                /* reward, in deviations */
    Spread *seen;                  /* each number of each scenario's observations */
    Spread *taken;                 /* each weight of each scenario */
    Verdict *verdicts;             /* of each session that is judged */
    float least[MOST_ALL_ACTIONS]; /* of each weight of each scenario */
    float greatest[MOST_ALL_ACTIONS];
} Log;

/* Steps of its longest session, at most `limit`. */
extern uint32_t MaLogLongest(const Acts *acts, uint32_t limit);

extern void MaLogTake(Store *store, const Acts *acts, Log *log);

/* Reads it, and measures the learner's observations and rewards by it. */
extern void MaLogRead(Log *log, Learner *learner);

/* Makes batch number learner->iteration. */
extern void MaLogBatch(const Log *log, Learner *learner);

/* Of sessions that were not learnt; where none is held out, of those that were. */
extern Verdict MaLogJudge(Log *log, Learner *learner);

#endif
