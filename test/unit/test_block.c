/* test_block.c: the stored form of a model's pieces, sound and damaged. */
#include "core/block.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "tests.h"

#define ROOM 256

static uint32_t Sum(uint32_t checksum, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;

    for (size_t i = 0; i < size; i++)
        checksum = (checksum ^ b[i]) * 16777619u + 1;
    return checksum;
}

typedef struct Stored {
    _Alignas(8) uint8_t bytes[ROOM];
    size_t size;
} Stored;

static Stored Seal(BlockType type, uint32_t rows, uint32_t columns, const void *payload,
                   size_t size)
{
    Stored s = {.size = BLOCK_HEADER_SIZE + size};
    DataBlock block = {type, 3, rows, columns, s.bytes + BLOCK_HEADER_SIZE, size};

    memcpy(s.bytes + BLOCK_HEADER_SIZE, payload, size);
    BlockSeal(s.bytes, "item", &block, Sum);
    return s;
}

static const char *Parse(const Stored *s, DataBlock *block)
{
    return BlockParse(s->bytes, s->size, "item", 3, Sum, block);
}

static bool Sound(Stored s)
{
    DataBlock block;

    return Parse(&s, &block) == NULL;
}

static void CheckFloats(void)
{
    static const float values[] = {1, -2, 0.5f, 3e38f, -0.0f, 1e-45f};
    Stored s = Seal(BLOCK_FLOAT, 2, 3, values, sizeof(values));
    DataBlock block;

    CHECK(Parse(&s, &block) == NULL && block.type == BLOCK_FLOAT && block.rows == 2 &&
              block.columns == 3 && block.number == 3 && block.size == sizeof(values) &&
              memcmp(block.payload, values, sizeof(values)) == 0,
          "floats come back as they were");
    for (int i = 0; i < 3; i++) {
        const float bad[] = {NAN, INFINITY, -INFINITY};
        float copy[6];

        memcpy(copy, values, sizeof(values));
        copy[5 - i] = bad[i];
        CHECK(!Sound(Seal(BLOCK_FLOAT, 2, 3, copy, sizeof(copy))), "%g is refused", (double)bad[i]);
    }
}

static void CheckIntegers(void)
{
    static const int64_t values[] = {INT64_MIN, -1, INT64_MAX};
    static const uint32_t small[] = {0, UINT32_MAX, 7, 8};
    Stored s = Seal(BLOCK_INT64, 3, 1, values, sizeof(values));
    DataBlock block;

    CHECK(Parse(&s, &block) == NULL && BlockInt64(&block, 0) == INT64_MIN &&
              BlockInt64(&block, 1) == -1 && BlockInt64(&block, 2) == INT64_MAX,
          "64-bit integers come back as they were");
    CHECK(Sound(Seal(BLOCK_UINT, 4, 1, small, 16)) && Sound(Seal(BLOCK_UINT, 0, 5, small, 0)),
          "32-bit integers, and none at all");
    CHECK(Sound(Seal(BLOCK_JSON, 1, 2, "{}", 2)) && !Sound(Seal(BLOCK_JSON, 2, 1, "{}", 2)),
          "a document has one row");
}

/* Strings "ab", "", "c" behind their offsets. */
static Stored Texts(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t payload[5] = {a, b, c, d};

    memcpy(payload + 4, "abc", 3);
    return Seal(BLOCK_TEXT, 3, 3, payload, 4 * 4 + 3);
}

static void CheckEntries(void)
{
    static const uint32_t lists[] = {0, 2, 2, 3, 70, 80, 90};
    Stored s = Texts(0, 2, 2, 3);
    uint32_t length[3];
    const char *text[3];
    DataBlock block;

    CHECK(Parse(&s, &block) == NULL, "strings are sound");
    for (uint32_t i = 0; i < 3; i++)
        text[i] = BlockEntry(&block, i, &length[i]);
    CHECK(length[0] == 2 && length[1] == 0 && length[2] == 1 && memcmp(text[0], "ab", 2) == 0 &&
              text[2][0] == 'c',
          "strings come back as they were");
    s = Seal(BLOCK_LIST, 3, 3, lists, sizeof(lists));
    CHECK(Parse(&s, &block) == NULL && *(const uint32_t *)BlockEntry(&block, 2, length) == 90 &&
              length[0] == 1,
          "lists come back as they were");
    CHECK(!Sound(Texts(1, 2, 2, 3)), "offsets that do not start at 0 are refused");
    CHECK(!Sound(Texts(0, 2, 1, 3)), "offsets that fall are refused");
    CHECK(!Sound(Texts(0, 2, 2, 2)) && !Sound(Texts(0, 2, 2, 4)),
          "offsets that end elsewhere are refused");
    CHECK(!Sound(Texts(0, UINT32_MAX, UINT32_MAX, 3)), "huge offsets are refused");
}

/* Any changed byte and any other length must be noticed. */
static void CheckDamage(void)
{
    static const float values[] = {1, 2, 3, 4, 5, 6};
    Stored s = Seal(BLOCK_FLOAT, 2, 3, values, sizeof(values));
    bool bytes = true, lengths = true;
    DataBlock block;

    for (size_t i = 0; i < s.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            s.bytes[i] ^= (uint8_t)(1 << bit);
            bytes &= Parse(&s, &block) != NULL;
            s.bytes[i] ^= (uint8_t)(1 << bit);
        }
    CHECK(bytes && Parse(&s, &block) == NULL, "every flipped bit is noticed");
    for (size_t size = 0; size < ROOM; size++)
        lengths &= (BlockParse(s.bytes, size, "item", 3, Sum, &block) == NULL) == (size == s.size);
    CHECK(lengths, "every other length is noticed");
    CHECK(BlockParse(s.bytes, s.size, "user", 3, Sum, &block) != NULL,
          "a block of another part is noticed");
    CHECK(BlockParse(s.bytes, s.size, "item", 4, Sum, &block) != NULL,
          "a block of another position is noticed");
}

/* Sets a byte of the header and, with `seal`, makes the checksum fit. */
static const char *ParseWith(Stored s, size_t at, uint8_t byte, bool seal)
{
    uint32_t sum = 0;
    DataBlock block;

    s.bytes[at] = byte;
    if (seal) {
        memset(s.bytes + 24, 0, sizeof(sum));
        sum = Sum(Sum(0, "item", 4), s.bytes, s.size);
        memcpy(s.bytes + 24, &sum, sizeof(sum));
    }
    return Parse(&s, &block);
}

/* A format, a flag or a type that is unknown here is no damage if the checksum fits. */
static void CheckNewer(void)
{
    static const float values[] = {1, 2, 3, 4, 5, 6};
    static const struct {
        size_t at;
        uint8_t byte;
    } newer[] = {{4, 2}, {5, 1}, {6, 1}, {7, 128}, {8, 7}, {9, 1}};
    Stored s = Seal(BLOCK_FLOAT, 2, 3, values, sizeof(values));
    bool told = true, damaged = true;

    for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
        told &= ParseWith(s, newer[i].at, newer[i].byte, true) == block_newer;
        damaged &= ParseWith(s, newer[i].at, newer[i].byte, false) != block_newer;
    }
    CHECK(told, "what a newer version wrote is told from damage");
    CHECK(damaged, "a wrong checksum is damage, whatever the format");
    CHECK(ParseWith(s, 8, BLOCK_UINT, true) == NULL, "a known type is none of a newer version");
}

static void CheckSizes(void)
{
    CHECK(BlockPayloadSize(BLOCK_FLOAT, 3, 5) == 60 && BlockPayloadSize(BLOCK_INT64, 3, 1) == 24 &&
              BlockPayloadSize(BLOCK_TEXT, 3, 5) == 21 && BlockPayloadSize(BLOCK_LIST, 3, 5) == 36,
          "payload sizes");
    CHECK(BlockPayloadSize(BLOCK_FLOAT, UINT32_MAX, UINT32_MAX) == SIZE_MAX,
          "dimensions whose product overflows have no size");
    CHECK(BlockPayloadSize((BlockType)0, 1, 1) == SIZE_MAX &&
              BlockPayloadSize((BlockType)77, 1, 1) == SIZE_MAX &&
              BlockPayloadSize(BLOCK_INT64, 3, 2) == SIZE_MAX,
          "unknown types and shapes have no size");
}

void TestBlock(void)
{
    CheckFloats();
    CheckIntegers();
    CheckEntries();
    CheckDamage();
    CheckNewer();
    CheckSizes();
}
