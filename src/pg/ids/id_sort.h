/*
 * id_sort.h: sorting many ids, each with the number that it had before.
 *
 * For the lists and indexes of this room alone.  Interrupts are looked at on the way.
 */
#ifndef RECADV_PG_IDS_ID_SORT_H
#define RECADV_PG_IDS_ID_SORT_H

#include "pg/ids/id_hash.h"
#include "pg/ids/ids.h"

typedef struct TextKey {
    const char *text; /* not terminated */
    uint32 length;
} TextKey;

typedef struct NumberedText {
    TextKey key;
    uint32 number;
} NumberedText;

/* In place, by bytes. */
extern void SortTexts(NumberedText *texts, uint32 count);

/* With a scratch array of the same size; returns which of the two arrays is the sorted one. */
extern IdSlot *SortIntegers(IdSlot *ids, uint32 count, IdSlot *scratch);

#endif
