/*
 * recent.h: how often each item was taken of late, for those of whom nothing is known.
 *
 * With the option popular_half_life an interaction counts 2 ^ -(age / half-life).  All ages grow
 * alike, so what is popular does not change by waiting: counts are kept as they were at one moment,
 * the origin, and stay right until the next interaction, on a standby too.
 */
#ifndef RECADV_PG_MODEL_RECENT_H
#define RECADV_PG_MODEL_RECENT_H

#include "pg/model/header.h"

#include "core/interactions.h"

#define PART_RECENT_POPULARITY "recent_popularity"

typedef struct RecentCounts {
    double half_life; /* seconds, or units of a number; 0: there are none */
    double origin;    /* seconds */
    uint32 items;
    float *count;
    bool *changed; /* of a refresh: blocks to be written; NULL: all */
} RecentCounts;

/* Of a training; in the current context.  Times far beyond all others count as the newest. */
extern RecentCounts RecentOfInteractions(const Interactions *data, double half_life);

/* Those of a stored version, with room for more items, which have none. */
extern RecentCounts RecentRead(ModelStore *store, const Header *header, uint32 more);

/* The counts of some items, ascending; the others are not set.  NULL where nothing is counted. */
extern const float *RecentReadOf(ModelStore *store, const Header *header, uint32 more,
                                 const uint32 *items, uint32 count);

/* Before interactions up to `newest` are added: far from the origin counts would be infinite. */
extern void RecentMove(RecentCounts *recent, double newest);

/* One more; later than `newest` it counts as that. */
extern void RecentAdd(RecentCounts *recent, uint32 item, double time, double newest, float weight);

/* The blocks that have changed. */
extern void RecentWrite(ModelSink *sink, const RecentCounts *recent);
extern uint32 RecentCopy(ModelStore *store, const Header *header, ModelSink *sink);

/* The header's key "recent"; nothing where there are no counts. */
extern void RecentDescribe(StringInfo json, const RecentCounts *recent);

#endif
