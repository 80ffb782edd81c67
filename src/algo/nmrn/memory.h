/* memory.h: the kernels of a key-value memory in single precision, for the machine they run on. */
#ifndef RECADV_ALGO_NMRN_MEMORY_H
#define RECADV_ALGO_NMRN_MEMORY_H

#define REAL float
#include "algo/nmrn/memory_step.h"
#undef REAL

/* See Read, Write and Back of memory_kernels.h. */
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

/* d(point, row): the same bytes as from MemoryDistances. */
extern float MemoryDistance(const float *point, const float *row, size_t stride);

/* out[i] = |row i|^2 */
extern void MemorySquares(const float *rows, size_t count, size_t stride, float *out);

#endif
