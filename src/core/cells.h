/*
 * cells.h: interactions cut at random into user-block x item-block cells.
 *
 * Each epoch users and items are dealt anew into blocks.  Cells that share neither a user block
 * nor an item block touch different rows of both embedding matrices, so threads can work on them
 * at the same time without locks, and the result does not depend on the number of threads.
 * Within a cell the interactions of one user are neighbours, ascending by item: the only positives
 * that a negative drawn from the cell's item block can clash with.
 *
 * Neighbouring cells form tiles, the tasks of threads.  The rows of a cell fit into a second-level
 * cache and those of a tile into a third-level one: however sparse the cells of large data are, a
 * row comes from memory once per tile.
 */
#ifndef RECADV_CORE_CELLS_H
#define RECADV_CORE_CELLS_H

#include "core/host.h"
#include "core/interactions.h"

typedef struct CellEntry {
    uint32_t user;
    uint32_t item;
} CellEntry;

typedef struct Cells {
    const Interactions *data;
    uint32_t user_blocks; /* a multiple of user_tiles */
    uint32_t item_blocks;
    uint32_t user_tiles;
    uint32_t item_tiles;
    uint32_t *user_order; /* users, shuffled; block b is a slice of it */
    uint32_t *item_order; /* items by block, ascending within a block */
    uint16_t *item_block; /* items: block of each item */
    uint64_t *start;    /* cell (u, i) is entries start[u * item_blocks + i] up to the next start */
    CellEntry *entries; /* training interactions */
    float *weights;     /* of the entries; NULL: all count alike */
} Cells;

/* Chooses the number of blocks from the bytes of one embedding row. */
extern void CellsCreate(const Host *host, const Interactions *data, size_t row_bytes, Cells *cells);
extern void CellsRelease(const Host *host, Cells *cells);

/* Bytes that CellsCreate allocates. */
extern size_t CellsMemory(const Interactions *shape, size_t row_bytes);

/* Deals users and items into blocks for an epoch, and the interactions into cells. */
extern void CellsCut(const Host *host, Cells *cells, uint64_t seed, uint64_t epoch);

/* A rectangle of cells. */
typedef struct Tile {
    uint32_t user_block; /* the first */
    uint32_t item_block;
    uint32_t user_blocks;
    uint32_t item_blocks;
} Tile;

/*
 * Rounds of an epoch, and the tiles of a round: tile t of round r, for t < CellsPerRound, is
 * disjoint in rows from all others of the round.
 */
extern int CellsRounds(const Cells *cells);
extern int CellsPerRound(const Cells *cells);
extern Tile CellsTile(const Cells *cells, int round, int index);

static inline uint32_t TileCount(Tile tile)
{
    return tile.user_blocks * tile.item_blocks;
}

/* Cell k of a tile, in an order in which neighbours share a block. */
extern uint32_t TileCell(const Cells *cells, Tile tile, uint32_t k);

/*
 * Rows are dealt in groups of neighbours: what is kept once per row, 4 bytes each, then shares no
 * cache line with rows of another block, which another thread may be writing.
 */
#define GROUP_ROWS 16

/* First position of block b of `blocks` in an order of n rows. */
static inline uint32_t BlockStart(uint32_t b, uint32_t blocks, uint32_t n)
{
    uint64_t groups = (uint64_t)n / GROUP_ROWS;

    return b == blocks ? n : (uint32_t)(b * groups / blocks * GROUP_ROWS);
}

#endif
