/* versions.h: the versions of a model, and the one that serves. */
#ifndef RECADV_PG_MODEL_VERSIONS_H
#define RECADV_PG_MODEL_VERSIONS_H

#include "pg/model/table.h"

#define PART_CURRENT "current"

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

/* A version number above all others; needs SPI. */
extern int32 ModelTableNextVersion(Oid relid);

/* Lets a new version serve from the commit on and keeps `keep` versions; needs SPI. */
extern void ModelTablePublish(Oid relid, int32 version, int keep);

/* Versions that have a header, newest first (a list of integers); needs SPI. */
extern List *ModelTableVersions(Oid relid);

#endif
