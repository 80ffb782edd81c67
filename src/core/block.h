/*
 * block.h: the stored form of a piece of a model.
 *
 * A header of 32 bytes, then the payload; everything little-endian.  The checksum covers the
 * part's name, the header and the payload, so that a block moved elsewhere does not pass.
 * What is parsed here is untrusted: every length and offset is checked before use.
 */
#ifndef RECADV_CORE_BLOCK_H
#define RECADV_CORE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "recadv stores models in little-endian byte order and needs a machine of that order"
#endif

#define BLOCK_MAGIC       0x56444152u /* "RADV" */
#define BLOCK_FORMAT      1
#define BLOCK_HEADER_SIZE 32

typedef enum BlockType {
    BLOCK_FLOAT = 1, /* rows x columns IEEE single */
    BLOCK_UINT = 2,  /* rows x columns unsigned 32-bit */
    BLOCK_INT64 = 3, /* rows signed 64-bit, columns = 1 */
    BLOCK_TEXT = 4,  /* rows strings: rows + 1 offsets (uint32), then columns bytes of UTF-8 */
    BLOCK_LIST = 5,  /* rows lists: rows + 1 offsets (uint32), then columns values (uint32) */
    BLOCK_JSON = 6   /* one document of columns bytes, rows = 1 */
} BlockType;

typedef struct DataBlock {
    BlockType type;
    uint32_t number; /* position of the block within its part */
    uint32_t rows;
    uint32_t columns;
    const uint8_t *payload; /* at least 4-byte aligned where the input was */
    size_t size;
} DataBlock;

/* Extends a checksum over more bytes; starts from 0. */
typedef uint32_t (*BlockChecksum)(uint32_t checksum, const void *bytes, size_t size);

/* Payload bytes that type, rows and columns ask for; SIZE_MAX if they are out of range. */
extern size_t BlockPayloadSize(BlockType type, uint32_t rows, uint32_t columns);

/* Fills the header before `block->payload`, which must lie BLOCK_HEADER_SIZE bytes into `bytes`. */
extern void BlockSeal(void *bytes, const char *part, const DataBlock *block,
                      BlockChecksum checksum);

/*
 * What BlockParse says of a block that is sound but was written by a newer version of recadv: its
 * checksum fits, its format, flags or type is unknown.  Newer formats keep the place of these
 * fields and of the checksum, so that this can be told from damage.  Compare the pointer.
 */
extern const char block_newer[];

/* NULL and *block, or what is wrong. */
extern const char *BlockParse(const void *bytes, size_t size, const char *part, uint32_t number,
                              BlockChecksum checksum, DataBlock *block);

/* Start of entry `row` of a BLOCK_TEXT or BLOCK_LIST, and its length in bytes or values. */
extern const void *BlockEntry(const DataBlock *block, uint32_t row, uint32_t *length);

/* Entry of a BLOCK_INT64. */
extern int64_t BlockInt64(const DataBlock *block, uint32_t row);

#endif
