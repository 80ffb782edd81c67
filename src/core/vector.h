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
#ifndef RECADV_VECTOR_H
#define RECADV_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_LANES 16

typedef float Vector __attribute__((vector_size(VECTOR_LANES * sizeof(float)), aligned(64)));

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

VECTOR_INLINE float VectorSum(const Vector *v)
{
    float s[VECTOR_LANES];

    memcpy(s, v, sizeof(s));
    for (int half = VECTOR_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            s[i] += s[i + half];
    return s[0];
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

/* out[i] = a . rows[i], rows of `stride` floats (a multiple of 16), 64-byte aligned. */
extern void DotRows(const float *a, const float *rows, size_t count, size_t stride, float *out);

#endif
