/* resolve.h: the model that a call means. */
#ifndef RECADV_PG_MODEL_RESOLVE_H
#define RECADV_PG_MODEL_RESOLVE_H

#include "pg/base/compat.h"

/*
 * The table that a call means: the name, else the setting recadv.model, else the only model that
 * the caller may read.  Fails with a list of candidates otherwise.
 */
extern Oid ModelResolve(text *name);

#endif
