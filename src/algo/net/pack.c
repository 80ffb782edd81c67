/* pack.c: finds each matrix of a pack its place, and makes the pack a part of the model. */
#include "algo/net/pack.h"

#include "core/vector.h"

int PackAdd(Pack *pack, uint32_t rows, uint32_t columns)
{
    PackedMatrix *matrix = &pack->matrix[pack->count];
    size_t floats;

    if (pack->count == MAX_MATRICES)
        return -1;
    *matrix = (PackedMatrix){rows, columns, VectorStride(columns), pack->floats};
    floats = SizeAdd(pack->floats, SizeMultiply(rows, matrix->stride));
    /* A part has rows of one vector, and at most UINT32_MAX of them. */
    pack->floats = floats / VECTOR_LANES > UINT32_MAX ? SIZE_MAX : floats;
    return pack->count++;
}

/* Too large a pack makes a part that no memory limit allows. */
void ModelAddPack(Model *model, const char *name, const Pack *pack)
{
    size_t rows = pack->floats / VECTOR_LANES;

    ModelAddPart(model, name, AXIS_SHARED, rows > UINT32_MAX ? UINT32_MAX : (uint32_t)rows,
                 VECTOR_LANES);
}
