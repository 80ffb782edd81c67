/* preload.h: loading a version into the cache that all sessions share, before its commit. */
#ifndef RECADV_PG_SERVE_PRELOAD_H
#define RECADV_PG_SERVE_PRELOAD_H

/*
 * Loads the items of what this transaction has made current, where sessions use the model and the
 * shared cache has room beside what serves until the commit.  Otherwise the first question after
 * the commit loads them, and all others wait for it.  Only the owner may.
 */
extern void Preload(Oid relid);

#endif
