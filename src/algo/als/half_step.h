/*
 * half_step.h: all rows of one side solved for, the other side being as it is.
 *
 * Row u minimises the loss of als.h: with F the rows of the other side,
 *
 *     (alpha F^T F + sum c_i f_i f_i^T + lambda_u I) p = sum c_i f_i,    i: what u touched.
 *
 * Where it pays, the rows F are first turned into the basis of F^T F's eigenvectors, in which
 * alpha F^T F + lambda_u I is diagonal for every u.  A row of n interactions, fewer than factors,
 * then needs a system of n equations only (Woodbury's identity).  A row with more than a few
 * interactions moves towards its solution by some steps of conjugate gradients (conjugate.h), from
 * where it was: as the other side changes, too, the solution itself would be no nearer to the end.
 *
 * Tasks and the sums in them have fixed bounds: the same bytes for any number of threads.
 */
#ifndef RECADV_ALGO_ALS_HALF_STEP_H
#define RECADV_ALGO_ALS_HALF_STEP_H

#include "algo/als/als.h"

/* Weights of the loss. */
typedef struct AlsWeights {
    double unobserved;
    double regularization;
    double scaling;
} AlsWeights;

/* lambda_u, of the sum of weights and the number of rows of the other side. */
extern double RowPenalty(const AlsWeights *weights, double frequency, double others);

/* Whom the rows of a side touched; entry i of row r is other[i], offset[r] <= i < offset[r + 1]. */
typedef struct Touches {
    uint32_t rows;
    uint32_t others;
    const uint64_t *offset;
    const uint32_t *other;
    const float *weight; /* NULL: all count alike */
} Touches;

typedef struct Scratch Scratch;

/* What all half-steps of a training share. */
typedef struct Solver {
    const Host *host;
    const Interactions *data;
    double mean_weight;
    bool everything; /* held-out interactions, too */
    bool exact;      /* rows are solved for, however many interactions they have */
    AlsWeights weights;
    uint32_t factors;
    uint32_t stride;
    Touches side[2]; /* by Axis */

    float *gram;   /* stride x stride: F^T F */
    float *slices; /* parts of it, in order */
    float *base;   /* stride x stride: alpha F^T F; with a basis its eigenvectors, by rows */
    float *basis;  /* stride x stride: the eigenvectors, by columns */
    float *values; /* stride: eigenvalues of alpha F^T F */
    float *turned; /* the larger side's rows x stride, in the basis */
    void *eigen_work;
    Scratch *scratch; /* per thread */
    double *loss;     /* per task */
} Solver;

extern void SolverOpen(const Host *host, const Interactions *data, const Model *model,
                       Solver *solver);
extern void SolverClose(Solver *solver);

/* Bytes that SolverOpen allocates. */
extern size_t SolverMemory(const Model *model, const Interactions *shape, int threads);

/* solver->gram = F^T F, of the part's rows. */
extern void SolverGram(Solver *solver, const Part *fixed);

/*
 * Solves for all rows of `solved`, those of `axis`, which are where it starts.  Returns the loss
 * afterwards, but for the penalty of the rows of `fixed`.
 */
extern double HalfStep(Solver *solver, Axis axis, const Part *fixed, Part *solved);

/* The penalty of all rows of a side. */
extern double SidePenalty(const Solver *solver, Axis axis, const Part *part);

#endif
