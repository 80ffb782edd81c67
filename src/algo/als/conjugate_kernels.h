/* conjugate_kernels.h: kernels of conjugate.c, for one instruction set. */
#define Vectors        VECTOR(Vectors)
#define Four           VECTOR(Four)
#define RowAt          VECTOR(RowAt)
#define FourAt         VECTOR(FourAt)
#define AddFour        VECTOR(AddFour)
#define SquareTimes    VECTOR(SquareTimes)
#define AddFourSquares VECTOR(AddFourSquares)
#define DotFour        VECTOR(DotFour)
#define StartRows      VECTOR(StartRows)
#define ProductRows    VECTOR(ProductRows)
#define Precondition   VECTOR(Precondition)
#define Turn           VECTOR(Turn)
#define StartDiagonal  VECTOR(StartDiagonal)
#define StartProduct   VECTOR(StartProduct)
#define Move           VECTOR(Move)
#define Layout         VECTOR(Layout)
#define EndAfter       VECTOR(EndAfter)
#define Start          VECTOR(Start)
#define Product        VECTOR(Product)
#define Steps          VECTOR(Steps)

/* Vectors of the method, of `count` registers each. */
typedef struct Vectors {
    size_t count;
    Vector *solution;
    Vector *residual;
    Vector *direction;
    Vector *product; /* of the matrix and the direction */
    Vector *matrix_diagonal;
    const Vector *diagonal; /* D */
} Vectors;

/* --- four rows */

typedef struct Four {
    const Vector *a, *b, *c, *d;
    size_t count;
} Four;

VECTOR_INLINE const Vector *RowAt(const ConjugateSystem *s, uint32_t i)
{
    return (const Vector *)(s->rows + (size_t)s->index[i] * s->stride);
}

VECTOR_INLINE Four FourAt(const ConjugateSystem *s, uint32_t i)
{
    return (Four){RowAt(s, i), RowAt(s, i + 1), RowAt(s, i + 2), RowAt(s, i + 3),
                  s->stride / VECTOR_WIDTH};
}

/* to += the sum of the rows times their factors */
VECTOR_INLINE void AddFour(Four rows, const float *factor, Vector *to)
{
    for (size_t k = 0; k < rows.count; k++) {
        Vector sum = to[k];

        sum += factor[0] * rows.a[k];
        sum += factor[1] * rows.b[k];
        sum += factor[2] * rows.c[k];
        sum += factor[3] * rows.d[k];
        to[k] = sum;
    }
}

VECTOR_INLINE Vector SquareTimes(float factor, Vector v)
{
    return factor * v * v;
}

/* to += the sum of the rows' squares, by element, times their factors */
VECTOR_INLINE void AddFourSquares(Four rows, const float *factor, Vector *to)
{
    for (size_t k = 0; k < rows.count; k++) {
        Vector sum = to[k];

        sum += SquareTimes(factor[0], rows.a[k]);
        sum += SquareTimes(factor[1], rows.b[k]);
        sum += SquareTimes(factor[2], rows.c[k]);
        sum += SquareTimes(factor[3], rows.d[k]);
        to[k] = sum;
    }
}

VECTOR_INLINE void DotFour(const ConjugateSystem *s, uint32_t i, const Vector *p, float *out)
{
    VectorDotFour((const float *)p, s->rows, s->stride, s->index + i, s->stride, out);
}

/* --- passes over some of the rows */

/* residual += sum of c (1 - x.p) x; matrix_diagonal += sum of c x^2; returns sum of c (1 - x.p)^2
 */
VECTOR_INLINE double StartRows(const ConjugateSystem *s, uint32_t first, uint32_t last, Vectors v)
{
    double loss = 0;

    for (uint32_t i = first; i < last; i += CONJUGATE_ROWS) {
        Four rows = FourAt(s, i);
        float rest[CONJUGATE_ROWS];

        DotFour(s, i, v.solution, rest);
        for (uint32_t n = 0; n < CONJUGATE_ROWS; n++) {
            rest[n] = 1 - rest[n];
            loss += (double)s->weight[i + n] * rest[n] * rest[n];
            rest[n] *= s->weight[i + n];
        }
        AddFour(rows, rest, v.residual);
        AddFourSquares(rows, s->weight + i, v.matrix_diagonal);
    }
    return loss;
}

/* product += sum of c (x.direction) x */
VECTOR_INLINE void ProductRows(const ConjugateSystem *s, uint32_t first, uint32_t last, Vectors v)
{
    for (uint32_t i = first; i < last; i += CONJUGATE_ROWS) {
        float dot[CONJUGATE_ROWS];

        DotFour(s, i, v.direction, dot);
        for (uint32_t n = 0; n < CONJUGATE_ROWS; n++)
            dot[n] *= s->weight[i + n];
        AddFour(FourAt(s, i), dot, v.product);
    }
}

/* --- the method */

/* residual.(residual / matrix_diagonal) */
VECTOR_INLINE float Precondition(Vectors v)
{
    Vector part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector sum = {0};

        for (size_t k = p; k < v.count; k += VECTOR_PARTS)
            sum += v.residual[k] * (v.residual[k] / v.matrix_diagonal[k]);
        part[p] = sum;
    }
    return VectorSum(part);
}

/* direction = residual / matrix_diagonal + keep direction */
VECTOR_INLINE void Turn(Vectors v, float keep)
{
    for (size_t k = 0; k < v.count; k++)
        v.direction[k] = v.residual[k] / v.matrix_diagonal[k] + keep * v.direction[k];
}

/* What D gives to the start; returns p^T D p. */
VECTOR_INLINE float StartDiagonal(Vectors v)
{
    Vector part[VECTOR_PARTS];

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector sum = {0};

        for (size_t k = p; k < v.count; k += VECTOR_PARTS) {
            Vector shrunk = v.diagonal[k] * v.solution[k];

            v.residual[k] = -shrunk;
            v.matrix_diagonal[k] = v.diagonal[k];
            v.direction[k] = (Vector){0};
            sum += shrunk * v.solution[k];
        }
        part[p] = sum;
    }
    return VectorSum(part);
}

VECTOR_INLINE void StartProduct(Vectors v)
{
    for (size_t k = 0; k < v.count; k++)
        v.product[k] = v.diagonal[k] * v.direction[k];
}

VECTOR_INLINE void Move(Vectors v, float length)
{
    for (size_t k = 0; k < v.count; k++) {
        v.solution[k] += length * v.direction[k];
        v.residual[k] -= length * v.product[k];
    }
}

VECTOR_INLINE Vectors Layout(const ConjugateSystem *s, float *p, float *work)
{
    size_t count = s->stride / VECTOR_WIDTH;
    Vector *v = (Vector *)work;

    return (Vectors){count,
                     (Vector *)p,
                     v,
                     v + count,
                     v + 2 * count,
                     v + 3 * count,
                     (const Vector *)s->diagonal};
}

VECTOR_INLINE uint32_t EndAfter(const ConjugateSystem *s, uint32_t first)
{
    return s->count - first < POLL_ROWS ? s->count : first + POLL_ROWS;
}

VECTOR_INLINE bool Start(const Host *host, const ConjugateSystem *s, Vectors v, double *loss)
{
    *loss = StartDiagonal(v);
    for (uint32_t i = 0; i < s->count; i += POLL_ROWS) {
        if (HostCancelled(host))
            return false;
        *loss += StartRows(s, i, EndAfter(s, i), v);
    }
    return true;
}

VECTOR_INLINE bool Product(const Host *host, const ConjugateSystem *s, Vectors v)
{
    StartProduct(v);
    for (uint32_t i = 0; i < s->count; i += POLL_ROWS) {
        if (HostCancelled(host))
            return false;
        ProductRows(s, i, EndAfter(s, i), v);
    }
    return true;
}

/* Each step takes square^2 / (direction.product) off the loss.  Where nothing is left, it ends. */
VECTOR_KERNEL void Steps(const Host *host, const ConjugateSystem *s, int steps, float *p,
                         float *work, double *loss, bool *done)
{
    Vectors v = Layout(s, p, work);
    float square, before = 1, bend;

    *done = Start(host, s, v, loss);
    if (!*done)
        return;
    square = Precondition(v);
    for (int step = 0; step < steps && square > 0; step++) {
        Turn(v, step == 0 ? 0 : square / before);
        *done = Product(host, s, v);
        if (!*done)
            return;
        bend =
            VectorDot((const float *)v.direction, (const float *)v.product, v.count * VECTOR_WIDTH);
        if (!(bend > 0))
            break;
        Move(v, square / bend);
        *loss -= (double)square * square / bend;
        before = square;
        square = Precondition(v);
    }
}
