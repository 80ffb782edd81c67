/*
 * cells.c: chooses how many blocks there are, deals users and items into them, and sorts the
 * interactions into cells, user by user.
 *
 * For the multi-threaded epochs of algo/mf.
 */
#include "core/cells.h"

#include <string.h>

#include "core/pool.h"
#include "core/random.h"

/*
 * A block of rows should stay in a second-level cache together with the other side's block, and a
 * tile's rows in a share of a third-level cache.  The figures are fixed: they are part of what
 * makes a model reproducible on another machine.
 */
#define BLOCK_BYTES (512u << 10)
#define TILE_BYTES  (8u << 20)

/* Small data are still cut, so that threads find work, but not into blocks of a few rows. */
#define PARALLEL_BLOCKS 8
#define PARALLEL_TILES  16
#define EVEN_TILES      4 /* a multiple of it, so that threads have equally many in a round */
#define CRUMB_ROWS      256
#define MAX_BLOCKS      4096

/* How one side is cut. */
typedef struct Cut {
    uint32_t blocks;
    uint32_t tiles;
} Cut;

static uint64_t Parts(uint32_t rows, size_t row_bytes, uint64_t bytes)
{
    return ((uint64_t)rows * row_bytes + bytes - 1) / bytes;
}

static uint64_t ChooseBlocks(uint32_t rows, size_t row_bytes)
{
    uint64_t blocks = Parts(rows, row_bytes, BLOCK_BYTES);
    uint32_t crumbs = rows / CRUMB_ROWS;

    if (blocks < PARALLEL_BLOCKS)
        blocks = crumbs < PARALLEL_BLOCKS ? crumbs : PARALLEL_BLOCKS;
    if (blocks < 1)
        blocks = 1;
    return blocks > MAX_BLOCKS ? MAX_BLOCKS : blocks;
}

static Cut ChooseCut(uint32_t rows, size_t row_bytes)
{
    uint64_t blocks = ChooseBlocks(rows, row_bytes), tiles = Parts(rows, row_bytes, TILE_BYTES);
    uint64_t each;

    if (tiles < PARALLEL_TILES)
        tiles = PARALLEL_TILES;
    each = blocks <= tiles ? 1 : (blocks + tiles / 2) / tiles;
    tiles = blocks / each;
    if (tiles > EVEN_TILES)
        tiles -= tiles % EVEN_TILES;
    return (Cut){(uint32_t)(tiles * each), (uint32_t)tiles};
}

void CellsCreate(const Host *host, const Interactions *data, size_t row_bytes, Cells *cells)
{
    Cut users = ChooseCut(data->users, row_bytes), items = ChooseCut(data->items, row_bytes);

    *cells = (Cells){.data = data,
                     .user_blocks = users.blocks,
                     .user_tiles = users.tiles,
                     .item_blocks = items.blocks,
                     .item_tiles = items.tiles};
    cells->user_order = HostAllocate(host, data->users, sizeof(uint32_t));
    cells->item_order = HostAllocate(host, data->items, sizeof(uint32_t));
    cells->item_block = HostAllocate(host, data->items, sizeof(uint16_t));
    cells->start =
        HostAllocate(host, (size_t)cells->user_blocks * cells->item_blocks + 1, sizeof(uint64_t));
    cells->entries = HostAllocate(host, TrainingCount(data), sizeof(CellEntry));
    if (data->weight != NULL)
        cells->weights = HostAllocate(host, TrainingCount(data), sizeof(float));
}

void CellsRelease(const Host *host, Cells *cells)
{
    HostRelease(host, cells->user_order);
    HostRelease(host, cells->item_order);
    HostRelease(host, cells->item_block);
    HostRelease(host, cells->start);
    HostRelease(host, cells->entries);
    HostRelease(host, cells->weights);
}

size_t CellsMemory(const Interactions *shape, size_t row_bytes)
{
    size_t entry = sizeof(CellEntry) + (shape->columns & COLUMN_WEIGHT ? sizeof(float) : 0);
    size_t entries = SizeMultiply(TrainingCount(shape), entry);
    size_t rows = (size_t)shape->users * 4 + (size_t)shape->items * 6;
    size_t grid = (size_t)ChooseCut(shape->users, row_bytes).blocks *
                  ChooseCut(shape->items, row_bytes).blocks * sizeof(uint64_t);

    return SizeAdd(SizeAdd(entries, rows), grid);
}

/*
 * A fresh order of groups for each epoch: the shuffle starts from 0, 1, ..., not from the last
 * order.  A last group that is not full stays last, so that all others stay whole.
 */
static void Deal(uint32_t *order, uint32_t n, uint64_t seed, RandomPurpose purpose, uint64_t epoch)
{
    uint32_t full = n / GROUP_ROWS;
    Random random;

    for (uint32_t g = 0; g < full; g++)
        order[g] = g;
    RandomSeed(&random, seed, purpose, epoch, 0);
    RandomShuffle(&random, order, full);
    /* From the back, no group is overwritten before it is expanded. */
    for (uint32_t g = full; g-- > 0;) {
        uint32_t first = order[g] * GROUP_ROWS;

        for (uint32_t i = 0; i < GROUP_ROWS; i++)
            order[g * GROUP_ROWS + i] = first + i;
    }
    for (uint32_t i = full * GROUP_ROWS; i < n; i++)
        order[i] = i;
}

/* Within a block items go back to ascending order: a search can then count what lies below. */
static void SortItemBlocks(Cells *cells)
{
    uint32_t n = cells->data->items, next[MAX_BLOCKS];

    for (uint32_t b = 0; b < cells->item_blocks; b++)
        next[b] = BlockStart(b, cells->item_blocks, n);
    for (uint32_t item = 0; item < n; item++)
        cells->item_order[next[cells->item_block[item]]++] = item;
}

static void MarkItemBlocks(Cells *cells)
{
    uint32_t n = cells->data->items;

    for (uint32_t b = 0; b < cells->item_blocks; b++)
        for (uint32_t i = BlockStart(b, cells->item_blocks, n);
             i < BlockStart(b + 1, cells->item_blocks, n); i++)
            cells->item_block[cells->item_order[i]] = (uint16_t)b;
}

/* Counts the entries of each cell of user block `task` into start[cell + 1]. */
static void CountBlock(void *job, int task, int worker)
{
    Cells *cells = job;
    const Interactions *data = cells->data;
    uint64_t *count = cells->start + (size_t)task * cells->item_blocks + 1;
    uint32_t first = BlockStart((uint32_t)task, cells->user_blocks, data->users);
    uint32_t last = BlockStart((uint32_t)task + 1, cells->user_blocks, data->users);

    (void)worker;
    memset(count, 0, cells->item_blocks * sizeof(*count));
    for (uint32_t p = first; p < last; p++) {
        uint32_t user = cells->user_order[p];

        for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++)
            count[cells->item_block[data->item[i]]]++;
        if (HeldItem(data, user) != NO_ITEM)
            count[cells->item_block[HeldItem(data, user)]]--;
    }
}

/* Bins the interactions of user block `task`; start[cell] runs up to the end of the cell. */
static void BinBlock(void *job, int task, int worker)
{
    Cells *cells = job;
    const Interactions *data = cells->data;
    uint64_t *next = cells->start + (size_t)task * cells->item_blocks;
    uint32_t first = BlockStart((uint32_t)task, cells->user_blocks, data->users);
    uint32_t last = BlockStart((uint32_t)task + 1, cells->user_blocks, data->users);

    (void)worker;
    for (uint32_t p = first; p < last; p++) {
        uint32_t user = cells->user_order[p];
        uint32_t held = HeldItem(data, user);

        for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++) {
            uint32_t item = data->item[i];
            uint64_t at;

            if (item == held)
                continue;
            at = next[cells->item_block[item]]++;
            cells->entries[at] = (CellEntry){user, item};
            if (cells->weights != NULL)
                cells->weights[at] = data->weight[i];
        }
    }
}

void CellsCut(const Host *host, Cells *cells, uint64_t seed, uint64_t epoch)
{
    size_t total = (size_t)cells->user_blocks * cells->item_blocks;

    Deal(cells->user_order, cells->data->users, seed, RANDOM_CUT_USERS, epoch);
    Deal(cells->item_order, cells->data->items, seed, RANDOM_CUT_ITEMS, epoch);
    MarkItemBlocks(cells);
    SortItemBlocks(cells);
    PoolRun(host, CountBlock, cells, (int)cells->user_blocks);
    cells->start[0] = 0;
    for (size_t c = 0; c < total; c++)
        cells->start[c + 1] += cells->start[c];
    PoolRun(host, BinBlock, cells, (int)cells->user_blocks);
    /* Binning moved each start to the cell's end, which is the next cell's start. */
    memmove(cells->start + 1, cells->start, total * sizeof(uint64_t));
    cells->start[0] = 0;
}

int CellsRounds(const Cells *cells)
{
    return (int)(cells->user_tiles > cells->item_tiles ? cells->user_tiles : cells->item_tiles);
}

int CellsPerRound(const Cells *cells)
{
    return (int)(cells->user_tiles < cells->item_tiles ? cells->user_tiles : cells->item_tiles);
}

/* A diagonal of the grid, wrapped around its longer side. */
Tile CellsTile(const Cells *cells, int round, int index)
{
    uint32_t along = ((uint32_t)index + (uint32_t)round) % (uint32_t)CellsRounds(cells);
    bool wide = cells->user_tiles <= cells->item_tiles;
    uint32_t users = cells->user_blocks / cells->user_tiles;
    uint32_t items = cells->item_blocks / cells->item_tiles;

    return (Tile){(wide ? (uint32_t)index : along) * users,
                  (wide ? along : (uint32_t)index) * items, users, items};
}

/* For each user block all item blocks of the tile, every other time in reverse. */
uint32_t TileCell(const Cells *cells, Tile tile, uint32_t k)
{
    uint32_t down = k / tile.item_blocks, along = k % tile.item_blocks;

    if (down % 2 == 1)
        along = tile.item_blocks - 1 - along;
    return (tile.user_block + down) * cells->item_blocks + tile.item_block + along;
}
