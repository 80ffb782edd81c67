/* play.h: visitors of the simulator meet the policy: while it learns, and to see how good it is. */
#ifndef RECADV_ALGO_ACTOR_CRITIC_PLAY_H
#define RECADV_ALGO_ACTOR_CRITIC_PLAY_H

#include "algo/actor_critic/learner.h"
#include "algo/policy/environment.h"
#include "algo/policy/replay.h"

/* Visitors of a task. */
#define PLAY_ROWS 8

typedef struct PlayWork PlayWork;

typedef struct Play {
    const Host *host;
    Learner *learner;
    const Environment *environment;
    const uint32_t *simulator_item; /* of each item of the policy; or NO_ITEM */
    uint32_t *policy_item;          /* of each item of the simulator; or NO_ITEM */
    bool all_known;                 /* the simulator knows every item of the policy */
    VisitorRules rules;
    uint32_t history;
    uint32_t sessions;
    void *visitors; /* of the training, then of a check */
    size_t record;  /* bytes */
    char *records;  /* of each session: what the last slate gave, before the replay has it */
    bool *empty;    /* no slate could be shown */
    Replay replay;
    uint64_t next_session;
    uint64_t step;
    double *rewards; /* of each session of a check */
    uint32_t *depths;
    PlayWork *work; /* of each task */
    int works;
} Play;

/* What a policy earns in a session, in the mean. */
typedef struct Earned {
    double reward;
    double depth;
} Earned;

/* `environment` may be NULL where memory is counted. */
extern void PlayTake(Store *store, const PolicyData *data, Learner *learner,
                     const Environment *environment, Play *play);

/* First visitors. */
extern void PlayStart(Play *play);

/* Every session meets one slate of items that the simulator knows, which the replay remembers. */
extern void PlayStep(Play *play);

/* Fills the learner's batch: with random records, or the newest. */
extern void PlayBatch(Play *play, uint32_t count, bool newest);

/* The policy as it is, without noise; or, `by_chance`, random slates: the same visitors with the
 * same luck at every call. */
extern Earned PlayCheck(Play *play, bool by_chance);

#endif
