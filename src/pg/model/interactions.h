/*
 * interactions.h: the interactions that a version was trained on.
 *
 * The part "seen" has the items of each user in ascending order, the part "held" the pairs that
 * were held out for validation, the part "recent" the last events of each user where the algorithm
 * asks for them.
 */
#ifndef RECADV_PG_MODEL_INTERACTIONS_H
#define RECADV_PG_MODEL_INTERACTIONS_H

#include "pg/model/item_lists.h"

#include "core/history.h"
#include "core/interactions.h"

extern void WriteInteractions(ModelSink *sink, const Interactions *data);

/* Items of one user, ascending; reads one block. */
extern uint32 *ReadSeen(ModelStore *store, const Header *header, uint32 user, uint32 *count);

/* Items of some users (ascending indexes) into a history, where they are numbered 0, 1, 2 ... */
extern void ReadListsOf(ModelStore *store, const ItemLists *lists, const Header *header,
                        const uint32 *users, uint32 count, History *history);
extern void ReadSeenOf(ModelStore *store, const Header *header, const uint32 *users, uint32 count,
                       History *history);

/* Writes these users' items back, when the model has `all` users. */
extern void WriteListsOf(ModelStore *store, const ItemLists *lists, const Header *header,
                         const History *history, const uint32 *users, uint32 count, uint32 all,
                         ModelSink *sink);
extern void WriteSeenOf(ModelStore *store, const Header *header, const History *history,
                        const uint32 *users, uint32 count, uint32 all, ModelSink *sink);

/* All interactions, with the held-out ones marked; arrays from the host. */
extern void ReadInteractions(ModelStore *store, const Host *host, const Header *header,
                             Interactions *data);

#define PART_HELD "held"

/* The held-out interactions as pairs of user and item, users ascending; not checked any further. */
typedef struct HeldPairs {
    uint32 *pairs;
    uint32 count;
} HeldPairs;

extern HeldPairs ReadHeldPairs(ModelStore *store, const Header *header);
extern void WriteHeldPairs(ModelSink *sink, const HeldPairs *held);

/* Copies the blocks; returns how many. */
extern uint32 CopyInteractions(ModelStore *store, const Header *header, ModelSink *sink);

/* The same of the last events of users; nothing is written or read where nobody asks for them. */
extern void WriteRecent(ModelSink *sink, const Algorithm *algorithm, const void *options,
                        const Interactions *data);
extern Events *ReadRecent(ModelStore *store, const Host *host, const Header *header);
extern uint32 CopyRecent(ModelStore *store, const Header *header, ModelSink *sink);

/* The lists that an algorithm's queries are made of, if they are made of a history. */
extern const ItemLists *HistoryLists(const Header *header);

#endif
