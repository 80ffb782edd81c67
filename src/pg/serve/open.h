/*
 * open.h: opening a model to serve: the first step of every serving function.
 *
 * Each call looks up which version serves under its own snapshot, so a version committed elsewhere
 * is seen by the next statement, and one that was rolled back is never seen.  What the session
 * keeps of that version (session_cache.h) is used, else it is loaded.
 */
#ifndef RECADV_PG_SERVE_OPEN_H
#define RECADV_PG_SERVE_OPEN_H

#include "pg/model/image.h"
#include "pg/serve/served.h"

/* The model that the name means, opened for this call; close `table` when done.  Fails if it has no
 * items. */
extern Served *ServedOpen(text *model, ModelTable *table);

/* The same of one that acts in scenarios, instead. */
extern Served *ServedOpenActs(text *model, ModelTable *table);

/*
 * A version of it that is kept, as it was trained and refreshed: without what has been observed
 * since.  0: the version that serves.  Fails if there is none of that number.
 */
extern Served *ServedOpenVersion(text *model, int32 version, ModelTable *table);

/* A model from an image, in the current context; `store` must live as long. */
extern Served *ServedImage(const bytea *image, ImageStore *store);

#endif
