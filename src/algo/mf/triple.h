/*
 * triple.h: stochastic updates of matrix factorisation, one (user, item, negative item) at a time.
 *
 * BPR (Rendle et al. 2009) and, with `adversarial`, adversarial personalised ranking (He et al.
 * 2018, Algorithm 1).  For a single triple the worst-case perturbation has a closed form: with
 * p the user's row, d = q_i - q_j and Gamma the gradient of the loss, the perturbed rows lie in
 * the span of p and d, so the whole update needs three dot products and one pass over the rows.
 */
#ifndef RECADV_ALGO_MF_TRIPLE_H
#define RECADV_ALGO_MF_TRIPLE_H

#include "core/cells.h"
#include "core/random.h"

typedef enum Optimizer { OPTIMIZER_ADAGRAD_ROW, OPTIMIZER_ADAGRAD, OPTIMIZER_SGD } Optimizer;

/* Adagrad's accumulators start here, as in TensorFlow 1, which the paper's code uses. */
#define ADAGRAD_START 0.1f

/* Squared norm below which TensorFlow's l2_normalize stops growing a gradient. */
#define NORM_FLOOR      1e-12f
#define NORM_FLOOR_ROOT 1e-6f

/* Embedding rows and how to change them; constant during an epoch. */
typedef struct TripleRule {
    const Host *host;
    float *users;      /* users x stride */
    float *items;      /* items x stride */
    float *user_state; /* Adagrad: users x stride, or users x 1 for OPTIMIZER_ADAGRAD_ROW */
    float *item_state;
    uint32_t stride;
    uint32_t factors;
    Optimizer optimizer;
    float learning_rate;
    float regularization; /* adds 2 * regularization * row for every occurrence of a row */
    bool adversarial;
    bool relative;       /* epsilon is a share of each row's own norm */
    float epsilon;       /* norm of a row's perturbation */
    float lambda;        /* weight of the adversarial loss */
    uint32_t candidates; /* negatives drawn, of which the highest-scored is taken */
    bool items_fixed;    /* only the users' rows move */
} TripleRule;

/* Visits that are shuffled together: only cells of large and dense data have more than one
 * stretch. */
#define STRETCH 65536

/* One cell of an epoch. */
typedef struct CellWork {
    const CellEntry *entries; /* grouped by user, ascending by item within a user */
    uint32_t count;
    const float *weights;  /* of the entries; NULL: all count alike */
    double mean_weight;    /* of all that train */
    const uint32_t *block; /* the items of the cell's item block, ascending */
    uint32_t block_size;
    uint32_t *order;  /* scratch: count (with weights: all visits of an epoch), at most STRETCH */
    uint32_t ordered; /* scratch: visits of the present stretch */
    Random random;
    double loss;      /* out: sum of -ln sigma(x_uij) before each update */
    uint64_t triples; /* out: triples learnt; users with no negative in the block have none */
    bool abandoned;   /* out: the run was cancelled */
} CellWork;

/*
 * Every entry once (with weights: in proportion to its weight, see learn/visits.h), in random order
 * within each stretch, with a fresh negative each.
 */
extern void LearnCell(const TripleRule *rule, CellWork *work);

#define MAX_CANDIDATES 1024

#endif
