/* log.h: the log as batches to learn answers from: slates, and what their visitors had clicked. */
#ifndef RECADV_ALGO_ACTOR_CRITIC_LOG_H
#define RECADV_ALGO_ACTOR_CRITIC_LOG_H

#include "algo/actor_critic/learner.h"

/* A slate of the log, or MOST_SLATE items of a longer one. */
typedef struct LogSlate {
    uint64_t first; /* in Slates.shown */
    uint64_t from;  /* in Log.clicked: the session's clicks before the slate, */
    uint64_t to;    /* of which the last few count */
    uint32_t count;
} LogSlate;

typedef struct Log {
    const Slates *slates;
    uint32_t *clicked; /* all clicks, in order */
    LogSlate *slate;   /* those of held-out sessions last */
    uint64_t count;
    uint64_t learnt; /* of them are not held out */
} Log;

extern void LogTake(Store *store, const Slates *slates, Log *log);

/* A tenth of the sessions is held out, where there are enough to tell anything. */
extern void LogRead(const Host *host, uint64_t seed, Log *log);

/* Fills the learner's batch: with `count` slates at random, held-out ones among them or not. */
extern void LogBatch(const Log *log, Random *random, uint32_t count, bool all, Learner *learner);

/* The same with `count` held-out slates from number `first` on; fewer at the end. */
extern void LogHeldBatch(const Log *log, uint64_t first, uint32_t count, Learner *learner);

/* Mean over the sessions of the sum of rewards. */
extern double LogReward(const Host *host, const Slates *slates);

#endif
