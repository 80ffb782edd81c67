/*
 * vector_primitives.h: what kernels are made of, for the instruction set of vector_targets.h.
 *
 * The order of every sum is fixed (VECTOR_LANES partial sums, folded pairwise) and products are
 * fused where the target can, so AVX2 and AVX-512 give the same bytes.
 */
#define Vector          VECTOR(Vector)
#define Integers        VECTOR(Integers)
#define VectorSelect    VECTOR(VectorSelect)
#define VectorSum       VECTOR(VectorSum)
#define VectorTotal     VECTOR(VectorTotal)
#define VectorAddScaled VECTOR(VectorAddScaled)
#define VectorScale     VECTOR(VectorScale)
#define VectorDot       VECTOR(VectorDot)
#define VectorDotFour   VECTOR(VectorDotFour)

typedef float Vector __attribute__((vector_size(VECTOR_WIDTH * sizeof(float))));
typedef int32_t Integers __attribute__((vector_size(VECTOR_WIDTH * sizeof(int32_t))));

/* By element: a where the mask is set, otherwise b. */
VECTOR_INLINE Integers VectorSelect(Integers mask, Integers a, Integers b)
{
    return (mask & a) | (~mask & b);
}

/* Lane sums 16 -> 4, then 4 -> 1, always in this order. */
VECTOR_INLINE float VectorSum(const Vector part[VECTOR_PARTS])
{
    QuarterVector q[4], sum;

    memcpy(q, part, sizeof(q));
    sum = (q[0] + q[2]) + (q[1] + q[3]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* The sum of `count` numbers, a multiple of VECTOR_LANES; 64-byte aligned. */
VECTOR_INLINE float VectorTotal(const float *values, size_t count)
{
    Vector part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector sum = {0};

        for (size_t k = p * VECTOR_WIDTH; k < count; k += VECTOR_LANES)
            sum += *(const Vector *)(values + k);
        part[p] = sum;
    }
    return VectorSum(part);
}

/* to += scale * from, `count` numbers. */
VECTOR_INLINE void VectorAddScaled(float *to, float scale, const float *from, size_t count)
{
    for (size_t k = 0; k < count; k += VECTOR_WIDTH)
        *(Vector *)(to + k) += scale * *(const Vector *)(from + k);
}

VECTOR_INLINE void VectorScale(float *values, float scale, size_t count)
{
    for (size_t k = 0; k < count; k += VECTOR_WIDTH)
        *(Vector *)(values + k) *= scale;
}

/* a . b over `count` numbers, a multiple of VECTOR_LANES; both 64-byte aligned. */
VECTOR_INLINE float VectorDot(const float *a, const float *b, size_t count)
{
    Vector part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector sum = {0};

        for (size_t k = p * VECTOR_WIDTH; k < count; k += VECTOR_LANES)
            sum += *(const Vector *)(a + k) * *(const Vector *)(b + k);
        part[p] = sum;
    }
    return VectorSum(part);
}

/* out[i] = a . row items[i] of `rows`, i < 4; each the same as VectorDot. */
VECTOR_INLINE void VectorDotFour(const float *a, const float *rows, size_t stride,
                                 const uint32_t *items, size_t count, float *out)
{
    const float *row0 = rows + items[0] * stride, *row1 = rows + items[1] * stride;
    const float *row2 = rows + items[2] * stride, *row3 = rows + items[3] * stride;
    Vector part[4][VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

        for (size_t k = p * VECTOR_WIDTH; k < count; k += VECTOR_LANES) {
            Vector v = *(const Vector *)(a + k);

            s0 += v * *(const Vector *)(row0 + k);
            s1 += v * *(const Vector *)(row1 + k);
            s2 += v * *(const Vector *)(row2 + k);
            s3 += v * *(const Vector *)(row3 + k);
        }
        part[0][p] = s0;
        part[1][p] = s1;
        part[2][p] = s2;
        part[3][p] = s3;
    }
    for (int i = 0; i < 4; i++)
        out[i] = VectorSum(part[i]);
}
