/*
 * blocks.c: seals blocks on their way into a model, and checks them on their way out.
 *
 * Everything that reads or writes a model goes through here.  Anyone can write a table with the
 * columns of a model, so the bytes that come back are checked whole before anyone looks at them.
 */
#include "pg/model/blocks.h"

#include "port/pg_crc32c.h"
#include "mb/pg_wchar.h"

uint32 Crc32c(uint32 checksum, const void *bytes, size_t size)
{
    pg_crc32c crc = checksum ^ 0xFFFFFFFF;

    COMP_CRC32C(crc, bytes, size);
    FIN_CRC32C(crc);
    return crc;
}

void StoreDamaged(const ModelStore *store, const char *part, uint32 number, const char *problem)
{
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                    errmsg("model \"%s\" is damaged: part \"%s\", block %u of version %d: %s",
                           store->name, part, number, store->version, problem),
                    errhint("%s", store->cure != NULL
                                      ? store->cure
                                      : "Train it again, or return to another version with "
                                        "recadv_rollback().")));
}

void StoreNewer(const ModelStore *store, const char *part, uint32 number, const char *problem)
{
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("model \"%s\" needs a newer version of recadv: part \"%s\", block %u of "
                           "version %d: %s",
                           store->name, part, number, store->version, problem),
                    errhint("Update recadv on this server, or train the model again with the "
                            "version that is here.")));
}

void StoreRefuse(const ModelStore *store, const char *part, uint32 number, const char *problem)
{
    if (problem == block_newer)
        StoreNewer(store, part, number, problem);
    StoreDamaged(store, part, number, problem);
}

char *SealName(const char *part, int32 version)
{
    return psprintf("%s/%d", part, version);
}

static void Parse(const ModelStore *store, const char *part, uint32 number, bytea *bytes,
                  BlockType type, DataBlock *block)
{
    const char *problem = BlockParse(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ,
                                     SealName(part, store->version), number, Crc32c, block);

    if (problem == NULL && block->type != type)
        problem = "its type is not the one expected";
    if (problem != NULL)
        StoreRefuse(store, part, number, problem);
}

DataBlock StoreRead(ModelStore *store, const char *part, uint32 number, BlockType type)
{
    bytea *bytes = store->fetch(store, part, number);
    DataBlock block;

    if (bytes == NULL)
        StoreDamaged(store, part, number, "it is missing");
    Parse(store, part, number, bytes, type, &block);
    return block;
}

DataBlock StoreReadMatrix(ModelStore *store, const char *part, uint32 number, BlockType type,
                          uint32 rows, uint32 columns)
{
    DataBlock block = StoreRead(store, part, number, type);

    if (block.rows != rows || block.columns != columns)
        StoreDamaged(store, part, number, "its dimensions do not fit the header");
    return block;
}

/*
 * NULL, and what is wrong with the text.  The parser of jsonb and the conversion of encodings know
 * nothing of models, so their errors are caught.  Catching without a subtransaction is safe here:
 * they have taken nothing but memory.
 */
static Jsonb *ParseStored(const char *text, int length, const char **problem)
{
    MemoryContext context = CurrentMemoryContext;
    Jsonb *volatile json = NULL;

    *problem = "its text is not UTF-8";
    if (!pg_verify_mbstr(PG_UTF8, text, length, true))
        return NULL;
    PG_TRY();
    {
        json = JsonbParse(pg_any_to_server(text, length, PG_UTF8));
    }
    PG_CATCH();
    {
        ErrorData *error;

        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->elevel > ERROR ||
            ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES)
            PG_RE_THROW();
        FlushErrorState();
        *problem = error->message;
    }
    PG_END_TRY();
    return json;
}

static Jsonb *ParseDocument(const DataBlock *block, const char **problem)
{
    char *text = pnstrdup((const char *)block->payload, block->size);

    return ParseStored(text, (int)strlen(text), problem);
}

Jsonb *StoreReadJson(ModelStore *store, const char *part, uint32 number)
{
    bytea *bytes = store->fetch(store, part, number);
    const char *problem;
    DataBlock block;
    Jsonb *json;

    if (bytes == NULL)
        return NULL;
    Parse(store, part, number, bytes, BLOCK_JSON, &block);
    json = ParseDocument(&block, &problem);
    if (json == NULL)
        StoreDamaged(store, part, number, problem);
    pfree(bytes);
    return json;
}

Jsonb *StoreTryJson(ModelStore *store, const char *part, uint32 number)
{
    bytea *bytes = store->fetch(store, part, number);
    const char *problem;
    DataBlock block;

    if (bytes == NULL ||
        BlockParse(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ, SealName(part, store->version),
                   number, Crc32c, &block) != NULL ||
        block.type != BLOCK_JSON)
        return NULL;
    return ParseDocument(&block, &problem);
}

void BlockFree(DataBlock *block)
{
    pfree((char *)block->payload - BLOCK_HEADER_SIZE - VARHDRSZ);
    block->payload = NULL;
}

bytea *BlockAllocate(DataBlock *block)
{
    Size size = BlockPayloadSize(block->type, block->rows, block->columns);
    Size total = add_size(size, VARHDRSZ + BLOCK_HEADER_SIZE);
    bytea *bytes;

    if (total > MaxAllocSize)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("a block of a model would need %zu bytes", total)));
    bytes = palloc(total);
    SET_VARSIZE(bytes, total);
    block->size = size;
    block->payload = BlockData(bytes);
    return bytes;
}

void *BlockData(bytea *bytes)
{
    return VARDATA(bytes) + BLOCK_HEADER_SIZE;
}

void SinkPut(ModelSink *sink, const char *part, DataBlock *block, bytea *bytes)
{
    BlockSeal(VARDATA(bytes), SealName(part, sink->version), block, Crc32c);
    sink->put(sink, part, block->number, bytes);
    pfree(bytes);
}

void SinkPutJson(ModelSink *sink, const char *part, uint32 number, const char *json)
{
    char *utf8 = pg_server_to_any(json, (int)strlen(json), PG_UTF8);
    DataBlock block = {.type = BLOCK_JSON, .number = number, .rows = 1, .columns = strlen(utf8)};
    bytea *bytes = BlockAllocate(&block);

    memcpy(BlockData(bytes), utf8, block.columns);
    SinkPut(sink, part, &block, bytes);
}
