/* live_source.h: what the source of a model says now. */
#ifndef RECADV_PG_SERVE_LIVE_SOURCE_H
#define RECADV_PG_SERVE_LIVE_SOURCE_H

#include "pg/train/collect.h"

/*
 * Items of a user in the source that the model was trained from, as the statement sees it, with the
 * caller's rights.  Runs the source's own code, so nothing that ServedOpen returned may be in use.
 */
extern IdList LiveItems(text *model, Id user);

/* The same of all users, read once, within recadv.max_memory; into the backend's context. */
extern void LiveInteractions(text *model, BackendHost *backend, Collected *all);

#endif
