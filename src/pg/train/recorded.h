/*
 * recorded.h: what was measured of a version when it was trained.
 *
 * A warm start has learnt most of what it holds out, so what it measures flatters.  Its header also
 * says, in "unlearnt" of "training", how good it was on what it had not learnt: if it was ranked
 * beside the version before it, or else what that version had there.
 */
#ifndef RECADV_PG_TRAIN_RECORDED_H
#define RECADV_PG_TRAIN_RECORDED_H

#include "pg/model/header.h"

/* A mean over so many users; 0: nothing is known. */
typedef struct MeanMetric {
    double value;
    uint32 users;
} MeanMetric;

typedef struct Recorded {
    const char *metric;  /* the algorithm's first one; NULL: nothing was read */
    MeanMetric own;      /* by its training */
    MeanMetric unlearnt; /* the same, but of a warm start */
    Holdout holdout;     /* how their interactions were held out; HOLDOUT_AUTO: not known */
    bool warm;
} Recorded;

/* Of a recommender's version, which is open. */
extern Recorded RecordedRead(ModelStore *store, const Header *header);

/* What the header of a warm start says beside its own figures; nothing where nothing is known. */
extern void UnlearntDescribe(StringInfo json, const char *metric, const MeanMetric *unlearnt);

/* As in options and headers. */
extern const char *HoldoutName(Holdout holdout);

#endif
