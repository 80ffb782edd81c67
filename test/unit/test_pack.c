/* test_pack.c: many matrices as one part. */
#include "algo/net/pack.h"

#include <string.h>

#include "check.h"
#include "core/block.h"
#include "support.h"
#include "tests.h"

static const uint32_t shapes[][2] = {{3, 5}, {1, 16}, {7, 17}, {1, 1}, {20, 64}};

#define MATRICES (sizeof(shapes) / sizeof(shapes[0]))

static Pack PackOfShapes(void)
{
    Pack pack = {0};

    for (size_t m = 0; m < MATRICES; m++)
        PackAdd(&pack, shapes[m][0], shapes[m][1]);
    return pack;
}

static void CheckPlaces(void)
{
    static const uint32_t strides[] = {16, 16, 32, 16, 64};
    Pack pack = PackOfShapes();
    size_t first = 0;
    bool right = pack.count == MATRICES;

    for (size_t m = 0; m < MATRICES; m++) {
        const PackedMatrix *matrix = &pack.matrix[m];

        right &= matrix->rows == shapes[m][0] && matrix->columns == shapes[m][1] &&
                 matrix->stride == strides[m] && matrix->first == first;
        first += (size_t)shapes[m][0] * strides[m];
    }
    CHECK(right && pack.floats == first,
          "matrices lie one after the other, on vectors' boundaries");
}

static void CheckLimits(void)
{
    static Pack pack, wide, many;
    Model model = {0};
    bool right = true;

    for (int m = 0; m < MAX_MATRICES; m++)
        right &= PackAdd(&pack, 2, 3) == m;
    CHECK(right && PackAdd(&pack, 2, 3) == -1 && pack.count == MAX_MATRICES &&
              pack.floats == (size_t)MAX_MATRICES * 32,
          "no more matrices than there is room for");
    PackAdd(&wide, UINT32_MAX, 1);
    CHECK(wide.floats == (size_t)UINT32_MAX * 16, "the largest pack that a part can hold");
    PackAdd(&wide, 1, 1);
    CHECK(wide.floats == SIZE_MAX, "one row more is too large");
    PackAdd(&wide, 1, 1);
    CHECK(wide.floats == SIZE_MAX, "and stays so");
    PackAdd(&many, UINT32_MAX, 1u << 31);
    CHECK(many.floats == SIZE_MAX, "as is what passes 64 bits");
    ModelAddPack(&model, "too large", &wide);
    CHECK(ModelMemory(&model) >= (size_t)UINT32_MAX * 64, "as a part no memory limit allows it");
}

static float ValueAt(size_t matrix, uint32_t row, uint32_t column)
{
    return (float)(matrix * 1000 + row * 64 + column) / 8;
}

static void FillPack(const Pack *pack, float *data)
{
    for (size_t m = 0; m < MATRICES; m++) {
        float *matrix = PackMatrix(pack, (int)m, data);

        for (uint32_t r = 0; r < pack->matrix[m].rows; r++)
            for (uint32_t c = 0; c < pack->matrix[m].columns; c++)
                matrix[(size_t)r * pack->matrix[m].stride + c] = ValueAt(m, r, c);
    }
}

static bool IsFilled(const Pack *pack, float *data)
{
    bool right = true;

    for (size_t m = 0; m < MATRICES; m++) {
        const float *matrix = PackMatrix(pack, (int)m, data);

        for (uint32_t r = 0; r < pack->matrix[m].rows; r++)
            for (uint32_t c = 0; c < pack->matrix[m].stride; c++)
                right &= matrix[(size_t)r * pack->matrix[m].stride + c] ==
                         (c < pack->matrix[m].columns ? ValueAt(m, r, c) : 0);
    }
    return right;
}

static uint32_t Sum(uint32_t checksum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        checksum = checksum * 31 + ((const uint8_t *)bytes)[i];
    return checksum;
}

/* The bytes of a part as they are stored. */
static void CheckStored(void)
{
    Pack pack = PackOfShapes();
    Model model = {0};
    const Part *part = &model.part[0];
    DataBlock block, parsed;
    size_t size;
    uint8_t *bytes;
    float *back;
    TestHost t;

    TestHostInit(&t);
    ModelAddPack(&model, "network", &pack);
    CHECK(model.parts == 1 && part->axis == AXIS_SHARED && part->stride == 16 &&
              PartFloats(part) == pack.floats,
          "a pack is a shared part of as many floats");
    ModelAllocate(&t.host, &model);
    FillPack(&pack, part->data);
    CHECK(IsFilled(&pack, part->data), "matrices do not overlap");
    block = (DataBlock){.type = BLOCK_FLOAT, .rows = part->rows, .columns = part->stride};
    size = BlockPayloadSize(block.type, block.rows, block.columns);
    bytes = HostAllocate(&t.host, BLOCK_HEADER_SIZE + size, 1);
    memcpy(bytes + BLOCK_HEADER_SIZE, part->data, size);
    block.payload = bytes + BLOCK_HEADER_SIZE;
    block.size = size;
    BlockSeal(bytes, "network", &block, Sum);
    back = HostAllocate(&t.host, pack.floats, sizeof(float));
    CHECK(BlockParse(bytes, BLOCK_HEADER_SIZE + size, "network", 0, Sum, &parsed) == NULL &&
              parsed.size == pack.floats * sizeof(float) && parsed.rows == part->rows,
          "stored as one block of rows of one vector");
    memcpy(back, parsed.payload, parsed.size);
    CHECK(IsFilled(&pack, back), "and read back, each matrix is where it was");
    TestHostEnd(&t);
}

void TestPack(void)
{
    CheckPlaces();
    CheckLimits();
    CheckStored();
}
