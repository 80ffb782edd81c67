/*
 * microbatch.h: a micro-batch of events.
 *
 * Each event is read, compared with an item that the user does not have, and written to the memory
 * at once; parameters stay as they are until it is full.  Then all of it is differentiated,
 * back through the writes, and every row that took part moves once.
 */
#ifndef RECADV_ALGO_NMRN_MICROBATCH_H
#define RECADV_ALGO_NMRN_MICROBATCH_H

#include "algo/learn/row_numbers.h"
#include "algo/nmrn/contrast.h"
#include "algo/nmrn/generator.h"
#include "algo/nmrn/memory_network.h"

/* Has the user the item?  Such items are not drawn. */
typedef struct Positives {
    const void *arg;
    bool (*has)(const void *arg, uint32_t user, uint32_t item);
} Positives;

typedef struct BatchedEvent {
    uint32_t user, item, negative; /* numbers within the batch; NO_ITEM: no negative */
    uint32_t user_row, item_row, negative_row;
    float weight; /* of the loss; 0 until there is a negative */
    float share;  /* what the event counts */
    bool first;   /* the memory was at its start */
} BatchedEvent;

typedef struct MicroBatch {
    const Host *host;
    Model *model;
    const NmrnOptions *options;
    Positives positives;
    Net net;
    bool freeze_keys;     /* keys keep their place */
    bool learns_start;    /* first events tell where memories should start */
    bool adversarial;     /* the generator chooses negatives */
    bool observes;        /* only the generator learns */
    Generator *generator; /* NULL: none */
    uint32_t size;
    uint32_t count;
    BatchedEvent *events;
    float *tape;     /* size x TapeReals */
    float *previous; /* size x slots, with addressing "ntm" */
    RowNumbers users, items;
    float *user_gradient;   /* size x stride */
    float *item_gradient;   /* 2 size x (stride + 16) */
    float *memory_gradient; /* size, or 1 with a shared memory, x slots x stride */
    bool *touched;          /* is a memory_gradient other than zero? */
    float *weight_gradient; /* as the weight part */
    uint32_t *drawn;        /* max_draws, or candidates of the generator */
    float *distances;       /* as many */
    double *usage, *erase;  /* slots: sums over the micro-batch */
    double entropy;
    Contrast contrast; /* with the softmax loss */
    float *allowed;    /* users of the micro-batch x width: see Contrasted */
    RowNumbers drawn_items;
    Random random; /* of the first event */
    float rate;    /* share of the learning rate */
    double loss;   /* sum since it was created */
    uint64_t losses;
} MicroBatch;

/* Bytes that MicroBatchCreate allocates. */
extern size_t MicroBatchMemory(const NmrnOptions *options, uint32_t size);

extern void MicroBatchCreate(const Host *host, Model *model, uint32_t size, Positives positives,
                             MicroBatch *batch);
extern void MicroBatchRelease(MicroBatch *batch);

/*
 * One event, whose weight scales its loss; `first`: of its memory; `random` is its own.  Steps when
 * the micro-batch is full.
 */
extern void MicroBatchAdd(MicroBatch *batch, const Event *event, bool first, Random *random);

/* Learns what it holds and empties it. */
extern void MicroBatchStep(MicroBatch *batch);

#endif
