/*
 * play.h: sessions of a world: those that the learner learns from, which explore, and those that
 * tell how good it is, which do not.
 */
#ifndef RECADV_ALGO_MA_RDPG_PLAY_H
#define RECADV_ALGO_MA_RDPG_PLAY_H

#include "algo/ma_rdpg/learner.h"
#include "algo/ma_rdpg/spread.h"
#include "algo/policy/act_play.h"
#include "algo/policy/replay.h"

typedef struct Play {
    const ActEnvironment *environment;
    Learner *learner;
    Replay replay;   /* of whole sessions */
    char *fresh;     /* records of the sessions that are played now */
    uint64_t played; /* sessions that were learnt from */
    Spread reward;   /* of all steps so far */
    double *earned;  /* of each session of a check */
    uint32_t *depth;
} Play;

extern void MaPlayTake(Store *store, const ActEnvironment *environment, Learner *learner,
                       Play *play);

/* Plays some sessions with noise of this deviation into the replay; rewards are counted in units
 * of their deviation so far. */
extern void MaPlaySessions(Play *play, double explore);

/* Makes a batch of sessions that were played. */
extern void MaPlayBatch(Play *play);

/* Means over the sessions of a check, which are always the same. */
typedef struct Earned {
    double reward;
    double depth;
} Earned;

/* By the model as it is, or where `even` by equal weights. */
extern Earned MaPlayCheck(Play *play, bool even);

#endif
