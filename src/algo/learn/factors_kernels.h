/* factors_kernels.h: kernels of factors.c, for one instruction set. */
#define CosineOne  VECTOR(CosineOne)
#define CosineRows VECTOR(CosineRows)

/* Cosine of a and b, `norm` being a . a; 0 where one of the two is zero. */
VECTOR_INLINE float CosineOne(const float *a, float norm, const float *b, size_t stride)
{
    Vector products[VECTOR_PARTS], squares[VECTOR_PARTS];
    float square;

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector ab = {0}, bb = {0};

        for (size_t k = p * VECTOR_WIDTH; k < stride; k += VECTOR_LANES) {
            Vector v = *(const Vector *)(b + k);

            ab += *(const Vector *)(a + k) * v;
            bb += v * v;
        }
        products[p] = ab;
        squares[p] = bb;
    }
    square = norm * VectorSum(squares);
    return square > 0 ? VectorSum(products) / sqrtf(square) : 0.0f;
}

VECTOR_KERNEL void CosineRows(const float *one, const float *rows, size_t count, size_t stride,
                              float *out)
{
    float norm = VectorDot(one, one, stride);

    for (size_t r = 0; r < count; r++)
        out[r] = CosineOne(one, norm, rows + r * stride, stride);
}
