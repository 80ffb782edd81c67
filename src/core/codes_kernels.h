/* codes_kernels.h: kernels of codes.c, for one instruction set. */
#define HalfVector   VECTOR(HalfVector)
#define Doubles      VECTOR(Doubles)
#define SquaredNorm  VECTOR(SquaredNorm)
#define SquaredNorms VECTOR(SquaredNorms)
#define Greatest     VECTOR(Greatest)
#define CodesOf      VECTOR(CodesOf)
#define LeftOut      VECTOR(LeftOut)
#define MostLeftOut  VECTOR(MostLeftOut)
#define ChooseScale  VECTOR(ChooseScale)
#define PutRow       VECTOR(PutRow)
#define LeftOutBound VECTOR(LeftOutBound)
#define BuildOne     VECTOR(BuildOne)
#define Above        VECTOR(Above)

typedef float HalfVector __attribute__((vector_size(VECTOR_WIDTH / 2 * sizeof(float))));
typedef double Doubles __attribute__((vector_size(VECTOR_WIDTH / 2 * sizeof(double))));

/* ---- order by norm ---- */

/* In eight sums. */
VECTOR_INLINE double SquaredNorm(const float *row, uint32_t stride)
{
    Doubles part[VECTOR_PARTS];
    double sums[8];

    for (uint32_t p = 0; p < VECTOR_PARTS; p++) {
        Doubles sum = {0};

        for (uint32_t c = p * VECTOR_WIDTH / 2; c < stride; c += 8) {
            Doubles wide = __builtin_convertvector(*(const HalfVector *)(row + c), Doubles);

            sum += wide * wide;
        }
        part[p] = sum;
    }
    memcpy(sums, part, sizeof(sums));
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
           ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

VECTOR_KERNEL void SquaredNorms(const float *rows, uint32_t count, uint32_t stride, double *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = SquaredNorm(rows + (size_t)i * stride, stride);
}

/* ---- making codes ---- */

/* Floats that are not negative are ordered as their bits are. */
VECTOR_INLINE float Greatest(const float *row, uint32_t stride)
{
    Integers most = {0};
    int32_t result = 0;
    float size;

    for (uint32_t c = 0; c < stride; c += VECTOR_WIDTH) {
        Vector values = *(const Vector *)(row + c);
        Integers bits = (Integers)values & 0x7FFFFFFF;

        most = VectorSelect(bits > most, bits, most);
    }
    for (uint32_t j = 0; j < VECTOR_WIDTH; j++)
        result = most[j] > result ? most[j] : result;
    memcpy(&size, &result, sizeof(size));
    return size;
}

/* The nearest codes less OFFSET; the range is at least half of the greatest value's. */
VECTOR_INLINE Integers CodesOf(Vector scaled)
{
    Integers code = __builtin_convertvector(scaled + (OFFSET + 0.5f), Integers) - OFFSET;

    code = VectorSelect(code > MOST, code * 0 + MOST, code);
    return VectorSelect(code < -MOST, code * 0 - MOST, code);
}

/* Squared norm of what codes leave out of a row, in units of the scale. */
VECTOR_INLINE float LeftOut(const float *row, uint32_t stride, float inverse)
{
    Vector part[VECTOR_PARTS];

    for (uint32_t p = 0; p < VECTOR_PARTS; p++) {
        Vector sum = {0};

        for (uint32_t c = p * VECTOR_WIDTH; c < stride; c += VECTOR_LANES) {
            Vector scaled = *(const Vector *)(row + c) * inverse;
            Vector left = scaled - __builtin_convertvector(CodesOf(scaled), Vector);

            sum += left * left;
        }
        part[p] = sum;
    }
    return VectorSum(part);
}

/* The greatest of every `step`th row. */
VECTOR_INLINE float MostLeftOut(const float *rows, uint32_t stride, const uint32_t *order,
                                uint32_t count, uint32_t step, double scale)
{
    float most = 0;

    for (uint32_t i = 0; i < count; i += step) {
        float left = LeftOut(rows + (size_t)order[i] * stride, stride, (float)(1 / scale));

        most = left > most ? left : most;
    }
    return most;
}

/* Cutting off the largest elements makes the steps finer: the best of a few scales for a sample. */
VECTOR_INLINE double ChooseScale(const float *rows, uint32_t stride, const uint32_t *order,
                                 uint32_t count, float greatest)
{
    static const double share[] = {1, 0.75, 0.55};
    double best = 0, least = INFINITY;

    for (int s = 0; s < 3; s++) {
        double scale = greatest * share[s] / MOST;
        double left = scale * sqrt(MostLeftOut(rows, stride, order, count, 4, scale));

        if (left < least) {
            best = scale;
            least = left;
        }
    }
    return best;
}

/* Of eight columns the first four in the lower halves of bytes, the others in the upper ones. */
VECTOR_INLINE void PutRow(const float *row, uint32_t stride, float inverse, uint8_t *codes)
{
    int32_t code[VECTOR_LANES] __attribute__((aligned(64)));

    for (uint32_t c = 0; c < stride; c += VECTOR_LANES) {
        uint8_t *to = codes + (size_t)c / 8 * LANES * 4;

        for (uint32_t k = 0; k < VECTOR_LANES; k += VECTOR_WIDTH)
            *(Integers *)(code + k) = CodesOf(*(const Vector *)(row + c + k) * inverse) + OFFSET;
        for (uint32_t k = 0; k < 4; k++) {
            to[k] = (uint8_t)(code[k] | code[k + 4] << 4);
            to[LANES * 4 + k] = (uint8_t)(code[k + 8] | code[k + 12] << 4);
        }
    }
}

/*
 * Norm of what is left out, from sums in single precision: these err by stride / 16 roundings, and
 * each scaled element by 2^-23 of at most 16.
 */
VECTOR_INLINE double LeftOutBound(double squared, uint32_t stride)
{
    return sqrt(squared) * (1 + 1e-7 * stride) + sqrt(stride) * 4e-6;
}

/* Elements that are scaled in single precision; beyond, nothing is known of a block. */
#define LEAST_ELEMENT 1e-30f
#define MOST_ELEMENT  1e30f

VECTOR_KERNEL void BuildOne(const Codes *codes, const float *rows, uint32_t number)
{
    uint32_t stride = codes->stride, count = CodesBlockRows(codes, number);
    const uint32_t *order = codes->order + (size_t)number * CODES_BLOCK;
    CodesBlock *block = &codes->blocks[number];
    uint8_t *to = codes->codes + (size_t)number * CODES_BLOCK * (stride / 2);
    float greatest = 0;

    *block = (CodesBlock){.scale = 0x1p-200}; /* of zeros */
    memset(to, OFFSET | OFFSET << 4, Groups(count) * LANES * (stride / 2));
    for (uint32_t i = 0; i < count; i++) {
        double squared = SquaredNorm(rows + (size_t)order[i] * stride, stride);
        float size = Greatest(rows + (size_t)order[i] * stride, stride);

        block->norm = squared > block->norm ? squared : block->norm;
        greatest = size > greatest ? size : greatest;
    }
    block->norm = sqrt(block->norm) * ROUNDING;
    if (greatest < LEAST_ELEMENT || greatest > MOST_ELEMENT) {
        block->error = greatest > 0 ? INFINITY : 0;
        return;
    }
    block->scale = ChooseScale(rows, stride, order, count, greatest);
    block->error = MostLeftOut(rows, stride, order, count, 1, block->scale);
    block->error = LeftOutBound(block->error, stride) * block->scale;
    for (uint32_t i = 0; i < count; i++)
        PutRow(rows + (size_t)order[i] * stride, stride, (float)(1 / block->scale),
               to + (size_t)(i / LANES) * LANES * (stride / 2) + i % LANES * 4);
}

/* ---- what products tell ---- */

VECTOR_KERNEL void Above(const int32_t *products, uint32_t count, int32_t limit,
                         uint32_t *positions, uint32_t *found)
{
    uint32_t n = 0;

    for (uint32_t first = 0; first < count; first += LANES) {
        uint32_t any = 0, last = first + LANES < count ? first + LANES : count;

        for (uint32_t j = 0; j < LANES; j++)
            any |= products[first + j] >= limit;
        for (uint32_t i = first; any && i < last; i++) {
            positions[n] = i;
            n += products[i] >= limit;
        }
    }
    *found = n;
}
