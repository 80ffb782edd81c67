/*
 * batch.h: one step of a sampled softmax over cosines.
 *
 * Users' rows p have norm 1; an item's row is x = w q with q of norm 1 and w its given norm.  A
 * query is a user with some of its items; N negatives are shared by all queries of a batch:
 *
 *     loss = sum over pairs (u, i) of -p_u.x_i / tau + rho ln(mean over negatives j of exp(p_u.x_j
 * / tau))
 *
 * Negatives that the user trains with do not count.  Gradients of a row are summed over the batch,
 * go through the norm, and the row steps once, by row-wise Adagrad, and is put back to its norm.
 *
 * A batch is cut into slices whose size depends on its shape alone; each is one task, and every sum
 * has a fixed order, so that the rows are the same for any number of threads.
 */
#ifndef RECADV_ALGO_SOFTMAX_BATCH_H
#define RECADV_ALGO_SOFTMAX_BATCH_H

#include "algo/model.h"
#include "core/random.h"

typedef struct SoftmaxPair {
    uint32_t user;
    uint32_t item;
} SoftmaxPair;

/* A user with `count` items: pairs[0 .. count - 1]. */
typedef struct SoftmaxQuery {
    const SoftmaxPair *pairs;
    uint32_t count;
} SoftmaxQuery;

/* How rows change; constant during a batch. */
typedef struct SoftmaxRule {
    const Interactions *data;
    bool held_too; /* held-out interactions train, too */
    Part *user;
    Part *item;
    const float *norm; /* of each item's row */
    float temperature;
    float log_sum_weight;
    float learning_rate;
    float *user_state; /* Adagrad: users */
    float *item_state;
    float *user_sums; /* not NULL: gradients are added here, and no row steps */
    float *item_sums;
} SoftmaxRule;

/* The rows of one side that a batch touches, by number, and what touches them. */
typedef struct Touched {
    uint32_t *number; /* of all rows: number + 1, or 0 */
    uint32_t *row;    /* by number */
    uint32_t *start;  /* by number, and one more: of its entries */
    uint32_t *query;  /* entries, grouped by number: the query */
    uint32_t count;
} Touched;

typedef struct SoftmaxBatch {
    SoftmaxRule rule;
    uint32_t most_queries;
    uint32_t chunk; /* items of a query, at most */
    uint32_t negatives;
    uint32_t width; /* of a row of weights: negatives, rounded up to whole lanes */
    uint32_t slice; /* rows of a task */
    SoftmaxQuery *queries;
    uint32_t count;
    uint32_t *user_of; /* queries: number of the user */
    uint32_t *item_of; /* positives: number of the item */
    Touched users;
    Touched items;  /* the negatives come first */
    float *p;       /* queries x stride: their users' rows, before the step */
    float *user_g;  /* queries x stride: gradients */
    float *x;       /* width x stride: the negatives' rows, then their gradients */
    float *weights; /* queries x width */
    float *row;     /* threads x stride */
    double *losses; /* slices of queries */
} SoftmaxBatch;

/* `negatives` must be less than the number of items.  The rule is set by the caller, later. */
extern void SoftmaxBatchCreate(const Host *host, const Model *model, uint32_t queries,
                               uint32_t chunk, uint32_t negatives, SoftmaxBatch *batch);
extern void SoftmaxBatchRelease(const Host *host, SoftmaxBatch *batch);
extern size_t SoftmaxBatchMemory(const Model *model, uint32_t queries, uint32_t chunk,
                                 uint32_t negatives, int threads);

/*
 * Learns batch->queries[0 .. count - 1]; negatives are drawn from `random`.  Returns the loss
 * before the step.
 */
extern double SoftmaxBatchStep(const Host *host, SoftmaxBatch *batch, Random *random);

/* Scales a row to a norm, if it has one. */
extern void ScaleRow(float *row, uint32_t stride, float norm);

#endif
