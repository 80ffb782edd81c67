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

/* Sums in double precision err by less than this share. */
#define ROUNDING (1 + 1e-9)

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

#define VECTOR_KERNELS "core/codes_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(SquaredNorms, (const float *rows, uint32_t count, uint32_t stride, double *out));
VECTOR_TABLE(BuildOne, (const Codes *codes, const float *rows, uint32_t number));
VECTOR_TABLE(Above, (const int32_t *products, uint32_t count, int32_t limit, uint32_t *positions,
                     uint32_t *found));

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

uint32_t CodesAbove(const int32_t *products, uint32_t count, int32_t limit, uint32_t *positions)
{
    uint32_t found;

    AboveVariants[VectorLevel()](products, count, limit, positions, &found);
    return found;
}
