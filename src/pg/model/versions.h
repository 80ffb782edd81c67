/* versions.h: the versions of a model, and the one that serves. */
#ifndef RECADV_PG_MODEL_VERSIONS_H
#define RECADV_PG_MODEL_VERSIONS_H

#include "pg/model/table.h"

/*
 * Parts of version 0: a Current; the versions there are, and which of them have never served; runs
 * by number; the number of the last; which of them are trainings, and which refreshes.
 */
#define PART_CURRENT    "current"
#define PART_VERSIONS   "versions"
#define PART_UNPROMOTED "unpromoted"
#define PART_RUN        "run"
#define PART_LAST_RUN   "last_run"
#define PART_TRAININGS  "trainings"
#define PART_REFRESHES  "refreshes"

/* Which version serves; the stamp is random, so that no two trainings share one. */
typedef struct Current {
    int32 version;  /* 0: none yet */
    int32 previous; /* served before it; 0: none */
    uint32 changes; /* how often it was set: the later of two is greater */
    uint32 stamp[4];
} Current;

/* The version that serves; fails if there is none unless `missing_ok`. */
extern Current ModelTableCurrent(ModelTable *table, bool missing_ok);

/* NULL and *current (zeros if there is no row), or what is wrong with the row. */
extern const char *ModelTableTryCurrent(ModelTable *table, Current *current);

/* Points readers at a version from the commit on; the table is open.  Needs SPI. */
extern void ModelTableSetCurrent(ModelTable *table, int32 version, int32 previous);

/*
 * Writes the rows of version 0 that a new table begins with.  What they say is believed of them
 * alone, and who may only INSERT can never change them.  Needs SPI.
 */
extern void ModelTableBegin(Oid relid);

/* A version number above those of all versions, of which there is no row; needs SPI. */
extern int32 ModelTableNextVersion(Oid relid);

/* A run's number, likewise; it counts as given out from now on.  Needs SPI. */
extern int32 ModelTableNextRun(ModelTable *table);

/* The number of the last run. */
extern int32 ModelTableLastRun(ModelTable *table);

/*
 * The numbers that a block of version 0 lists, in their order; false if there is none, or it is
 * damaged.  Needs an active snapshot.
 */
extern bool ModelTableNumbers(ModelTable *table, const char *part, List **numbers);

/* Writes such a list; needs SPI. */
extern void ModelTableSetNumbers(Oid relid, const char *part, const List *numbers);

/* Lets a new version serve from the commit on and keeps `keep` versions; needs SPI. */
extern void ModelTablePublish(Oid relid, int32 version, int keep);

/*
 * Keeps a new version that does not serve, beside the `keep` versions that a new one that serves
 * would leave.  Needs SPI.
 */
extern void ModelTableKeep(Oid relid, int32 version, int keep);

/* The versions that were published and are kept, newest first (a list of integers); needs SPI. */
extern List *ModelTableVersions(ModelTable *table);

/* Those of them that have never served. */
extern List *ModelTableUnpromoted(ModelTable *table);

#endif
