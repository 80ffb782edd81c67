/* batches.h: the best items of many users, on several threads. */
#ifndef RECADV_PG_SERVE_BATCHES_H
#define RECADV_PG_SERVE_BATCHES_H

#include "pg/base/backend.h"
#include "pg/base/rowset.h"
#include "pg/serve/select.h"
#include "pg/train/collect.h"

typedef struct BatchJob BatchJob;

/* What becomes of the best items of a user; NULL: a row for each. */
typedef void (*BatchPut)(BatchJob *job, Id user, const TopK *top);

struct BatchJob {
    BackendHost backend;
    Served *served;
    ModelTable *table; /* NULL: what has been observed since the last refresh does not count */
    BatchPut put;
    IdKind kind; /* of the result */
    bool exclude_seen;
    uint32 limit;
    float weight;  /* of popularity, against it */
    uint64 *among; /* a bit for each item that may come; NULL: all */

    Collected *live;   /* what users have in the source; NULL: what stands in the model counts */
    uint32 *live_rows; /* of its items; UNKNOWN_ID: not in the model */

    IdList user_ids; /* all of the model */
    IdReader item_ids;
    uint32 *users; /* indexes, ascending */
    uint32 user_count;
    IdList newcomers; /* known by pending events alone, ascending */
    IdList strangers; /* of whom nothing is known, ascending */

    RowSet rows;
    MemoryContext single; /* for one user */
    MemoryContext batch;  /* for one batch */

    /* The rest is the run's own, in the memory of the batch but for the scratch memory. */
    uint64 first;
    uint32 count;
    float *queries;
    ScanTask *tasks;
    TopK *tops;
    const float *recent; /* what strangers go by, once they come; or NULL */
    const Scan *scan;
    uint32 first_item;
    char *scratch; /* per thread */
    Size scratch_size;
};

/* Fails if the ids of both sides and one batch need more than recadv.max_memory. */
extern void BatchesCheckMemory(const BatchJob *job);

/* Adds a row (user, item, score, rank, fallback) for each item of each user, or calls `put` for
 * each user. */
extern void BatchesRun(BatchJob *job);

#endif
