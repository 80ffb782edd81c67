/*
 * header.h: what a version is, in numbers and names, and what it was trained on.
 *
 * Stored as JSON in the part "header"; the rest of that document is for people (recadv_info()).
 */
#ifndef RECADV_PG_MODEL_HEADER_H
#define RECADV_PG_MODEL_HEADER_H

#include "pg/ids/ids.h"
#include "pg/base/json.h"
#include "pg/model/source.h"
#include "pg/model/blocks.h"
#include "pg/model/scenarios.h"

#include "algo/algorithm.h"

#define PART_HEADER  "header"
#define PART_HISTORY "history"

#define HEADER_FORMAT 1

/* What serving needs; the rest of the header is for people (recadv_info). */
typedef struct Header {
    const Algorithm *algorithm;
    void *options;
    uint32 users;
    uint32 items;
    uint32 added_users; /* of these, since the training */
    uint32 added_items;
    uint32 held;      /* held-out interactions stored with the model */
    bool held_learnt; /* has it learnt them after all, or counted them? */
    IdKind user_kind;
    IdKind item_kind;
    Oid user_text; /* type of ids that have several texts (id_text.h), otherwise InvalidOid */
    Oid item_text;
    bool
        outdated_ids; /* trained when ids had other texts: sources are not to be compared with it */
    Oid time_type;    /* of a model that learns from a stream, otherwise InvalidOid */
    int32 time_typmod;  /* of the time column, such as its precision; -1: none */
    int64 watermark;    /* newest time learnt */
    int64 first;        /* earliest; NO_TIME: not known */
    uint64 events;      /* learnt so far */
    uint32 window;      /* fingerprints: see window.h */
    bool learnt;        /* has lists of all learnt events: see learnt.h */
    double mean_weight; /* of the rows of the training: 1 without weights */
    double half_life;   /* of the counts of recent.h; 0: there are none */
    double recent_origin;
    Source source;         /* what it was trained on; no text: an aggregate */
    const char *simulator; /* of a policy that was trained against one: its name; or NULL */
    int32 simulator_version;
    const char *simulator_trained; /* when its training began; NULL: not known */
    const Scenarios *scenarios;    /* of a model that acts in them; or NULL */
    uint64 lineage; /* of such a model: the same for all versions that followed each other */
} Header;

/* A lineage has so many bits. */
#define LINEAGE_BITS 48

/* Reads and checks; allocated in the current context. */
extern Header HeaderRead(ModelStore *store);

/* When the training of the version began, as its header writes it; NULL: it does not. */
extern const char *HeaderTrained(ModelStore *store);

/* Fails, with the advice to train again, if ids are read in another form than the model has. */
extern void HeaderCheckIds(const ModelStore *store, const Header *header);

/* Fails, with the advice to ask otherwise, if the model learnt from a log of slates. */
extern void HeaderCheckUsers(const ModelStore *store, const Header *header);

/* Fails, with the advice to ask otherwise, if the model has no items. */
extern void HeaderCheckItems(const ModelStore *store, const Header *header);

/* The same if it does not act in scenarios. */
extern void HeaderCheckActs(const ModelStore *store, const Header *header);

/* Parts of the model, without data. */
extern void HeaderLayout(const Header *header, Model *model);

#endif
