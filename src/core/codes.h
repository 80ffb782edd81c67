/*
 * codes.h: rows of floats in four bits an element, for a first pass over inner products.
 *
 * Rows are ordered by falling norm and cut into blocks of one scale each.  An inner product of two
 * integers, with bounds for what the codes leave out, tells which rows cannot reach a threshold;
 * only the others need their floats.  Bounds hold for the single-precision product that DotRows
 * computes, rounding included, for all finite input.
 *
 * Layout: groups of 16 rows; for every 8 columns a group has 64 bytes; byte 4 * row + c holds
 * column c in its low and column 4 + c in its high half: element = scale * (half - 8).
 */
#ifndef RECADV_CORE_CODES_H
#define RECADV_CORE_CODES_H

#include "core/host.h"

#define CODES_BLOCK   256 /* rows */
#define CODES_QUERIES 8   /* at a time */

typedef struct CodesBlock {
    double scale;
    double error; /* greatest norm of what the codes leave out of a row */
    double norm;  /* greatest norm of a row */
    double rest;  /* greatest norm of a row in this block and all after it */
} CodesBlock;

/* Arrays in memory of the caller, so that they can be shared. */
typedef struct Codes {
    uint32_t rows;
    uint32_t stride; /* floats of a row: a multiple of 16 */
    CodesBlock *blocks;
    uint32_t *order; /* row at each position */
    uint8_t *codes;
} Codes;

typedef struct CodesQuery {
    int8_t *values; /* stride; element = scale * value */
    int32_t offset; /* 8 * their sum: what the codes' offset adds to a product */
    double scale;
    double error; /* norm of what the values leave out */
    double norm;
} CodesQuery;

static inline uint32_t CodesBlocks(const Codes *codes)
{
    return codes->rows / CODES_BLOCK + (codes->rows % CODES_BLOCK != 0);
}

static inline uint32_t CodesBlockRows(const Codes *codes, uint32_t block)
{
    uint32_t left = codes->rows - block * CODES_BLOCK;

    return left < CODES_BLOCK ? left : CODES_BLOCK;
}

/* Bytes of the arrays, SIZE_MAX if they do not fit; and their places in 64-byte aligned memory. */
extern size_t CodesSize(uint32_t rows, uint32_t stride);
extern void CodesPlace(Codes *codes, uint32_t rows, uint32_t stride, void *memory);

/* Fills the arrays from `rows` (64-byte aligned, finite). */
extern void CodesBuild(const Host *host, Codes *codes, const float *rows);

/* Bytes that it allocates meanwhile. */
extern size_t CodesBuildSize(uint32_t rows);

/* Fills all but `values`, and what that points at. */
extern void CodesQueryBuild(CodesQuery *query, const float *floats, uint32_t stride);

/*
 * out[q][i]: sum of half * value over the columns, for row i of the block; `out` has whole groups.
 * `values[q]` are 4-byte aligned; at most CODES_QUERIES.
 */
extern void CodesProducts(const Codes *codes, uint32_t block, const int8_t *const *values,
                          uint32_t count, int32_t (*out)[CODES_BLOCK]);

/* Greatest distance of an inner product of the block to scale * scale * (integer product - offset);
 * infinite where single precision may overflow. */
extern double CodesSlack(const Codes *codes, const CodesBlock *block, const CodesQuery *query);

/* Rows of the block with a smaller integer product are certain to stay below `threshold`. */
extern int32_t CodesLimit(const Codes *codes, const CodesBlock *block, const CodesQuery *query,
                          float threshold);

/* Can no row of this block or of one after it reach `threshold`? */
extern bool CodesEnd(const Codes *codes, const CodesBlock *block, const CodesQuery *query,
                     float threshold);

/* Positions i < count with products[i] >= limit, ascending; returns how many. */
extern uint32_t CodesAbove(const int32_t *products, uint32_t count, int32_t limit,
                           uint32_t *positions);

#endif
