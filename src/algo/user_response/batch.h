/*
 * batch.h: some steps of the log: their answers' loss, its gradients, and a step of Adam of every
 * row that they touch.
 *
 * Tasks of the pool share no row, and sums have an order of their own: threads change nothing.
 */
#ifndef RECADV_ALGO_USER_RESPONSE_BATCH_H
#define RECADV_ALGO_USER_RESPONSE_BATCH_H

#include "algo/learn/row_groups.h"
#include "algo/user_response/steps.h"
#include "algo/user_response/user_response.h"

/* A matrix that is learnt: where its rows are, and their optimiser's. */
typedef struct Learnt {
    Part part;
    float *state;    /* rows x two moments of a stride */
    uint32_t *steps; /* of each row so far */
    float decay;
    float *gradient; /* rows x stride: what would have been followed is added here, and nothing is
                        learnt; NULL, as in training: rows step */
} Learnt;

enum { LEARNT_ITEM, LEARNT_CLICK, LEARNT_SESSION, LEARNT_MAPPING, LEARNT_CONSTANT, LEARNT_PARTS };

typedef struct ResponseBatch {
    const Host *host;
    const Model *model;
    const Steps *steps;
    float learning_rate;
    uint32_t history;
    uint32_t stride; /* of all the rows below */
    Learnt learnt[LEARNT_PARTS];

    uint32_t most_steps, most_answers, most_clicks;
    uint32_t count;    /* steps */
    uint32_t *step;    /* numbers in the log */
    uint32_t *first;   /* count + 1: answers of the batch before the step */
    uint32_t *step_of; /* of each answer: which step of the batch */
    float *pull;       /* of each answer: gradient of the mean loss by its log odds */
    float *z;          /* of each step, and its gradient, which ends with that of c_s */
    float *z_gradient;
    float *mean; /* of the history's rows, and the gradient of one of them */
    float *mean_gradient;
    double *loss;               /* of each task */
    RowGroups items;            /* answers */
    RowGroups clicks, sessions; /* steps */
    uint32_t *row_of;           /* of each entry of a group, while it is made */
    uint32_t *click_step;       /* of each click of a history: which step of the batch */
    float *mapping_gradient;
    float *row; /* of each worker */
} ResponseBatch;

/* Allocates all but the data of the parts of the model; rows of sessions are zero. */
extern void ResponseBatchCreate(const Host *host, const Model *model, const Steps *steps,
                                ResponseBatch *batch);
extern void ResponseBatchRelease(ResponseBatch *batch);
extern size_t ResponseBatchMemory(const Model *model, const Slates *log, int threads);

/* Forgets what was learnt of sessions, and all moments. */
extern void ResponseBatchReset(ResponseBatch *batch);

/* Takes steps of the log from `order` on, until there are answers enough; returns how many. */
extern uint32_t ResponseBatchTake(ResponseBatch *batch, const uint32_t *order, uint32_t left);

/* Learns them; returns the sum of the answers' losses before. */
extern double ResponseBatchLearn(ResponseBatch *batch);

/* out[i]: log odds of the answers of a step, of a session that is learnt. */
extern void ResponseOfStep(const ResponseBatch *batch, uint32_t step, float *mean, float *z,
                           float *out);

static inline uint32_t ResponseBatchAnswers(const ResponseBatch *batch)
{
    return batch->first[batch->count];
}

#endif
