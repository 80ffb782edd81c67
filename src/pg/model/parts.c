/*
 * parts.c: cuts the matrices of a model into blocks, and reads blocks or rows back.
 *
 * Trainings write whole parts, serving reads the rows of one user, and a refresh writes the blocks
 * that it has changed.
 */
#include "pg/model/parts.h"

/* Bytes of a block, about: of users, read for one at a time, and of all else, read in bulk. */
#define SMALL_BLOCK (8 * 1024)
#define LARGE_BLOCK (256 * 1024)

/*
 * All parts of an axis are cut at the same rows: then the blocks with one number hold all that it
 * takes to score those items.
 */
uint32 AxisBlockRows(const Model *model, Axis axis)
{
    uint64 size = axis == AXIS_USER ? SMALL_BLOCK : LARGE_BLOCK, width = 0;

    for (int i = 0; i < model->parts; i++)
        if (model->part[i].axis == axis)
            width += model->part[i].columns * sizeof(float);
    return (uint32)Max(1, size / Max(1, width));
}

uint32 PartBlockRows(const Model *model, const Part *part)
{
    if (part->axis == AXIS_SHARED)
        return Max(1, LARGE_BLOCK / (part->columns * sizeof(float)));
    return AxisBlockRows(model, part->axis);
}

void WritePartBlock(ModelSink *sink, const Part *part, uint32 number, uint32 first, uint32 rows)
{
    DataBlock block = {
        .type = BLOCK_FLOAT, .number = number, .rows = rows, .columns = part->columns};
    bytea *bytes = BlockAllocate(&block);
    Size width = (Size)part->columns * sizeof(float);
    char *to = BlockData(bytes);

    for (uint32 r = 0; r < rows; r++)
        memcpy(to + r * width, part->data + ((Size)first + r) * part->stride, width);
    SinkPut(sink, part->name, &block, bytes);
}

void WritePart(ModelSink *sink, const Model *model, const Part *part)
{
    uint32 size = PartBlockRows(model, part);

    for (uint32 b = 0; b < BlockCount(part->rows, size); b++)
        WritePartBlock(sink, part, b, b * size, BlockRows(part->rows, size, b));
}

void WriteModelParts(ModelSink *sink, const Model *model)
{
    for (int i = 0; i < model->parts; i++)
        WritePart(sink, model, &model->part[i]);
}

static void TakeRow(const DataBlock *block, const Part *part, uint32 row, float *out)
{
    Size width = (Size)part->columns * sizeof(float);

    memcpy(out, block->payload + row * width, width);
    memset(out + part->columns, 0, (part->stride - part->columns) * sizeof(float));
}

static DataBlock ReadBlockOf(ModelStore *store, const Model *model, const Part *part, uint32 number)
{
    return StoreReadMatrix(store, part->name, number, BLOCK_FLOAT,
                           BlockRows(part->rows, PartBlockRows(model, part), number),
                           part->columns);
}

void ReadPartBlock(ModelStore *store, const Model *model, const Part *part, uint32 number,
                   float *rows)
{
    DataBlock block = ReadBlockOf(store, model, part, number);

    for (uint32 r = 0; r < block.rows; r++)
        TakeRow(&block, part, r, rows + (Size)r * part->stride);
    BlockFree(&block);
}

void ReadPart(ModelStore *store, const Model *model, Part *part)
{
    uint32 size = PartBlockRows(model, part);

    for (uint32 b = 0; b < BlockCount(part->rows, size); b++)
        ReadPartBlock(store, model, part, b, part->data + (Size)b * size * part->stride);
}

void ReadPartRow(ModelStore *store, const Model *model, const Part *part, uint32 row, float *out)
{
    uint32 size = PartBlockRows(model, part);
    DataBlock block = ReadBlockOf(store, model, part, row / size);

    TakeRow(&block, part, row % size, out);
    BlockFree(&block);
}

/* A checksum covers the version it belongs to, so bytes cannot be copied as they are. */
uint32 CopyPart(ModelStore *store, const char *part, uint32 blocks, BlockType type, ModelSink *sink)
{
    for (uint32 b = 0; b < blocks; b++) {
        DataBlock from = StoreRead(store, part, b, type), to = from;
        bytea *bytes = BlockAllocate(&to);

        memcpy(BlockData(bytes), from.payload, from.size);
        SinkPut(sink, part, &to, bytes);
        BlockFree(&from);
    }
    return blocks;
}
