/*
 * scan.h: the best items for queries: exact, without computing every score.
 *
 * A first pass over the items' codes tells which scores might be among the best; these are computed
 * in full.  Scores and their order are those of ModelScore for one query, bit for bit, less what
 * popularity takes from them (penalty.h).
 */
#ifndef RECADV_ALGO_RANK_SCAN_H
#define RECADV_ALGO_RANK_SCAN_H

#include "algo/algorithm.h"
#include "core/codes.h"
#include "core/topk.h"

/* Items of a model, or of a view of it, made ready. */
typedef struct Scan {
    const Model *model; /* with all its item parts */
    Codes codes;        /* of the part that meets the query; no rows where queries have no floats */
    float *scalars;     /* scalar s at position i: scalars[s * items + i] */
    float *logs;        /* LogPopularity of the item at position i */
} Scan;

/* Bytes beside the model; SIZE_MAX if they do not fit. */
extern size_t ScanSize(const Model *model);

/* Places the arrays in 64-byte aligned memory of that size, and fills them. */
extern void ScanPlace(Scan *scan, const Model *model, void *memory);
extern void ScanBuild(const Host *host, Scan *scan);

/* What is asked of one query. */
typedef struct ScanTask {
    const float *query;      /* 64-byte aligned; NULL: the popularity is the score */
    const uint32_t *without; /* items that are left out, ascending */
    uint32_t without_count;
    const uint64_t *among; /* NULL, or a bit for each item that may come */
    float weight;          /* of popularity, against it; 0: it takes nothing */
    TopK *top;             /* what was found in other blocks of items counts, too */
    CodesQuery coded;
    bool over;
} ScanTask;

/* May this item come? */
extern bool ScanWants(const ScanTask *task, uint32_t item);

typedef struct ScanRun {
    const Scan *scan;
    uint32_t first; /* index of the view's first item */
    ScanTask *tasks[CODES_QUERIES];
    uint32_t count;
    uint32_t block; /* next */
} ScanRun;

/* Bytes that one task needs for ScanStart, which takes them from 64-byte aligned memory. */
extern size_t ScanTaskSize(const Model *model);

/* At most CODES_QUERIES tasks, all with a query or all without. */
extern void ScanStart(ScanRun *run, const Scan *scan, uint32_t first, ScanTask *tasks,
                      uint32_t count, void *memory);

/* Looks at some more items, for a few milliseconds; false: that was all.  Any thread. */
extern bool ScanStep(ScanRun *run);

#endif
