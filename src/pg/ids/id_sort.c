/*
 * id_sort.c: integers by radix, since models have tens of millions of them; texts by comparison.
 */
#include "pg/ids/id_sort.h"

/* Ids between two looks at interrupts. */
#define POLL_EVERY (1 << 18)

#define DIGITS 8 /* bytes of an id */

/* The byte of an id that a pass sorts by; negative ids come first. */
static inline uint8 Digit(int64 id, int digit)
{
    return (uint8)(((uint64)id ^ UINT64CONST(1) << 63) >> (8 * digit));
}

static void CountDigits(const IdSlot *ids, uint32 n, uint32 counts[DIGITS][256])
{
    memset(counts, 0, sizeof(uint32[DIGITS][256]));
    for (uint32 i = 0; i < n; i++) {
        for (int d = 0; d < DIGITS; d++)
            counts[d][Digit(ids[i].id, d)]++;
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
}

static void SortByDigit(const IdSlot *from, uint32 n, int digit, const uint32 *counts, IdSlot *to)
{
    uint32 next[256], sum = 0;

    for (int v = 0; v < 256; v++) {
        next[v] = sum;
        sum += counts[v];
    }
    for (uint32 i = 0; i < n; i++) {
        to[next[Digit(from[i].id, digit)]++] = from[i];
        if (i % POLL_EVERY == 0)
            CHECK_FOR_INTERRUPTS();
    }
}

/* One pass for each byte, from the lowest on; bytes that all ids share need none. */
IdSlot *SortIntegers(IdSlot *ids, uint32 n, IdSlot *scratch)
{
    uint32 counts[DIGITS][256];

    CountDigits(ids, n, counts);
    for (int d = 0; d < DIGITS && n > 0; d++) {
        IdSlot *sorted = scratch;

        if (counts[d][Digit(ids[0].id, d)] == n)
            continue;
        SortByDigit(ids, n, d, counts[d], sorted);
        scratch = ids;
        ids = sorted;
    }
    return ids;
}

static inline int CompareTexts(const NumberedText *a, const NumberedText *b)
{
    return CompareIds((Id){ID_TEXT, 0, a->key.text, a->key.length},
                      (Id){ID_TEXT, 0, b->key.text, b->key.length});
}

#define ST_SORT          SortNumberedTexts
#define ST_ELEMENT_TYPE  NumberedText
#define ST_COMPARE(a, b) CompareTexts(a, b)
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

void SortTexts(NumberedText *texts, uint32 count)
{
    SortNumberedTexts(texts, count);
}
