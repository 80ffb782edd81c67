/*
 * block.c: seals blocks, and parses what is read back.
 *
 * Parsing trusts nothing: its input may come from a table that anybody wrote.
 */
#include "core/block.h"

#include <string.h>

#include "core/host.h"

typedef struct BlockHeader {
    uint32_t magic;
    uint16_t format;
    uint16_t flags; /* reserved, 0 */
    uint16_t type;
    uint16_t reserved;
    uint32_t number;
    uint32_t rows;
    uint32_t columns;
    uint32_t checksum;
    uint32_t reserved2;
} BlockHeader;

_Static_assert(sizeof(BlockHeader) == BLOCK_HEADER_SIZE, "the header has no padding");

size_t BlockPayloadSize(BlockType type, uint32_t rows, uint32_t columns)
{
    size_t offsets = SizeMultiply((size_t)rows + 1, sizeof(uint32_t));

    switch (type) {
    case BLOCK_FLOAT:
    case BLOCK_UINT:
        return SizeMultiply(SizeMultiply(rows, columns), sizeof(uint32_t));
    case BLOCK_INT64:
        return columns == 1 ? SizeMultiply(rows, sizeof(int64_t)) : SIZE_MAX;
    case BLOCK_TEXT:
        return SizeAdd(offsets, columns);
    case BLOCK_LIST:
        return SizeAdd(offsets, SizeMultiply(columns, sizeof(uint32_t)));
    case BLOCK_JSON:
        return rows == 1 ? columns : SIZE_MAX;
    }
    return SIZE_MAX;
}

const char block_newer[] = "its format is not known to this version of recadv";

static bool IsKnown(const BlockHeader *header)
{
    return header->format == BLOCK_FORMAT && header->flags == 0 && header->type >= BLOCK_FLOAT &&
           header->type <= BLOCK_JSON;
}

static uint32_t Checksum(BlockHeader header, const char *part, const void *payload, size_t size,
                         BlockChecksum checksum)
{
    uint32_t sum;

    header.checksum = 0;
    sum = checksum(0, part, strlen(part));
    sum = checksum(sum, &header, sizeof(header));
    return checksum(sum, payload, size);
}

void BlockSeal(void *bytes, const char *part, const DataBlock *block, BlockChecksum checksum)
{
    BlockHeader header = {
        .magic = BLOCK_MAGIC,
        .format = BLOCK_FORMAT,
        .type = (uint16_t)block->type,
        .number = block->number,
        .rows = block->rows,
        .columns = block->columns,
    };

    header.checksum = Checksum(header, part, block->payload, block->size, checksum);
    memcpy(bytes, &header, sizeof(header));
}

/* Offsets of a text or list block start at 0, never fall, and end at the last value. */
static bool OffsetsAreSound(const DataBlock *block)
{
    uint32_t previous = 0, offset = 0;

    for (uint32_t row = 0; row <= block->rows; row++) {
        memcpy(&offset, block->payload + (size_t)row * sizeof(offset), sizeof(offset));
        if (offset < previous || (row == 0 && offset != 0))
            return false;
        previous = offset;
    }
    return offset == block->columns;
}

/* By the bits and without an early end, so that compilers make vectors of it. */
static bool FloatsAreFinite(const DataBlock *block)
{
    const uint32_t exponent = 0x7F800000;
    uint32_t found = 0;

    for (size_t i = 0; i < block->size; i += sizeof(uint32_t)) {
        uint32_t bits;

        memcpy(&bits, block->payload + i, sizeof(bits));
        found |= (bits & exponent) == exponent;
    }
    return found == 0;
}

static const char *CheckContent(const DataBlock *block)
{
    if ((block->type == BLOCK_TEXT || block->type == BLOCK_LIST) && !OffsetsAreSound(block))
        return "its offsets are out of order";
    if (block->type == BLOCK_FLOAT && !FloatsAreFinite(block))
        return "it holds a value that is not finite";
    return NULL;
}

const char *BlockParse(const void *bytes, size_t size, const char *part, uint32_t number,
                       BlockChecksum checksum, DataBlock *block)
{
    BlockHeader header;

    if (size < sizeof(header))
        return "it is shorter than a block header";
    memcpy(&header, bytes, sizeof(header));
    if (header.magic != BLOCK_MAGIC)
        return "it does not start as a block does";
    if (!IsKnown(&header))
        return Checksum(header, part, (const uint8_t *)bytes + sizeof(header),
                        size - sizeof(header), checksum) == header.checksum
                   ? block_newer
                   : "its checksum is wrong";
    *block = (DataBlock){
        .type = (BlockType)header.type,
        .number = header.number,
        .rows = header.rows,
        .columns = header.columns,
        .payload = (const uint8_t *)bytes + sizeof(header),
        .size = size - sizeof(header),
    };
    if (BlockPayloadSize(block->type, block->rows, block->columns) != block->size)
        return "its length does not fit its dimensions";
    if (block->number != number)
        return "it belongs to another position";
    if (Checksum(header, part, block->payload, block->size, checksum) != header.checksum)
        return "its checksum is wrong";
    return CheckContent(block);
}

const void *BlockEntry(const DataBlock *block, uint32_t row, uint32_t *length)
{
    size_t values = ((size_t)block->rows + 1) * sizeof(uint32_t);
    size_t width = block->type == BLOCK_TEXT ? 1 : sizeof(uint32_t);
    uint32_t start, end;

    memcpy(&start, block->payload + (size_t)row * sizeof(start), sizeof(start));
    memcpy(&end, block->payload + ((size_t)row + 1) * sizeof(end), sizeof(end));
    *length = end - start;
    return block->payload + values + start * width;
}

int64_t BlockInt64(const DataBlock *block, uint32_t row)
{
    int64_t value;

    memcpy(&value, block->payload + (size_t)row * sizeof(value), sizeof(value));
    return value;
}
