/*
 * interactions.h: who touched what, as compressed sparse rows.
 *
 * Built from unordered pairs; the result depends on the set of pairs alone, not on their order, so
 * a parallel read of the source gives the same model as a serial one.  Times are seconds, from
 * whatever moment on: differences and order count.  A row without a time has -INFINITY.
 */
#ifndef RECADV_CORE_INTERACTIONS_H
#define RECADV_CORE_INTERACTIONS_H

#include "core/pairs.h"

#define NO_ITEM UINT32_MAX

/*
 * Numbers that stand for users and items whatever their index is, so that a choice does not change
 * when other users or items come or go.
 */
typedef struct StableKeys {
    void *arg;
    uint64_t (*user)(void *arg, uint32_t user);
    uint64_t (*item)(void *arg, uint32_t item);
} StableKeys;

/* Columns of a source beside user and item: bits of a set. */
typedef unsigned Columns;
#define COLUMN_TIME   1u
#define COLUMN_WEIGHT 2u

/* One interaction, as it is learnt from a stream. */
typedef struct Event {
    uint32_t user;
    uint32_t item;
    double time;  /* seconds */
    float weight; /* how much it counts; the mean of the training is 1 */
} Event;

/* The items of user u are item[offset[u]] .. item[offset[u + 1] - 1], ascending and distinct. */
typedef struct Interactions {
    uint32_t users;
    uint32_t items;
    uint64_t count;
    Columns columns;  /* that are there, or in an estimate would be */
    uint64_t *offset; /* users + 1 */
    uint32_t *item;   /* count */
    double *time;     /* count, the earliest time of each pair; NULL without times */
    float *weight;    /* count, the sum of each pair's weights; NULL: all count alike */
    bool held_learnt; /* what was held out, to be measured by, trains after all */
    uint32_t *held;   /* users: held-out item or NO_ITEM; NULL if nothing is held out */
    uint64_t held_count;
    const bool
        *compared; /* users: is what was held out one to compare versions by?  NULL: none is */
    const StableKeys *keys; /* for the random choices of InteractionsHoldOut; NULL: the indexes */
    const struct Events *events; /* the same with repeats and in order of time; or NULL */
} Interactions;

/* Names the user in random choices. */
static inline uint64_t InteractionsUserKey(const Interactions *x, uint32_t user)
{
    return x->keys == NULL ? user : x->keys->user(x->keys->arg, user);
}

/*
 * All rows of user u in order of time (ties: the lower item, then the lower weight first):
 * item[offset[u]] .. item[offset[u + 1] - 1].
 */
typedef struct Events {
    uint64_t count;
    uint64_t *offset; /* users + 1 */
    uint32_t *item;   /* count */
    double *time;     /* count; NULL: only the order is known */
    float *weight;    /* count; NULL: all count alike */
    double mean_weight;
} Events;

/* HOLDOUT_AUTO is resolved by the caller: last with times, otherwise random. */
typedef enum Holdout { HOLDOUT_NONE, HOLDOUT_LAST, HOLDOUT_RANDOM, HOLDOUT_AUTO } Holdout;

/* Users with fewer interactions keep them all. */
#define HOLDOUT_MINIMUM 2

/* Of those with fewer than this a share holds out, but where there are fewer than HOLDOUT_FEWEST
 * in all: then none of these. */
#define HOLDOUT_CERTAIN 5
#define HOLDOUT_FEWEST  50

/*
 * Sorts and de-duplicates pairs (a pair counts once, at its earliest time; its weights add up, to
 * at most FLT_MAX).  Their arrays serve as scratch and are released.
 */
extern void InteractionsBuild(const Host *host, Pairs *pairs, uint32_t users, uint32_t items,
                              Interactions *result);

/* Sorts the pairs, which need times; they stay as they are. */
extern void EventsBuild(const Host *host, const Pairs *pairs, uint32_t users, Events *result);

/* Peak bytes that EventsBuild allocates; those that it keeps. */
extern size_t EventsMemory(uint64_t pairs, uint32_t users, Columns columns);
extern size_t EventsKept(uint64_t pairs, uint32_t users, Columns columns);

/* Peak bytes that InteractionsBuild allocates beside `pairs`, SIZE_MAX if they do not fit. */
extern size_t InteractionsMemory(uint64_t pairs, uint32_t users, Columns columns);

/* Bytes of the columns in one row. */
static inline size_t ColumnBytes(Columns columns)
{
    return (columns & COLUMN_TIME ? sizeof(double) : 0) +
           (columns & COLUMN_WEIGHT ? sizeof(float) : 0);
}

/*
 * Holds out one interaction of each user that has at least HOLDOUT_CERTAIN, and of two, three or
 * four of five users who have as many, drawn at random (so that no more than a fifth of theirs is
 * held out; where that makes fewer than HOLDOUT_FEWEST users, of none of these): the latest (ties:
 * the higher item) or a random one.  With more than `limit` such users (0: no limit) those of them
 * with the smallest draws, among whom short histories are the more frequent, the smaller the limit,
 * up to their share of all users.  HOLDOUT_LAST needs times.
 */
extern void InteractionsHoldOut(const Host *host, Interactions *interactions, Holdout holdout,
                                uint64_t limit, uint64_t seed);

/* Number of interactions that train: count minus those held out. */
static inline uint64_t TrainingCount(const Interactions *interactions)
{
    return interactions->count - (interactions->held_learnt ? 0 : interactions->held_count);
}

/* The item of the user that does not train, or NO_ITEM. */
static inline uint32_t HeldItem(const Interactions *interactions, uint32_t user)
{
    return interactions->held == NULL || interactions->held_learnt ? NO_ITEM
                                                                   : interactions->held[user];
}

static inline bool IsHeldOut(const Interactions *interactions, uint32_t user, uint32_t item)
{
    return HeldItem(interactions, user) == item;
}

/* Items of the user that train. */
static inline uint32_t TrainingItems(const Interactions *interactions, uint32_t user)
{
    bool holds = HeldItem(interactions, user) != NO_ITEM;

    return (uint32_t)(interactions->offset[user + 1] - interactions->offset[user]) - holds;
}

/* Mean weight of the interactions that train; 1 where all count alike. */
extern double MeanWeight(const Host *host, const Interactions *interactions);

/* Has the user this item (held out or not)?  Binary search. */
extern bool InteractionsContain(const Interactions *interactions, uint32_t user, uint32_t item);

/* Does the user train with this item? */
static inline bool TrainsOn(const Interactions *interactions, uint32_t user, uint32_t item)
{
    return InteractionsContain(interactions, user, item) && !IsHeldOut(interactions, user, item);
}

#endif
