/*
 * recorded.h: what validation said of a version before a warm start went on from it.
 *
 * A warm start has learnt most of what it holds out, so what it measures flatters.  It hands on
 * what was measured of the version that it goes on from, in "before" of its header's "training", so
 * that later versions can be compared with something.
 */
#ifndef RECADV_PG_TRAIN_RECORDED_H
#define RECADV_PG_TRAIN_RECORDED_H

#include "pg/model/header.h"

/* A mean of the algorithm's first metric, from 0 to 1. */
typedef struct Recorded {
    double value;
    uint32 users;    /* that it is a mean over; 0: nothing is recorded */
    Holdout holdout; /* how their interactions were held out */
    bool before;     /* it is not of the version itself, but from before its warm start */
} Recorded;

/* Of the version that is open. */
extern Recorded RecordedRead(ModelStore *store, const Header *header);

/* Part of what a header says of a training that began warm. */
extern void RecordedDescribe(StringInfo json, const Recorded *recorded, const char *metric);

#endif
