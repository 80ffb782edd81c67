/* played.h: what functions share that play sessions: how many, with which model, and arrays of
 * their rows. */
#ifndef RECADV_PG_SQL_PLAYED_H
#define RECADV_PG_SQL_PLAYED_H

#include "pg/base/compat.h"

#include "fmgr.h"

#include "pg/model/whole_model.h"

/* Behind all sessions that training looks at, whatever the seed: who is judged by those by which
 * its best epoch was chosen looks better than it is. */
#define BEFORE_FIRST ((uint64)1 << 41)

/* sessions, an integer; fails unless it is at least 1. */
extern int32 SessionsArgument(FunctionCallInfo fcinfo, int argument);

typedef struct PlayedName {
    const char *name;
    const char *full; /* with its schema */
} PlayedName;

/* The version that serves, whole; where it is to show items, fails if it has none. */
extern WholeModel *PlayedModel(text *model, bool shows, BackendHost *backend, PlayedName *name);

/* Fails where playing needs more memory than is allowed, beside what is there. */
extern void CheckPlayingMemory(const BackendHost *backend, Size more);

extern Datum PlayedArray(const Datum *values, uint32 count, Oid type);

#endif
