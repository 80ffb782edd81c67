/* live_source.h: the interactions that the source of a model has now, for seen => 'live'. */
#ifndef RECADV_PG_SERVE_LIVE_SOURCE_H
#define RECADV_PG_SERVE_LIVE_SOURCE_H

#include "pg/train/collect.h"

/*
 * Items of a user in the source, as the statement sees it and with the caller's rights.  A source
 * can be a view or a query that runs any code, recadv's functions included: call it before
 * ServedOpen.
 */
extern IdList LiveItems(text *model, Id user);

/* The items of all users, within recadv.max_memory; into the backend's context. */
extern void LiveInteractions(text *model, BackendHost *backend, Collected *all);

#endif
