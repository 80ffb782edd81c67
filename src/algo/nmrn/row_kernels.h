/*
 * row_kernels.h: arithmetic on rows of numbers of the type REAL, for one instruction set: what the
 * kernels of memories, of the generator and of the softmax loss are made of.
 *
 * After numbers.h.  Rows are padded with zeros to whole numbers of VECTOR_LANES, and sums have a
 * fixed order.
 */
#define Lanes         VECTOR(Lanes)
#define QuarterLanes  VECTOR(QuarterLanes)
#define LaneSum       VECTOR(LaneSum)
#define Dot           VECTOR(Dot)
#define Distance      VECTOR(Distance)
#define AddScaled     VECTOR(AddScaled)
#define AddDifference VECTOR(AddDifference)
#define AddProduct    VECTOR(AddProduct)
#define AddEight      VECTOR(AddEight)
#define AddFour       VECTOR(AddFour)
#define AddOne        VECTOR(AddOne)
#define AddRows       VECTOR(AddRows)

typedef REAL Lanes __attribute__((vector_size(VECTOR_WIDTH * sizeof(REAL))));
typedef REAL QuarterLanes __attribute__((vector_size(VECTOR_LANES / 4 * sizeof(REAL))));

/* As VectorSum. */
VECTOR_INLINE REAL LaneSum(const Lanes part[VECTOR_PARTS])
{
    QuarterLanes q[4], sum;

    memcpy(q, part, sizeof(q));
    sum = (q[0] + q[2]) + (q[1] + q[3]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

VECTOR_INLINE REAL Dot(const REAL *a, const REAL *b, size_t count)
{
    Lanes part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Lanes sum = {0};

        for (size_t k = p * VECTOR_WIDTH; k < count; k += VECTOR_LANES)
            sum += *(const Lanes *)(a + k) * *(const Lanes *)(b + k);
        part[p] = sum;
    }
    return LaneSum(part);
}

VECTOR_INLINE REAL Distance(const REAL *a, const REAL *b, size_t count)
{
    Lanes part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Lanes sum = {0};

        for (size_t k = p * VECTOR_WIDTH; k < count; k += VECTOR_LANES) {
            Lanes difference = *(const Lanes *)(a + k) - *(const Lanes *)(b + k);

            sum += difference * difference;
        }
        part[p] = sum;
    }
    return Root(LaneSum(part) + (REAL)DISTANCE_FLOOR);
}

/* out += scale * a */
VECTOR_INLINE void AddScaled(REAL *out, REAL scale, const REAL *a, size_t count)
{
    for (size_t k = 0; k < count; k += VECTOR_WIDTH)
        *(Lanes *)(out + k) += scale * *(const Lanes *)(a + k);
}

/* out += scale * (a - b) */
VECTOR_INLINE void AddDifference(REAL *out, REAL scale, const REAL *a, const REAL *b, size_t count)
{
    for (size_t k = 0; k < count; k += VECTOR_WIDTH)
        *(Lanes *)(out + k) += scale * (*(const Lanes *)(a + k) - *(const Lanes *)(b + k));
}

/* out += a * b, by element */
VECTOR_INLINE void AddProduct(REAL *out, const REAL *a, const REAL *b, size_t count)
{
    for (size_t k = 0; k < count; k += VECTOR_WIDTH)
        *(Lanes *)(out + k) += *(const Lanes *)(a + k) * *(const Lanes *)(b + k);
}

/* Eight vectors of columns, whose sums stay in registers. */
VECTOR_INLINE void AddEight(REAL *out, const REAL *scale, const REAL *rows, size_t count,
                            size_t stride)
{
    Lanes *to = (Lanes *)out, s0 = to[0], s1 = to[1], s2 = to[2], s3 = to[3];
    Lanes s4 = to[4], s5 = to[5], s6 = to[6], s7 = to[7];

    for (size_t i = 0; i < count; i++) {
        const Lanes *row = (const Lanes *)(rows + i * stride);

        s0 += scale[i] * row[0];
        s1 += scale[i] * row[1];
        s2 += scale[i] * row[2];
        s3 += scale[i] * row[3];
        s4 += scale[i] * row[4];
        s5 += scale[i] * row[5];
        s6 += scale[i] * row[6];
        s7 += scale[i] * row[7];
    }
    to[0] = s0;
    to[1] = s1;
    to[2] = s2;
    to[3] = s3;
    to[4] = s4;
    to[5] = s5;
    to[6] = s6;
    to[7] = s7;
}

/* Four vectors of columns, whose sums stay in registers. */
VECTOR_INLINE void AddFour(REAL *out, const REAL *scale, const REAL *rows, size_t count,
                           size_t stride)
{
    Lanes *to = (Lanes *)out, s0 = to[0], s1 = to[1], s2 = to[2], s3 = to[3];

    for (size_t i = 0; i < count; i++) {
        const Lanes *row = (const Lanes *)(rows + i * stride);

        s0 += scale[i] * row[0];
        s1 += scale[i] * row[1];
        s2 += scale[i] * row[2];
        s3 += scale[i] * row[3];
    }
    to[0] = s0;
    to[1] = s1;
    to[2] = s2;
    to[3] = s3;
}

VECTOR_INLINE void AddOne(REAL *out, const REAL *scale, const REAL *rows, size_t count,
                          size_t stride)
{
    Lanes sum = *(Lanes *)out;

    for (size_t i = 0; i < count; i++)
        sum += scale[i] * *(const Lanes *)(rows + i * stride);
    *(Lanes *)out = sum;
}

/* out += scale[i] * row i, one row after the other */
VECTOR_INLINE void AddRows(REAL *out, const REAL *scale, const REAL *rows, size_t count,
                           size_t stride)
{
    size_t k = 0;

    for (; k + 8 * VECTOR_WIDTH <= stride; k += 8 * VECTOR_WIDTH)
        AddEight(out + k, scale, rows + k, count, stride);
    for (; k + 4 * VECTOR_WIDTH <= stride; k += 4 * VECTOR_WIDTH)
        AddFour(out + k, scale, rows + k, count, stride);
    for (; k < stride; k += VECTOR_WIDTH)
        AddOne(out + k, scale, rows + k, count, stride);
}
