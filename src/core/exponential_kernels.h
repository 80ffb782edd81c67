/* exponential_kernels.h: kernels of exponential.c, for one instruction set. */
#define Greater      VECTOR(Greater)
#define Exponential  VECTOR(Exponential)
#define Greatest     VECTOR(Greatest)
#define Exponentials VECTOR(Exponentials)

/* Cephes expf: exp(x) = 2^n exp(r), |r| <= ln(2) / 2; x <= 0, and below -87 as at -87. */
#define LOWEST   -87.0f
#define LOG2_E   1.44269504088896341f
#define LN2_HIGH 0.693359375f
#define LN2_LOW  -2.12194440e-4f

/* By element: the greater; `b` where one is not a number. */
VECTOR_INLINE Vector Greater(Vector a, Vector b)
{
    return (Vector)VectorSelect(a > b, (Integers)a, (Integers)b);
}

VECTOR_INLINE Vector Exponential(Vector value)
{
    Vector x = Greater((Vector){0} + LOWEST, value), r, y;
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
    return y * (Vector)((n + 127) << 23);
}

VECTOR_INLINE float Greatest(const float *values, uint32_t count)
{
    Vector most = *(const Vector *)values;
    float greatest;

    for (uint32_t i = VECTOR_WIDTH; i < count; i += VECTOR_WIDTH)
        most = Greater(*(const Vector *)(values + i), most);
    greatest = most[0];
    for (int k = 1; k < VECTOR_WIDTH; k++)
        greatest = most[k] > greatest ? most[k] : greatest;
    return greatest;
}

VECTOR_KERNEL void Exponentials(float *values, uint32_t count, float scale, float *greatest)
{
    *greatest = Greatest(values, count);
    for (uint32_t i = 0; i < count; i += VECTOR_WIDTH) {
        Vector *v = (Vector *)(values + i);

        *v = Exponential((*v - *greatest) * scale);
    }
}
