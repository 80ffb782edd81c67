/*
 * learnt.h: which events each user has been learnt from, however long ago.
 *
 * The window (window.h) knows exactly what was learnt within `lateness`.  Whatever is older is
 * known by the lists of this part: 32 bits of the fingerprint of each event, ascending, in the
 * blocks of the user.  So an event that is observed again, since its source was loaded again or a
 * queue replayed, is not learnt again.  Of a user with n learnt events, one in 2^32 / n late events
 * that is new is taken for one of these.
 */
#ifndef RECADV_PG_MODEL_LEARNT_H
#define RECADV_PG_MODEL_LEARNT_H

#include "pg/model/item_lists.h"
#include "pg/model/window.h"

extern const ItemLists learnt_lists;

/* The lists of all users; offset == NULL: none, as the algorithm learns from no stream. */
typedef struct LearntLists {
    uint32 users;
    uint64 *offset;
    uint32 *hash;
} LearntLists;

static inline uint32 LearntHash(Id user, Id item, int64 time)
{
    return (uint32)FingerprintOf(user, item, time).key;
}

/* Of a training; allocated in the current context. */
extern LearntLists LearntOfEvents(const LearntEvents *events, const IdList *users,
                                  const IdList *items);

/* Bytes that takes. */
extern Size LearntMemory(uint64 events, uint32 users);

extern void LearntWrite(ModelSink *sink, const LearntLists *learnt);
extern void LearntCheck(ModelStore *store, const Header *header);
extern uint32 LearntCopy(ModelStore *store, const Header *header, ModelSink *sink);

#endif
