/*
 * dictionary.h: the ids of one side of a model, and their dense indexes.
 *
 *   user_ids, item_ids                    ids of the training, ascending (with a root)
 *   user_ids_added, item_ids_added        ids that came since, in order of their index
 *   user_ids_added_order, item_ids_...    their positions in ascending order of ids
 *
 * The ids of the training are searched in their blocks; those added are few, for a training makes
 * them part of the others, and are kept in memory.
 */
#ifndef RECADV_PG_MODEL_DICTIONARY_H
#define RECADV_PG_MODEL_DICTIONARY_H

#include "pg/model/header.h"
#include "pg/model/id_blocks.h"

typedef struct Dictionary {
    const char *part;
    uint32 trained; /* ids of the training; they have the indexes below this */
    IdList root;
    IdList added;
} Dictionary;

/* The arrays live in the current context. */
extern void DictionaryOpen(ModelStore *store, const Header *header, Axis side,
                           Dictionary *dictionary);

/* UNKNOWN_ID if it is not there; reads one block at most. */
extern uint32 DictionaryFind(const Dictionary *dictionary, ModelStore *store, Id id);

/* Of the ids that came since the training alone; reads nothing. */
extern uint32 DictionaryFindAdded(const Dictionary *dictionary, Id id);

/* DictionaryFind of ids in ascending order; reads each block at most once. */
extern void DictionaryFindAll(const Dictionary *dictionary, ModelStore *store, const IdList *ids,
                              uint32 *found);

/* Ids around an index, which begin at *first; reads one block at most. */
extern IdList DictionaryAround(const Dictionary *dictionary, ModelStore *store, uint32 index,
                               uint32 *first);
extern Id DictionaryGet(const Dictionary *dictionary, ModelStore *store, uint32 index);

/* All ids by index. */
extern IdList DictionaryRead(const Dictionary *dictionary, ModelStore *store);

/* Writes the ids of a training. */
extern void DictionaryWrite(ModelSink *sink, Axis side, const IdList *ids);

/* Adds ids, which get the next indexes in their order. */
extern void DictionaryAppend(ModelSink *sink, Dictionary *dictionary, const IdList *ids);

/* Copies the blocks; returns how many. */
extern uint32 DictionaryCopy(ModelStore *store, const Header *header, Axis side, ModelSink *sink);

#endif
