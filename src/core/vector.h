/*
 * vector.h: single-precision arithmetic on rows of whole numbers of 16 floats, for the instruction
 * set that the processor has.
 *
 * Kernels come in two forms.  Plain loops, which compilers turn into vectors by themselves, are
 * VECTOR_INLINE functions of which VECTOR_VARIANTS makes one for each instruction set.  All others
 * are written with a vector type, in a file of kernels: see vector_targets.h.  VectorLevel() picks
 * at run time.
 */
#ifndef RECADV_CORE_VECTOR_H
#define RECADV_CORE_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Rows are padded with zeros to a whole number of so many, and sums have so many lanes. */
#define VECTOR_LANES 16

/* Vectors of all lanes, in a file of kernels. */
#define VECTOR_PARTS (VECTOR_LANES / VECTOR_WIDTH)

typedef float QuarterVector __attribute__((vector_size(VECTOR_LANES / 4 * sizeof(float))));

#if defined(__x86_64__)
#define VECTOR_AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))
#define VECTOR_AVX2   __attribute__((target("avx2,fma")))
#define VECTOR_LEVELS 3
#else
#define VECTOR_LEVELS 1
#endif

/* Of the instruction set that is compiled for: see vector_targets.h. */
#define VECTOR_TARGET

/* Takes the instruction set of its caller; in a file of kernels that of VECTOR_TARGET. */
#define VECTOR_INLINE static inline __attribute__((always_inline)) VECTOR_TARGET

/* Is called by way of its table. */
#define VECTOR_KERNEL static VECTOR_TARGET

/* 2: AVX-512, 1: AVX2 with fused multiply-add, 0: the baseline of the build. */
extern int VectorLevel(void);

/* One function, for one instruction set, around a call of an always_inline body. */
#define VECTOR_VARIANT(target, name, parameters, call)                                             \
    target static void name parameters                                                             \
    {                                                                                              \
        call;                                                                                      \
    }

/*
 * VECTOR_TABLE is the table nameVariants of the kernel `name` in a file of kernels, indexed by
 * VectorLevel(); VECTOR_VARIANTS defines the functions, too.
 */
#if VECTOR_LEVELS > 1
#define VECTOR_TABLE(name, parameters)                                                             \
    static void(*const name##Variants[]) parameters = {name##Baseline, name##Avx2, name##Avx512}
#define VECTOR_VARIANTS(name, parameters, call)                                                    \
    VECTOR_VARIANT(, name##Baseline, parameters, call)                                             \
    VECTOR_VARIANT(VECTOR_AVX2, name##Avx2, parameters, call)                                      \
    VECTOR_VARIANT(VECTOR_AVX512, name##Avx512, parameters, call)                                  \
    VECTOR_TABLE(name, parameters);
#else
#define VECTOR_TABLE(name, parameters)                                                             \
    static void(*const name##Variants[]) parameters = {name##Baseline}
#define VECTOR_VARIANTS(name, parameters, call)                                                    \
    VECTOR_VARIANT(, name##Baseline, parameters, call)                                             \
    VECTOR_TABLE(name, parameters);
#endif

/* Rows are padded with zeros to a whole number of lanes. */
VECTOR_INLINE uint32_t VectorStride(uint32_t columns)
{
    return (columns + VECTOR_LANES - 1) / VECTOR_LANES * VECTOR_LANES;
}

/* out[i] = a . rows[i], rows of `stride` floats (a multiple of 16), 64-byte aligned. */
extern void DotRows(const float *a, const float *rows, size_t count, size_t stride, float *out);

/* out[i] = a . rows[items[i]]: the same bytes as from DotRows. */
extern void DotRowsAt(const float *a, const float *rows, const uint32_t *items, size_t count,
                      size_t stride, float *out);

/* to += scale * from; `count` floats, a multiple of 16, 64-byte aligned. */
extern void AddScaledRow(float *to, const float *from, float scale, size_t count);

#endif
