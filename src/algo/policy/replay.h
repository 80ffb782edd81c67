/* replay.h: what happened last, in a ring of records of one size: the newest takes the place of the
 * oldest. */
#ifndef RECADV_ALGO_POLICY_REPLAY_H
#define RECADV_ALGO_POLICY_REPLAY_H

#include <stddef.h>
#include <stdint.h>

typedef struct Replay {
    char *data;     /* room x size, 64-byte aligned */
    size_t size;    /* bytes of a record, in whole cache lines */
    uint32_t room;  /* records */
    uint64_t added; /* so far */
} Replay;

/* The place of the next record, to be filled; 64-byte aligned. */
extern void *ReplayAdd(Replay *replay);

static inline uint32_t ReplayCount(const Replay *replay)
{
    return replay->added < replay->room ? (uint32_t)replay->added : replay->room;
}

/* Record i, from the newest (0) back to ReplayCount - 1. */
extern const void *ReplayAt(const Replay *replay, uint32_t i);

#endif
