/*
 * publish.h: letting a version serve, from the commit on.
 *
 * Training, recadv_save(), recadv_refresh() and recadv_rollback() all end here, so that none of
 * them forgets a step or takes the steps in another order.
 */
#ifndef RECADV_PG_SERVE_PUBLISH_H
#define RECADV_PG_SERVE_PUBLISH_H

#include "pg/model/table.h"
#include "pg/stream/pending.h"
#include "pg/train/collect.h"

/* What differs between those who publish. */
typedef struct PublishedVersion {
    int32 version;   /* 0: a new one, which gets the next number */
    int32 previous;  /* of one that exists: where recadv_rollback() goes from there */
    int keep;        /* of a new one: how many versions stay (the option keep_versions) */
    bool unpromoted; /* a new one: it is kept, and the one that serves goes on */
    void (*write)(void *arg, ModelSink *sink); /* writes its blocks; NULL: it has them all */
    void *arg;
    const Collected *learnt;    /* interactions that it has learnt: observed events among them go */
    const PendingRows *pending; /* observed events that it has learnt, as they were read: they go */
} PublishedVersion;

/* Returns the version's number.  Only the owner may; needs SPI and the run lock. */
extern int32 PublishVersion(Oid relid, const PublishedVersion *published);

#endif
