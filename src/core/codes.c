/*
 * codes.c: makes four-bit codes of rows and eight-bit ones of queries, and tells from their
 * products which rows cannot be among the best.
 *
 * For algo/rank/scan.c.
 */
#include "core/codes.h"

#include <math.h>
#include <string.h>

#include "core/vector.h"

#define LANES      16 /* rows of a group */
#define OFFSET     8  /* code of zero */
#define MOST       7  /* greatest code less OFFSET */
#define QUERY_MOST 127

/* Products of norms above this may overflow in single precision: nothing is known of them. */
#define SAFE_PRODUCT 1e37

/* Rows that are ordered between two looks at interrupts. */
#define POLL_ROWS 65536

static size_t Groups(uint32_t rows)
{
    return ((size_t)rows + LANES - 1) / LANES;
}

static size_t RoundUp(size_t size)
{
    return SizeAdd(size, 63) == SIZE_MAX ? SIZE_MAX : (size + 63) / 64 * 64;
}

static size_t BlocksSize(uint32_t rows)
{
    return RoundUp(((size_t)rows / CODES_BLOCK + 1) * sizeof(CodesBlock));
}

static size_t OrderSize(uint32_t rows)
{
    return RoundUp((size_t)rows * sizeof(uint32_t));
}

size_t CodesSize(uint32_t rows, uint32_t stride)
{
    size_t codes = SizeMultiply(Groups(rows) * LANES, stride / 2);

    return SizeAdd(SizeAdd(BlocksSize(rows), OrderSize(rows)), RoundUp(codes));
}

void CodesPlace(Codes *codes, uint32_t rows, uint32_t stride, void *memory)
{
    char *at = memory;

    *codes = (Codes){.rows = rows, .stride = stride, .blocks = (CodesBlock *)at};
    at += BlocksSize(rows);
    codes->order = (uint32_t *)at;
    at += OrderSize(rows);
    codes->codes = (uint8_t *)at;
}

/* ---- order by norm ---- */

typedef float HalfVector __attribute__((vector_size(8 * sizeof(float))));
typedef double DoubleVector __attribute__((vector_size(8 * sizeof(double))));

VECTOR_INLINE double SquaredNorm(const float *row, uint32_t stride)
{
    DoubleVector sums = {0};

    for (uint32_t c = 0; c < stride; c += 8) {
        DoubleVector wide = __builtin_convertvector(*(const HalfVector *)(row + c), DoubleVector);

        sums += wide * wide;
    }
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
           ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

VECTOR_VARIANTS(SquaredNorms, (const float *rows, uint32_t count, uint32_t stride, double *out),
                for (uint32_t i = 0; i < count; i++)
                    out[i] = SquaredNorm(rows + (size_t)i * stride, stride))

/* The upper half of a double that is not negative grows with it: exponent and four more bits. */
#define BUCKETS (1u << 15)

static uint32_t Bucket(double squared)
{
    uint64_t bits;

    memcpy(&bits, &squared, sizeof(bits));
    return BUCKETS - 1 - (uint32_t)(bits >> 48);
}

size_t CodesBuildSize(uint32_t rows)
{
    return SizeAdd(SizeMultiply(rows, sizeof(uint16_t)), (BUCKETS + 1) * sizeof(uint32_t));
}

/* A counting sort: falling norm but for the last bits, then ascending row. */
static void Order(const Host *host, Codes *codes, const float *rows)
{
    uint16_t *bucket = HostAllocate(host, codes->rows, sizeof(uint16_t));
    uint32_t *start = HostAllocateZero(host, BUCKETS + 1, sizeof(uint32_t));
    double squared[CODES_BLOCK];

    for (uint32_t first = 0; first < codes->rows; first += CODES_BLOCK) {
        uint32_t n = CodesBlockRows(codes, first / CODES_BLOCK);

        SquaredNormsVariants[VectorLevel()](rows + (size_t)first * codes->stride, n, codes->stride,
                                            squared);
        for (uint32_t i = 0; i < n; i++) {
            bucket[first + i] = (uint16_t)Bucket(squared[i]);
            start[bucket[first + i] + 1]++;
        }
        if (first % POLL_ROWS == 0)
            HostPoll(host);
    }
    for (uint32_t b = 0; b < BUCKETS; b++)
        start[b + 1] += start[b];
    for (uint32_t i = 0; i < codes->rows; i++)
        codes->order[start[bucket[i]]++] = i;
    HostRelease(host, bucket);
    HostRelease(host, start);
}

/* ---- making codes ---- */

typedef int32_t IntVector __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef uint8_t ByteVector __attribute__((vector_size(LANES)));

/* Where the mask is set, a; elsewhere b. */
#define SELECT(mask, a, b) (((mask) & (a)) | (~(mask) & (b)))

/* Floats that are not negative are ordered as their bits are. */
VECTOR_INLINE float Greatest(const float *row, uint32_t stride)
{
    const Vector *vectors = (const Vector *)row;
    IntVector most = {0};
    int32_t result = 0;
    float size;

    for (uint32_t v = 0; v < stride / LANES; v++) {
        IntVector bits = (IntVector)vectors[v] & 0x7FFFFFFF;

        most = SELECT(bits > most, bits, most);
    }
    for (uint32_t j = 0; j < LANES; j++)
        result = most[j] > result ? most[j] : result;
    memcpy(&size, &result, sizeof(size));
    return size;
}

/* The nearest codes less OFFSET; the range is at least half of the greatest value's. */
VECTOR_INLINE IntVector Codes16(Vector scaled)
{
    IntVector code = __builtin_convertvector(scaled + (OFFSET + 0.5f), IntVector) - OFFSET;

    code = SELECT(code > MOST, code * 0 + MOST, code);
    return SELECT(code < -MOST, code * 0 - MOST, code);
}

/* Squared norm of what codes leave out of a row, in units of the scale. */
VECTOR_INLINE float LeftOut(const float *row, uint32_t stride, float inverse)
{
    const Vector *vectors = (const Vector *)row;
    Vector sums = {0};

    for (uint32_t v = 0; v < stride / LANES; v++) {
        Vector scaled = vectors[v] * inverse;
        Vector left = scaled - __builtin_convertvector(Codes16(scaled), Vector);

        sums += left * left;
    }
    return VectorSum(&sums);
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

VECTOR_INLINE void PutRow(const float *row, uint32_t stride, float inverse, uint8_t *codes)
{
    const Vector *vectors = (const Vector *)row;

    for (uint32_t v = 0; v < stride / LANES; v++) {
        ByteVector halves =
            __builtin_convertvector(Codes16(vectors[v] * inverse) + OFFSET, ByteVector);
        uint32_t four[4]; /* columns 0 to 3, 4 to 7, ... */

        memcpy(four, &halves, sizeof(four));
        for (uint32_t part = 0; part < 2; part++) {
            uint32_t both = four[2 * part] | four[2 * part + 1] << 4;

            memcpy(codes + (size_t)(2 * v + part) * LANES * 4, &both, sizeof(both));
        }
    }
}

/* Sums in double precision err by less than this share. */
#define ROUNDING (1 + 1e-9)

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

VECTOR_INLINE void BuildBlock(const Codes *codes, const float *rows, uint32_t number)
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

VECTOR_VARIANTS(BuildOne, (const Codes *codes, const float *rows, uint32_t number),
                BuildBlock(codes, rows, number))

void CodesBuild(const Host *host, Codes *codes, const float *rows)
{
    double rest = 0;

    Order(host, codes, rows);
    for (uint32_t b = 0; b < CodesBlocks(codes); b++) {
        BuildOneVariants[VectorLevel()](codes, rows, b);
        HostPoll(host);
    }
    for (uint32_t b = CodesBlocks(codes); b-- > 0;) {
        rest = fmax(rest, codes->blocks[b].norm);
        codes->blocks[b].rest = rest;
    }
}

static double QueryNorm(const float *floats, uint32_t stride, double *greatest)
{
    double squared = 0;

    *greatest = 0;
    for (uint32_t c = 0; c < stride; c++) {
        *greatest = fmax(*greatest, fabs((double)floats[c]));
        squared += (double)floats[c] * floats[c];
    }
    return sqrt(squared) * ROUNDING;
}

/* Of a query that is not finite nothing is known: everything passes. */
void CodesQueryBuild(CodesQuery *query, const float *floats, uint32_t stride)
{
    double greatest, left = 0;
    int32_t sum = 0;

    query->norm = QueryNorm(floats, stride, &greatest);
    query->scale = greatest > 0 ? greatest / QUERY_MOST : 1;
    for (uint32_t c = 0; c < stride; c++) {
        double value = isfinite(query->norm) ? floats[c] : 0;
        double rounded = isfinite(query->norm) ? rint(value / query->scale) : 0;
        double rest = value - query->scale * rounded;

        query->values[c] = (int8_t)rounded;
        sum += query->values[c];
        left += rest * rest;
    }
    query->offset = OFFSET * sum;
    query->error = sqrt(left) * ROUNDING + query->scale * 1e-9;
}

/* ---- what products tell ---- */

/* VectorDot adds stride / 16 products in a lane, then 16 lanes; tiny results lose bits too. */
static double Rounding(uint32_t stride, double size)
{
    return (stride / 16 + 8) * 0x1.2p-24 * size + 2.0 * stride * 0x1p-149;
}

double CodesSlack(const Codes *codes, const CodesBlock *block, const CodesQuery *query)
{
    double size = query->norm * block->norm;

    if (!(size < SAFE_PRODUCT))
        return INFINITY;
    return query->norm * block->error + query->error * (block->norm + block->error) +
           Rounding(codes->stride, size);
}

int32_t CodesLimit(const Codes *codes, const CodesBlock *block, const CodesQuery *query,
                   float threshold)
{
    double slack = CodesSlack(codes, block, query);
    double least = (threshold - slack) / (query->scale * block->scale) + query->offset;

    if (!(least > -1e9)) /* also for a slack or threshold that is infinite */
        return INT32_MIN;
    return least > 1e9 ? INT32_MAX : (int32_t)floor(least) - 1;
}

bool CodesEnd(const Codes *codes, const CodesBlock *block, const CodesQuery *query, float threshold)
{
    double size = query->norm * block->rest;

    return size < SAFE_PRODUCT && size + Rounding(codes->stride, size) < threshold;
}

VECTOR_INLINE uint32_t AboveBody(const int32_t *products, uint32_t count, int32_t limit,
                                 uint32_t *positions)
{
    uint32_t found = 0;

    for (uint32_t first = 0; first < count; first += LANES) {
        uint32_t any = 0, last = first + LANES < count ? first + LANES : count;

        for (uint32_t j = 0; j < LANES; j++)
            any |= products[first + j] >= limit;
        for (uint32_t i = first; any && i < last; i++) {
            positions[found] = i;
            found += products[i] >= limit;
        }
    }
    return found;
}

VECTOR_VARIANTS(Above,
                (const int32_t *products, uint32_t count, int32_t limit, uint32_t *positions,
                 uint32_t *found),
                *found = AboveBody(products, count, limit, positions))

uint32_t CodesAbove(const int32_t *products, uint32_t count, int32_t limit, uint32_t *positions)
{
    uint32_t found;

    AboveVariants[VectorLevel()](products, count, limit, positions, &found);
    return found;
}
