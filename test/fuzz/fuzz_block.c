/*
 * fuzz_block.c: stored blocks, as anyone who can write a model's table could forge them.
 *
 * Input: a flag byte, then the block.  With an odd flag the checksum and the fixed fields are put
 * right first, so that what lies behind them is reached.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/block.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static const char *const known_part = "item";

/* FNV-1a: quick, and every byte counts. */
static uint32_t Sum(uint32_t checksum, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;

    for (size_t i = 0; i < size; i++)
        checksum = (checksum ^ b[i]) * 16777619u + 1;
    return checksum;
}

/* Seals the payload under the header's own type, rows and columns. */
static void Repair(uint8_t *bytes, size_t size)
{
    DataBlock block = {.payload = bytes + BLOCK_HEADER_SIZE, .size = size - BLOCK_HEADER_SIZE};
    uint16_t type;

    memcpy(&type, bytes + 8, sizeof(type));
    memcpy(&block.rows, bytes + 16, sizeof(block.rows));
    memcpy(&block.columns, bytes + 20, sizeof(block.columns));
    block.type = (BlockType)(type % 8);
    BlockSeal(bytes, known_part, &block, Sum);
}

static uint64_t ReadEntries(const DataBlock *block)
{
    uint64_t total = 0;

    for (uint32_t row = 0; row < block->rows; row++) {
        size_t width = block->type == BLOCK_TEXT ? 1 : sizeof(uint32_t);
        uint32_t length;
        const uint8_t *entry = BlockEntry(block, row, &length);

        REQUIRE(entry >= block->payload && length <= block->columns);
        for (size_t i = 0; i < length * width; i++)
            total += entry[i];
    }
    return total;
}

/* Uses everything that a sound block offers; AddressSanitizer watches the reads. */
static uint64_t Use(const DataBlock *block)
{
    uint64_t sink = 0;

    if (block->type == BLOCK_TEXT || block->type == BLOCK_LIST)
        sink += ReadEntries(block);
    if (block->type == BLOCK_INT64)
        for (uint32_t row = 0; row < block->rows; row++)
            sink += (uint64_t)BlockInt64(block, row);
    if (block->type == BLOCK_FLOAT)
        for (size_t i = 0; i < (size_t)block->rows * block->columns; i++) {
            float value;

            memcpy(&value, block->payload + i * sizeof(value), sizeof(value));
            REQUIRE(isfinite(value));
        }
    for (size_t i = 0; i < block->size; i++)
        sink += block->payload[i];
    return sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes;
    const char *wrong;
    volatile uint64_t used;
    DataBlock block;

    if (size < 1)
        return 0;
    bytes = malloc(size - 1); /* exactly as long as the block: overruns show */
    memcpy(bytes, data + 1, size - 1);
    if (data[0] % 2 == 1 && size - 1 >= BLOCK_HEADER_SIZE)
        Repair(bytes, size - 1);
    wrong = BlockParse(bytes, size - 1, known_part, 0, Sum, &block);
    if (wrong == NULL)
        used = Use(&block);
    else
        used = strlen(wrong);
    REQUIRE(used > 0 || wrong == NULL);
    free(bytes);
    return 0;
}
