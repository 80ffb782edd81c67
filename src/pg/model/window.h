/*
 * window.h: which events of a stream have been learnt.
 *
 * A model that learns from a stream remembers the newest time that it has learnt (the watermark)
 * and a fingerprint of every event from `lateness` before it on.  A refresh reads the source from
 * there on and learns what has no fingerprint yet: so rows that were committed late, or share
 * their time with others, are neither lost nor learnt twice.
 */
#ifndef RECADV_PG_MODEL_WINDOW_H
#define RECADV_PG_MODEL_WINDOW_H

#include "pg/ids/id_list.h"
#include "pg/model/header.h"

#define PART_WINDOW "window"

typedef struct Fingerprint {
    uint64 key;
    int64 time;
} Fingerprint;

typedef struct Window {
    Oid time_type;
    int32 time_typmod; /* of the column; -1: none */
    int64 first;       /* earliest time learnt; NO_TIME: none */
    int64 watermark;   /* NO_TIME: nothing learnt yet */
    double lateness;
    bool lists; /* what is older is known by lists: see learnt.h */
    uint32 count;
    Fingerprint *fingerprints; /* ascending keys; of the events that are not older than the start */
} Window;

extern Fingerprint FingerprintOf(Id user, Id item, int64 time);

/* Events from this time on have their fingerprint in the window. */
extern int64 WindowStart(const Window *window);

/* How often the window has a fingerprint. */
extern uint32 WindowCount(const Window *window, uint64 key);

/*
 * The window after learning `count` more events, which makes `events` in all; allocated in the
 * current context.  The fingerprints come to be sorted.  Warns of times that the watermark does not
 * follow: see watermark.h.
 */
extern Window WindowAdvance(const Window *window, uint64 events, Fingerprint *learnt, uint64 count);

/* Events that were learnt, by the index of their user and item. */
typedef struct LearntEvents {
    uint64 count;
    const uint32 *user;
    const uint32 *item;
    const int64 *time;
} LearntEvents;

/* The window after a training; warns, too. */
extern Window WindowOfEvents(const LearntEvents *events, const IdList *users, const IdList *items,
                             Oid time_type, double lateness);

/* The object "stream" of the header: what HeaderRead reads back of it. */
extern void WindowDescribe(StringInfo json, const Window *window, uint64 events);

extern void WindowWrite(ModelSink *sink, const Window *window);
extern Window WindowRead(ModelStore *store, const Header *header);
extern uint32 WindowCopy(ModelStore *store, const Header *header, ModelSink *sink);

#endif
