/* exponential.c: exp() in vectors of 16, the same on every machine that fuses products. */
#include "core/exponential.h"

/* Cephes expf: exp(x) = 2^n exp(r), |r| <= ln(2) / 2; x <= 0, and below -87 as at -87. */
#define LOWEST   -87.0f
#define LOG2_E   1.44269504088896341f
#define LN2_HIGH 0.693359375f
#define LN2_LOW  -2.12194440e-4f

typedef int32_t Integers __attribute__((vector_size(VECTOR_LANES * sizeof(int32_t)), aligned(64)));

/* By element: a where the mask is set, otherwise b. */
VECTOR_INLINE Vector Choose(Integers mask, Vector a, Vector b)
{
    return (Vector)(((Integers)a & mask) | ((Integers)b & ~mask));
}

VECTOR_INLINE void Exponentials(Vector *values)
{
    Vector x = Choose(*values < LOWEST, (Vector){0} + LOWEST, *values), r, y;
    Integers n;

    n = __builtin_convertvector(x * LOG2_E - 0.5f, Integers); /* towards zero: the nearest */
    r = __builtin_convertvector(n, Vector);
    r = x - r * LN2_HIGH - r * LN2_LOW;
    y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * (r * r) + r + 1.0f;
    *values = y * (Vector)((n + 127) << 23);
}

VECTOR_INLINE float Greatest(const float *values, uint32_t count)
{
    Vector most = *(const Vector *)values;
    float greatest;

    for (uint32_t i = VECTOR_LANES; i < count; i += VECTOR_LANES) {
        Vector next = *(const Vector *)(values + i);

        most = Choose(next > most, next, most);
    }
    greatest = most[0];
    for (int k = 1; k < VECTOR_LANES; k++)
        greatest = most[k] > greatest ? most[k] : greatest;
    return greatest;
}

VECTOR_INLINE void ExponentialsBody(float *values, uint32_t count, float scale, float *greatest)
{
    *greatest = Greatest(values, count);
    for (uint32_t i = 0; i < count; i += VECTOR_LANES) {
        Vector x = (*(Vector *)(values + i) - *greatest) * scale;

        Exponentials(&x);
        *(Vector *)(values + i) = x;
    }
}

VECTOR_VARIANTS(Exponentials, (float *values, uint32_t count, float scale, float *greatest),
                ExponentialsBody(values, count, scale, greatest))

float ExponentialsBelow(float *values, uint32_t count, float scale)
{
    float greatest;

    ExponentialsVariants[VectorLevel()](values, count, scale, &greatest);
    return greatest;
}
