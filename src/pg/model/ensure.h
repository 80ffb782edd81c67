/* ensure.h: the table of a model, created if there is none. */
#ifndef RECADV_PG_MODEL_ENSURE_H
#define RECADV_PG_MODEL_ENSURE_H

#include "pg/base/compat.h"

/*
 * The model's table, created if it does not exist; fails unless the caller owns it.  InvalidOid if
 * another session is creating it.  Needs SPI.
 */
extern Oid ModelTableEnsure(const char *name);

/* A new table without any row, owned by the caller.  Needs SPI. */
extern Oid ModelTableCreate(const char *name);

#endif
