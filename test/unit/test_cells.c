/* test_cells.c: the cut of an epoch. */
#include "core/cells.h"

#include <string.h>

#include "check.h"
#include "core/pool.h"
#include "support.h"
#include "tests.h"

/* Block of each user and item, from the orders. */
static void ReadBlocks(const uint32_t *order, uint32_t n, uint32_t blocks, uint32_t *block)
{
    memset(block, 0xFF, n * sizeof(*block));
    for (uint32_t b = 0; b < blocks; b++)
        for (uint32_t i = BlockStart(b, blocks, n); i < BlockStart(b + 1, blocks, n); i++)
            block[order[i]] = b;
}

static bool AllPlaced(const uint32_t *block, uint32_t n, uint32_t blocks)
{
    for (uint32_t i = 0; i < n; i++)
        if (block[i] >= blocks)
            return false;
    return true;
}

/* Every entry in the cell of its blocks, grouped by user, ascending by item. */
static bool EntriesFit(const Cells *c, const uint32_t *user_block, const uint32_t *item_block)
{
    for (uint32_t cell = 0; cell < c->user_blocks * c->item_blocks; cell++)
        for (uint64_t i = c->start[cell]; i < c->start[cell + 1]; i++) {
            CellEntry e = c->entries[i];

            if (user_block[e.user] != cell / c->item_blocks ||
                item_block[e.item] != cell % c->item_blocks)
                return false;
            for (uint64_t j = c->start[cell]; j < i; j++)
                if (c->entries[j].user == e.user &&
                    (c->entries[j].item >= e.item || c->entries[i - 1].user != e.user))
                    return false;
        }
    return true;
}

/* Every training interaction once, nothing held out. */
static bool EntriesCover(TestHost *t, const Cells *c)
{
    const Interactions *data = c->data;
    uint8_t *seen = HostAllocateZero(&t->host, (size_t)data->users * data->items, 1);
    uint64_t n = c->start[(size_t)c->user_blocks * c->item_blocks];
    bool right = n == TrainingCount(data) && c->start[0] == 0;

    for (uint64_t i = 0; i < n; i++) {
        CellEntry e = c->entries[i];

        right &= seen[(size_t)e.user * data->items + e.item]++ == 0;
        right &= InteractionsContain(data, e.user, e.item) && !IsHeldOut(data, e.user, e.item);
    }
    HostRelease(&t->host, seen);
    return right;
}

static bool Overlap(uint32_t a, uint32_t b, uint32_t length)
{
    return a < b + length && b < a + length;
}

static bool TilesAreDisjoint(Tile a, Tile b)
{
    return !Overlap(a.user_block, b.user_block, a.user_blocks) &&
           !Overlap(a.item_block, b.item_block, a.item_blocks);
}

/* Marks a tile's cells; true if each lies in the tile and comes first now. */
static bool MarkTile(const Cells *c, Tile tile, uint8_t *seen)
{
    bool right = true;

    for (uint32_t k = 0; k < TileCount(tile); k++) {
        uint32_t cell = TileCell(c, tile, k);
        uint32_t user_block = cell / c->item_blocks, item_block = cell % c->item_blocks;

        right &= user_block - tile.user_block < tile.user_blocks && user_block < c->user_blocks &&
                 item_block - tile.item_block < tile.item_blocks;
        right &= right && seen[cell]++ == 0;
    }
    return right;
}

/* Tiles of a round share no block; over an epoch each cell comes once. */
static bool RoundsAreDisjoint(TestHost *t, const Cells *c)
{
    uint32_t total = c->user_blocks * c->item_blocks, cells = 0;
    uint8_t *seen = HostAllocateZero(&t->host, total, 1);
    bool right = true;

    for (int round = 0; round < CellsRounds(c); round++)
        for (int a = 0; a < CellsPerRound(c); a++) {
            Tile tile = CellsTile(c, round, a);

            right &= MarkTile(c, tile, seen);
            cells += TileCount(tile);
            for (int b = 0; b < a; b++)
                right &= TilesAreDisjoint(tile, CellsTile(c, round, b));
        }
    HostRelease(&t->host, seen);
    return right && cells == total;
}

/* Few tiles, or as many for each of two or four threads. */
static bool TilesAreEven(uint32_t tiles)
{
    return tiles <= 4 || tiles % 4 == 0;
}

static void CheckCut(TestHost *t, const Interactions *data, size_t row_bytes, uint64_t epoch)
{
    uint32_t *user_block = HostAllocate(&t->host, data->users, sizeof(uint32_t));
    uint32_t *item_block = HostAllocate(&t->host, data->items, sizeof(uint32_t));
    size_t before, need = CellsMemory(data, row_bytes);
    Cells c;

    TestHostResetPeak(t);
    before = t->bytes;
    CellsCreate(&t->host, data, row_bytes, &c);
    CellsCut(&t->host, &c, 9, epoch);
    Note("%u x %u rows of %zu bytes, %u x %u blocks", data->users, data->items, row_bytes,
         c.user_blocks, c.item_blocks);
    CHECK(t->peak - before <= need + TestHostSlack(t), "cutting needs no more than estimated");
    ReadBlocks(c.user_order, data->users, c.user_blocks, user_block);
    ReadBlocks(c.item_order, data->items, c.item_blocks, item_block);
    CHECK(AllPlaced(user_block, data->users, c.user_blocks) &&
              AllPlaced(item_block, data->items, c.item_blocks),
          "every user and item is in a block");
    CHECK(EntriesFit(&c, user_block, item_block), "entries are in the cell of their blocks");
    CHECK(EntriesCover(t, &c), "every training interaction is in one cell");
    CHECK(RoundsAreDisjoint(t, &c), "rounds cover all cells and share no rows");
    CHECK(TilesAreEven(c.user_tiles) && TilesAreEven(c.item_tiles),
          "%u x %u tiles: few, or a multiple of four", c.user_tiles, c.item_tiles);
    CellsRelease(&t->host, &c);
    HostRelease(&t->host, user_block);
    HostRelease(&t->host, item_block);
}

static void CheckShapes(TestHost *t)
{
    static const struct {
        uint32_t users, items, per_user;
        size_t row_bytes;
    } shapes[] = {{1, 1, 1, 256},         {1, 3000, 40, 256},
                  {3000, 1, 1, 256},      {700, 2100, 8, 256},
                  {2500, 600, 8, 4096},   {300, 200, 20, 65536},
                  {2000, 900, 8, 65536},  {800, 1700, 100, 65536},
                  {300, 40000, 40, 65536}}; /* as many blocks as there can be */

    for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
        Interactions data =
            RandomInteractions(&t->host, shapes[s].users, shapes[s].items, shapes[s].per_user, s);

        InteractionsHoldOut(&t->host, &data, HOLDOUT_RANDOM, 0, 1);
        CheckCut(t, &data, shapes[s].row_bytes, s);
    }
}

static bool SameCut(const Cells *a, const Cells *b)
{
    size_t total = (size_t)a->user_blocks * a->item_blocks;

    return memcmp(a->user_order, b->user_order, a->data->users * sizeof(uint32_t)) == 0 &&
           memcmp(a->item_order, b->item_order, a->data->items * sizeof(uint32_t)) == 0 &&
           memcmp(a->start, b->start, (total + 1) * sizeof(uint64_t)) == 0 &&
           memcmp(a->entries, b->entries, a->start[total] * sizeof(CellEntry)) == 0;
}

static void CheckThreads(TestHost *t, const Interactions *data, const Cells *one, int threads)
{
    Cells many;

    TestHostUsePool(t, threads);
    CellsCreate(&t->host, data, 256, &many);
    CellsCut(&t->host, &many, 4, 3);
    CellsCut(&t->host, &many, 4, 2);
    CHECK(SameCut(one, &many), "%d threads cut the same, whatever was cut before", threads);
    PoolDestroy(t->host.pool);
    t->host.pool = NULL;
}

static void CheckReproducible(TestHost *t)
{
    Interactions data = RandomInteractions(&t->host, 2100, 2500, 10, 21);
    Cells one, other;

    CellsCreate(&t->host, &data, 256, &one);
    CellsCreate(&t->host, &data, 256, &other);
    CellsCut(&t->host, &one, 4, 2);
    CHECK(one.user_blocks >= 8 && one.item_blocks >= 8, "small data are cut for threads");
    CellsCut(&t->host, &other, 4, 3);
    CHECK(!SameCut(&one, &other), "another epoch is cut differently");
    CellsCut(&t->host, &other, 5, 2);
    CHECK(!SameCut(&one, &other), "another seed is cut differently");
    for (int threads = 1; threads <= 4; threads *= 2)
        CheckThreads(t, &data, &one, threads);
}

void TestCells(void)
{
    TestHost t;

    TestHostInit(&t);
    CheckShapes(&t);
    CheckReproducible(&t);
    TestHostEnd(&t);
}
