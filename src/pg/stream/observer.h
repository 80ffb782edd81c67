/*
 * observer.h: noting events in a model that learns from a stream, for recadv_observe() and
 * triggers.
 */
#ifndef RECADV_PG_STREAM_OBSERVER_H
#define RECADV_PG_STREAM_OBSERVER_H

#include "pg/model/versions.h"
#include "pg/stream/pending.h"

#define KNOWN_ITEMS 8192

/* What noting events takes of a model; kept by the session until it observes into another. */
typedef struct ObservedModel {
    MemoryContext context;
    Oid relid;
    Current current;
    Header header;
    Dictionary items;
    uint64 known[KNOWN_ITEMS]; /* keys of items that the model has, each at its remainder */
} ObservedModel;

/*
 * What noting events takes of the model, which is open for MODEL_OBSERVE; checks that it learns
 * from a stream.  Valid until code of users runs, such as a cast: that may observe, too.
 */
extern ObservedModel *ObserveOpen(ModelTable *table);

/* What PendingWrite() takes for the events, whose ids may be of any kind; changes the array, which
 * must stay; needs SPI. */
extern PendingBatch *ObserveEvents(ObservedModel *observed, ModelTable *table, PendingEvent *events,
                                   uint32 count);

/* Fails: the model's algorithm learns by training alone. */
extern void FailNoStream(const char *model, const Algorithm *algorithm) __attribute__((noreturn));

#endif
