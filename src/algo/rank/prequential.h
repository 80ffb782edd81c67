/*
 * prequential.h: events in order of time, each ranked before it is learnt (prequential evaluation).
 *
 * Works for every algorithm.  One that does not stream stays as it is: it knows the users and
 * items that it was trained on.  Popularity and history grow with each event, whatever the
 * algorithm.
 */
#ifndef RECADV_ALGO_RANK_PREQUENTIAL_H
#define RECADV_ALGO_RANK_PREQUENTIAL_H

#include "algo/algorithm.h"

/* Sums over events; an event that is ranked adds to the last three. */
typedef struct StreamMetrics {
    uint64_t events;
    uint64_t ranked;
    uint64_t repeats;   /* the user had the item: not ranked */
    uint64_t new_users; /* their first event: ranked by popularity */
    uint64_t new_items; /* never seen before: ranked as not found */
    double hr;          /* HR@10 */
    double ndcg;        /* NDCG@10 */
    double mrr;
} StreamMetrics;

#define STREAM_CUTOFF 10

typedef struct Stream {
    const Host *host;
    Model *model;
    History *history;
    Learner *learner; /* NULL: the algorithm does not stream */
    uint32_t users;   /* that were there at the start */
    uint32_t items;
    float *query; /* room for `query_room` floats */
    uint32_t query_room;
    float *scores; /* room for `room` items */
    uint32_t room;
    double mean_weight; /* of the training's interactions, in the units of the events */
    StreamMetrics total;
} Stream;

/*
 * `events` were learnt before; see StreamMethods.open.  The history keeps recent items if the
 * algorithm wants them: see StreamRecent.
 */
extern void StreamOpen(const Host *host, Model *model, History *history, uint64_t events,
                       double mean_weight, Stream *stream);

/* How many recent items of each user queries want: the limit for HistoryInit. */
extern uint32_t StreamRecent(const Model *model);

/* Learns what is left of the last micro-batch. */
extern void StreamClose(Stream *stream);

/*
 * Position of the event's item among the items that anybody has had and the user has not, ties
 * before it; NOT_RANKED: nobody has had it.  The user must not have it.
 */
extern uint32_t StreamRank(Stream *stream, uint32_t user, uint32_t item);

/*
 * One event of a user and an item that have their rows: ranks it if asked to, adds it to the
 * metrics, then learns it.  Its weight is as it came: the popularity counts it so.
 */
extern void StreamEvent(Stream *stream, const Event *event, bool rank);

/* Bytes that StreamOpen allocates, and StreamRank for as many items. */
extern size_t StreamMemory(const Model *model, uint32_t items);

/* What events between two looks at the metrics have added. */
extern StreamMetrics StreamMetricsSince(const StreamMetrics *before, const StreamMetrics *now);

#endif
