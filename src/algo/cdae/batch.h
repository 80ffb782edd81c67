/*
 * batch.h: one step of a CDAE model on a batch of users.
 *
 * A user's inputs are some of the items, its outputs all of them and items that the user does not
 * have.  With o_j the score of output j, y_j 1 for what the user has and else 0, and w_j the weight
 * of the interaction that j stands for, over the mean weight, the user's loss is the sum over j of
 *
 *     logistic   w_j (ln(1 + exp(o_j)) - y_j o_j)
 *     square     w_j (o_j - y_j)^2 / 2
 *     softmax    y_j w_j (ln(sum over all outputs i of exp(o_i)) - o_j)
 *
 * The step, Adam's, follows the mean over the users.
 */
#ifndef RECADV_ALGO_CDAE_BATCH_H
#define RECADV_ALGO_CDAE_BATCH_H

#include "algo/cdae/cdae.h"
#include "algo/learn/adam_rows.h"
#include "algo/learn/row_groups.h"

/* Items of a user in one step, at most: of more, some that lie side by side are drawn. */
#define CDAE_MOST_ITEMS 4096

typedef struct CdaeRule {
    float rate;
    float regularization;
    float *sums[CDAE_BIAS_PART + 1]; /* by part, as it: gradients are added, nothing steps; NULL,
                                      * all of them: it learns */
} CdaeRule;

/* Where a user's inputs and outputs are. */
typedef struct CdaeUser {
    uint32_t user;
    uint32_t input, inputs;
    uint32_t output, outputs;
    float scale;
} CdaeUser;

typedef struct CdaeBatch {
    CdaeRule rule;
    const Host *host;
    const CdaeOptions *options;
    Part *part; /* of the model */
    uint32_t most_users, most_inputs, most_outputs;

    CdaeUser *user;
    uint32_t users, input_count, output_count;
    uint32_t *input, *input_user; /* per input: item, and number of the user in the batch */
    uint32_t *output, *output_user;
    float *label, *weight;
    float *pull;    /* per output: score, then the gradient of the loss by it */
    float *hidden;  /* per user: z and 1 */
    float *sum;     /* per user: the gradient of what z is the sigmoid of */
    double *losses; /* per user */
    RowGroups inputs, outputs;
    float *row; /* of each thread: a gradient */
    AdamRows adam[CDAE_BIAS_PART + 1];
} CdaeBatch;

extern void CdaeBatchCreate(const Host *host, Model *model, CdaeBatch *batch);
extern void CdaeBatchRelease(const Host *host, CdaeBatch *batch);
extern size_t CdaeBatchMemory(const Model *model, int threads);

/* Adam starts anew. */
extern void CdaeBatchForget(CdaeBatch *batch);

/* Adds a user, whose inputs and negatives are drawn; false: there is no room left, so that the
 * batch is to be learnt first. */
extern bool CdaeBatchAdd(CdaeBatch *batch, const Interactions *data, double mean_weight,
                         uint32_t user, Random *random);

/* Learns what was added, if there is any, and forgets it; the sum of the users' losses. */
extern double CdaeBatchStep(CdaeBatch *batch);

#endif
