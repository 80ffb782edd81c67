/*
 * vector.h: 16-lane single-precision arithmetic that compilers turn into the widest instructions
 * of the target they compile for.
 *
 * The order of every sum is fixed (16 partial sums, folded pairwise) and products are fused where
 * the target can, so AVX2 and AVX-512 give the same bytes.
 *
 * Everything here is always_inline, so that the functions take the target of their caller.
 * VECTOR_VARIANTS makes one caller per target, and VectorLevel() picks at run time.
 */
#ifndef RECADV_CORE_VECTOR_H
#define RECADV_CORE_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_LANES 16

typedef float Vector __attribute__((vector_size(VECTOR_LANES * sizeof(float)), aligned(64)));

typedef float QuarterVector __attribute__((vector_size(VECTOR_LANES / 4 * sizeof(float))));

#define VECTOR_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
#define VECTOR_AVX512 __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))
#define VECTOR_AVX2   __attribute__((target("avx2,fma")))
#define VECTOR_LEVELS 3
#else
#define VECTOR_AVX512
#define VECTOR_AVX2
#define VECTOR_LEVELS 1
#endif

/* 2: AVX-512, 1: AVX2 with fused multiply-add, 0: the baseline of the build. */
extern int VectorLevel(void);

/*
 * Defines one function per instruction set around a call of an always_inline body, and the table
 * nameVariants of them, indexed by VectorLevel().
 */
#define VECTOR_VARIANTS(name, parameters, call)                                                    \
    VECTOR_AVX512 static void name##Avx512 parameters                                              \
    {                                                                                              \
        call;                                                                                      \
    }                                                                                              \
    VECTOR_AVX2 static void name##Avx2 parameters                                                  \
    {                                                                                              \
        call;                                                                                      \
    }                                                                                              \
    static void name##Baseline parameters                                                          \
    {                                                                                              \
        call;                                                                                      \
    }                                                                                              \
    static void(*const name##Variants[]) parameters = {name##Baseline, name##Avx2, name##Avx512};

/* Rows are padded with zeros to a whole number of vectors. */
VECTOR_INLINE uint32_t VectorStride(uint32_t columns)
{
    return (columns + VECTOR_LANES - 1) / VECTOR_LANES * VECTOR_LANES;
}

/* Lane sums 16 -> 4, then 4 -> 1, always in this order. */
VECTOR_INLINE float VectorSum(const Vector *v)
{
    QuarterVector q[4], sum;

    memcpy(q, v, sizeof(q));
    sum = (q[0] + q[2]) + (q[1] + q[3]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* a . b over `chunks` vectors of 16; both 64-byte aligned. */
VECTOR_INLINE float VectorDot(const float *a, const float *b, size_t chunks)
{
    const Vector *va = (const Vector *)a, *vb = (const Vector *)b;
    Vector sum = {0};

    for (size_t c = 0; c < chunks; c++)
        sum += va[c] * vb[c];
    return VectorSum(&sum);
}

/* out[i] = a . row items[i] of `rows`, i < 4; each the same as VectorDot. */
VECTOR_INLINE void VectorDotFour(const float *a, const float *rows, size_t stride,
                                 const uint32_t *items, size_t chunks, float *out)
{
    const Vector *va = (const Vector *)a;
    const Vector *v0 = (const Vector *)(rows + items[0] * stride);
    const Vector *v1 = (const Vector *)(rows + items[1] * stride);
    const Vector *v2 = (const Vector *)(rows + items[2] * stride);
    const Vector *v3 = (const Vector *)(rows + items[3] * stride);
    Vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

    for (size_t c = 0; c < chunks; c++) {
        s0 += va[c] * v0[c];
        s1 += va[c] * v1[c];
        s2 += va[c] * v2[c];
        s3 += va[c] * v3[c];
    }
    out[0] = VectorSum(&s0);
    out[1] = VectorSum(&s1);
    out[2] = VectorSum(&s2);
    out[3] = VectorSum(&s3);
}

/* out[i] = a . rows[i], rows of `stride` floats (a multiple of 16), 64-byte aligned. */
extern void DotRows(const float *a, const float *rows, size_t count, size_t stride, float *out);

/* out[i] = a . rows[items[i]]: the same bytes as from DotRows. */
extern void DotRowsAt(const float *a, const float *rows, const uint32_t *items, size_t count,
                      size_t stride, float *out);

/* to += scale * from; `count` floats, a multiple of 16, 64-byte aligned. */
extern void AddScaledRow(float *to, const float *from, float scale, size_t count);

#endif
