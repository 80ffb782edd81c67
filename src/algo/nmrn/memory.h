/* memory.h: the kernels of a key-value memory in single precision, for the machine they run on. */
#ifndef RECADV_ALGO_NMRN_MEMORY_H
#define RECADV_ALGO_NMRN_MEMORY_H

#define REAL float
#include "algo/nmrn/memory_kernel.h"
#undef REAL

/* See StepRead, StepGates and StepWrite, StepBack of memory_kernel.h. */
extern void MemoryRead(const Net *net, const Step *step, const float *memory);
extern void MemoryWrite(const Net *net, const Step *step, float *memory, bool keep);
extern void MemoryBack(const Net *net, const Step *step, float *G, bool future,
                       const NetGradient *gradient);

/* out[i] = bias[i] - d(point, row i); bias may be NULL. */
extern void MemoryScore(const float *point, const float *rows, const float *bias, size_t count,
                        size_t stride, float *out);

/* out[i] = d(point, row items[i]) */
extern void MemoryDistances(const float *point, const float *rows, const uint32_t *items,
                            size_t count, size_t stride, float *out);

/* How a row follows its gradient. */
typedef struct StepRule {
    float learning_rate;
    float accumulator; /* at the start of training */
    float regularization;
    float maximum_norm; /* 0: none */
    float scale;        /* of the gradient */
    bool per_element;   /* accumulators: one per element, or one per row */
} StepRule;

/* One step of Adagrad on a row of `columns` numbers; state: as many, or one. */
extern void RowStep(const StepRule *rule, float *row, const float *gradient, float *state,
                    uint32_t columns, uint32_t stride);

#endif
