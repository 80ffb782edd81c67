/*
 * blocks.h: where the blocks of a model come from and go to.
 *
 * A model is read from a ModelStore (a table or an image) and written to a ModelSink (likewise).
 * What is read is untrusted: StoreRead checks a block whole before anyone looks at it.
 */
#ifndef RECADV_PG_MODEL_BLOCKS_H
#define RECADV_PG_MODEL_BLOCKS_H

#include "pg/base/compat.h"

#include "core/block.h"
#include "pg/base/json.h"

typedef struct ModelStore {
    const char *name; /* of the model, for messages */
    int32 version;    /* 0 for an image */
    const char *cure; /* a hint, if it is damaged; NULL: that of a table */
    /* The stored bytes, or NULL if there is no such block; allocated in the current context. */
    bytea *(*fetch)(struct ModelStore *store, const char *part, uint32 number);
} ModelStore;

typedef struct ModelSink {
    int32 version;
    void (*put)(struct ModelSink *sink, const char *part, uint32 number, bytea *bytes);
} ModelSink;

/* Fails with ERRCODE_DATA_CORRUPTED, naming model, part and block. */
extern void StoreDamaged(const ModelStore *store, const char *part, uint32 number,
                         const char *problem) __attribute__((noreturn));

/*
 * Fails with ERRCODE_FEATURE_NOT_SUPPORTED: what is stored is sound, but made by a newer version of
 * recadv.  A standby or a restored dump may have such a model.
 */
extern void StoreNewer(const ModelStore *store, const char *part, uint32 number,
                       const char *problem) __attribute__((noreturn));

/* Fails in one of the two ways, by what BlockParse says. */
extern void StoreRefuse(const ModelStore *store, const char *part, uint32 number,
                        const char *problem) __attribute__((noreturn));

/* Reads and checks a block of the given type; the payload lives in the current context. */
extern DataBlock StoreRead(ModelStore *store, const char *part, uint32 number, BlockType type);

/* Like StoreRead, and checks the dimensions. */
extern DataBlock StoreReadMatrix(ModelStore *store, const char *part, uint32 number, BlockType type,
                                 uint32 rows, uint32 columns);

/* The document of a BLOCK_JSON, or NULL if there is none. */
extern Jsonb *StoreReadJson(ModelStore *store, const char *part, uint32 number);

/* The same, and NULL if it is damaged. */
extern Jsonb *StoreTryJson(ModelStore *store, const char *part, uint32 number);

/* Releases what StoreRead allocated. */
extern void BlockFree(DataBlock *block);

/* A new block with an empty payload of block->size bytes; BlockData gives its place. */
extern bytea *BlockAllocate(DataBlock *block);
extern void *BlockData(bytea *bytes);

/* What the seal of a block covers beside its bytes: part and version, so that neither can be
 * changed. */
extern char *SealName(const char *part, int32 version);

/* Seals the block and hands it to the sink, then frees it. */
extern void SinkPut(ModelSink *sink, const char *part, DataBlock *block, bytea *bytes);
extern void SinkPutJson(ModelSink *sink, const char *part, uint32 number, const char *json);

/* The checksum of blocks: CRC-32C. */
extern uint32 Crc32c(uint32 checksum, const void *bytes, size_t size);

#endif
