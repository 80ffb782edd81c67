/* products_kernels.h: kernels of products.c, for one instruction set. */
#define SumFour VECTOR(SumFour)
#define SumOne  VECTOR(SumOne)
#define SumRows VECTOR(SumRows)

/* Four vectors of columns, whose sums stay in registers. */
VECTOR_INLINE void SumFour(const float *a, size_t step, const float *b, size_t n, size_t k,
                           float *out)
{
    Vector s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, *to = (Vector *)out;

    for (size_t x = 0; x < k; x++) {
        const Vector *row = (const Vector *)(b + x * n);
        float factor = a[x * step];

        s0 += factor * row[0];
        s1 += factor * row[1];
        s2 += factor * row[2];
        s3 += factor * row[3];
    }
    to[0] = s0;
    to[1] = s1;
    to[2] = s2;
    to[3] = s3;
}

VECTOR_INLINE void SumOne(const float *a, size_t step, const float *b, size_t n, size_t k,
                          float *out)
{
    Vector sum = {0};

    for (size_t x = 0; x < k; x++)
        sum += a[x * step] * *(const Vector *)(b + x * n);
    *(Vector *)out = sum;
}

/* out (n floats) = sum over x of a[x * step] b[x]; b: k x n */
VECTOR_KERNEL void SumRows(const float *a, size_t step, const float *b, size_t n, size_t k,
                           float *out)
{
    size_t first = 0;

    for (; first + 4 * VECTOR_WIDTH <= n; first += 4 * VECTOR_WIDTH)
        SumFour(a, step, b + first, n, k, out + first);
    for (; first < n; first += VECTOR_WIDTH)
        SumOne(a, step, b + first, n, k, out + first);
}
