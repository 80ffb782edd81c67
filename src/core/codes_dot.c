/*
 * codes_dot.c: integer products of codes and queries.
 *
 * Compilers do not find the byte products of the processors in plain loops, so these are written
 * by hand for x86-64, beside the plain one.  All give the same integers.
 */
#include "core/codes.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LANES   16
#define CHUNK   8  /* columns of 64 bytes of a group */
#define GROUP   64 /* bytes of 8 columns of a group */
#define IN_LINE static inline __attribute__((always_inline))

/* One group of rows for some queries; out[q] points at the group's place. */
static void DotPlain(const uint8_t *codes, uint32_t chunks, const int8_t *const *values,
                     uint32_t count, int32_t **out)
{
    for (uint32_t q = 0; q < count; q++) {
        int32_t sums[LANES] = {0};

        for (uint32_t g = 0; g < chunks; g++)
            for (uint32_t row = 0; row < LANES; row++)
                for (uint32_t c = 0; c < 4; c++) {
                    uint8_t both = codes[(size_t)g * GROUP + 4 * row + c];

                    sums[row] += (both & 15) * values[q][g * CHUNK + c] +
                                 (both >> 4) * values[q][g * CHUNK + 4 + c];
                }
        memcpy(out[q], sums, sizeof(sums));
    }
}

#if defined(__x86_64__)

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define AVX2 __attribute__((target("avx2")))

static inline int32_t FourValues(const int8_t *values)
{
    int32_t four;

    memcpy(&four, values, sizeof(four));
    return four;
}

/* `count` is a constant where this is inlined, so that the sums stay in registers. */
VNNI IN_LINE void DotVnni(const uint8_t *codes, uint32_t chunks, const int8_t *const *values,
                          const uint32_t count, int32_t **out)
{
    const __m512i half = _mm512_set1_epi8(15);
    __m512i sums[CODES_QUERIES];

    for (uint32_t q = 0; q < count; q++)
        sums[q] = _mm512_setzero_si512();
    for (uint32_t g = 0; g < chunks; g++) {
        __m512i both = _mm512_loadu_si512(codes + (size_t)g * GROUP);
        __m512i low = _mm512_and_si512(both, half);
        __m512i high = _mm512_and_si512(_mm512_srli_epi16(both, 4), half);

        for (uint32_t q = 0; q < count; q++) {
            const int8_t *v = values[q] + g * CHUNK;

            sums[q] = _mm512_dpbusd_epi32(sums[q], low, _mm512_set1_epi32(FourValues(v)));
            sums[q] = _mm512_dpbusd_epi32(sums[q], high, _mm512_set1_epi32(FourValues(v + 4)));
        }
    }
    for (uint32_t q = 0; q < count; q++)
        _mm512_storeu_si512(out[q], sums[q]);
}

/* Pairs of products sum up in 16 bits: eight of at most 2 * 15 * 127 fit. */
#define CHUNKS_IN_16_BITS 4

AVX2 IN_LINE void DotAvx2(const uint8_t *codes, uint32_t chunks, const int8_t *const *values,
                          const uint32_t count, int32_t **out)
{
    const __m256i half = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);

    for (uint32_t side = 0; side < 2; side++) { /* eight rows each */
        __m256i sums[CODES_QUERIES];

        for (uint32_t q = 0; q < count; q++)
            sums[q] = _mm256_setzero_si256();
        for (uint32_t first = 0; first < chunks; first += CHUNKS_IN_16_BITS) {
            __m256i pairs[CODES_QUERIES];

            for (uint32_t q = 0; q < count; q++)
                pairs[q] = _mm256_setzero_si256();
            for (uint32_t g = first; g < chunks && g < first + CHUNKS_IN_16_BITS; g++) {
                const void *at = codes + (size_t)g * GROUP + side * 32;
                __m256i both = _mm256_loadu_si256(at);
                __m256i low = _mm256_and_si256(both, half);
                __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), half);

                for (uint32_t q = 0; q < count; q++) {
                    const int8_t *v = values[q] + g * CHUNK;
                    __m256i a = _mm256_maddubs_epi16(low, _mm256_set1_epi32(FourValues(v)));
                    __m256i b = _mm256_maddubs_epi16(high, _mm256_set1_epi32(FourValues(v + 4)));

                    pairs[q] = _mm256_add_epi16(pairs[q], _mm256_add_epi16(a, b));
                }
            }
            for (uint32_t q = 0; q < count; q++)
                sums[q] = _mm256_add_epi32(sums[q], _mm256_madd_epi16(pairs[q], ones));
        }
        for (uint32_t q = 0; q < count; q++)
            _mm256_storeu_si256((void *)(out[q] + side * 8), sums[q]);
    }
}

#define BY_COUNT(name, attribute)                                                                  \
    attribute static void name##Any(const uint8_t *codes, uint32_t chunks,                         \
                                    const int8_t *const *values, uint32_t count, int32_t **out)    \
    {                                                                                              \
        for (; count >= 8; count -= 8, values += 8, out += 8)                                      \
            name(codes, chunks, values, 8, out);                                                   \
        for (; count >= 4; count -= 4, values += 4, out += 4)                                      \
            name(codes, chunks, values, 4, out);                                                   \
        for (; count >= 1; count--, values++, out++)                                               \
            name(codes, chunks, values, 1, out);                                                   \
    }

BY_COUNT(DotVnni, VNNI)
BY_COUNT(DotAvx2, AVX2)

#endif

typedef void (*DotCodes)(const uint8_t *codes, uint32_t chunks, const int8_t *const *values,
                         uint32_t count, int32_t **out);

static DotCodes Choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni"))
        return DotVnniAny;
    if (__builtin_cpu_supports("avx2"))
        return DotAvx2Any;
#endif
    return DotPlain;
}

void CodesProducts(const Codes *codes, uint32_t block, const int8_t *const *values, uint32_t count,
                   int32_t (*out)[CODES_BLOCK])
{
    uint32_t chunks = codes->stride / CHUNK;
    uint32_t groups = (CodesBlockRows(codes, block) + LANES - 1) / LANES;
    const uint8_t *at = codes->codes + (size_t)block * CODES_BLOCK * (codes->stride / 2);
    DotCodes dot = Choose();
    int32_t *to[CODES_QUERIES];

    for (uint32_t q = 0; q < count; q++)
        to[q] = out[q];
    for (uint32_t g = 0; g < groups; g++) {
        dot(at + (size_t)g * LANES * (codes->stride / 2), chunks, values, count, to);
        for (uint32_t q = 0; q < count; q++)
            to[q] += LANES;
    }
}
