/*
 * test_codes.c: the integer products of every instruction set against plain sums, and bounds that
 * hold.
 *
 * The variants are private to their file, so it is compiled in here once more.
 */
#define CodesProducts VariantsCodesProducts

#include "core/codes_dot.c"

#include <math.h>

#include "check.h"
#include "core/vector.h"
#include "support.h"
#include "tests.h"

static void CheckVariant(const char *name, DotCodes dot, uint32_t chunks)
{
    static uint8_t codes[64 * GROUP];
    static int8_t values[CODES_QUERIES][64 * CHUNK];
    Random random = TestStream(700);
    bool right = true;

    for (size_t i = 0; i < sizeof(codes); i++)
        codes[i] = chunks % 2 ? (uint8_t)RandomNext(&random) : 0xFF;
    for (uint32_t q = 0; q < CODES_QUERIES; q++)
        for (uint32_t c = 0; c < 64 * CHUNK; c++)
            values[q][c] = (int8_t)(chunks % 2 ? (int)RandomBelow(&random, 255) - 127 : -127);
    for (uint32_t count = 1; count <= CODES_QUERIES; count++) {
        int32_t got[CODES_QUERIES][LANES], expected[CODES_QUERIES][LANES];
        int32_t *to[CODES_QUERIES], *plain[CODES_QUERIES];
        const int8_t *v[CODES_QUERIES];

        for (uint32_t q = 0; q < count; q++) {
            to[q] = got[q];
            plain[q] = expected[q];
            v[q] = values[q];
        }
        dot(codes, chunks, v, count, to);
        DotPlain(codes, chunks, v, count, plain);
        right &= memcmp(got, expected, count * sizeof(got[0])) == 0;
    }
    CHECK(right, "%s: products of %u columns are those of the plain loop", name, chunks * CHUNK);
}

static void CheckVariants(void)
{
    for (uint32_t chunks = 2; chunks <= 64; chunks = chunks < 8 ? chunks + 1 : chunks * 2 - 1) {
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2"))
            CheckVariant("avx2", DotAvx2Any, chunks);
        if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni"))
            CheckVariant("avx512vnni", DotVnniAny, chunks);
#endif
        CheckVariant("chosen", Choose(), chunks);
    }
}

/* Every product lies within the slack of what its codes say, and codes keep the elements. */
static void CheckBounds(TestHost *t, float size, bool ordinary, const char *what)
{
    enum { ROWS = 700, COLUMNS = 48 };
    float *rows = HostAllocate(&t->host, ROWS * COLUMNS, sizeof(float));
    float *query = HostAllocate(&t->host, COLUMNS, sizeof(float));
    void *memory = HostAllocate(&t->host, CodesSize(ROWS, COLUMNS), 1);
    int32_t products[CODES_QUERIES][CODES_BLOCK];
    CodesQuery coded = {.values = HostAllocate(&t->host, COLUMNS, 1)};
    const int8_t *values[] = {coded.values};
    Random random = TestStream(701);
    bool right = true, narrow = true, complete = true;
    bool seen[ROWS] = {false};
    Codes codes;

    for (uint32_t i = 0; i < ROWS * COLUMNS; i++)
        rows[i] = size * (float)RandomNormal(&random) * (float)(1 + i / COLUMNS % 7);
    for (uint32_t c = 0; c < COLUMNS; c++)
        query[c] = (float)RandomNormal(&random);
    CodesPlace(&codes, ROWS, COLUMNS, memory);
    CodesBuild(&t->host, &codes, rows);
    CodesQueryBuild(&coded, query, COLUMNS);
    for (uint32_t b = 0; b < CodesBlocks(&codes); b++) {
        const CodesBlock *block = &codes.blocks[b];
        double slack = CodesSlack(&codes, block, &coded);

        narrow &= !ordinary || slack < coded.norm * block->norm / 2;
        CodesProducts(&codes, b, values, 1, products);
        for (uint32_t i = 0; i < CodesBlockRows(&codes, b); i++) {
            uint32_t row = codes.order[b * CODES_BLOCK + i];
            double by_codes = coded.scale * block->scale * (products[0][i] - coded.offset);
            float exact;

            DotRows(query, rows + (size_t)row * COLUMNS, 1, COLUMNS, &exact);
            right &= fabs(by_codes - exact) <= slack;
            right &= products[0][i] >= CodesLimit(&codes, block, &coded, exact);
            right &= !CodesEnd(&codes, block, &coded, exact);
            complete &= !seen[row];
            seen[row] = true;
        }
    }
    CHECK(right, "%s: products are within the bounds", what);
    CHECK(narrow && complete, "%s: bounds say something, and every row is there once", what);
}

void TestCodes(void)
{
    TestHost t;

    TestHostInit(&t);
    CheckVariants();
    CheckBounds(&t, 1, true, "ordinary numbers");
    CheckBounds(&t, 1e28f, true, "large numbers");
    CheckBounds(&t, 1e-28f, true, "small numbers");
    CheckBounds(&t, 1e-42f, false, "denormal numbers");
    CheckBounds(&t, 0, false, "zeros");
    TestHostEnd(&t);
}
