/* row_numbers.h: which rows a micro-batch touches, numbered from 0 in order of first appearance. */
#ifndef RECADV_ALGO_LEARN_ROW_NUMBERS_H
#define RECADV_ALGO_LEARN_ROW_NUMBERS_H

#include "core/host.h"

typedef struct RowNumbers {
    uint32_t *row;   /* by number */
    uint32_t *table; /* open addressing: number + 1, or 0 */
    uint32_t mask;
    uint32_t count;
} RowNumbers;

/* Room for so many rows. */
extern void NumbersCreate(const Host *host, uint32_t rows, RowNumbers *numbers);
extern size_t NumbersMemory(uint32_t rows);
extern void NumbersRelease(const Host *host, RowNumbers *numbers);

/* The row's number; *fresh tells whether it is new. */
extern uint32_t NumberOf(RowNumbers *numbers, uint32_t row, bool *fresh);

extern void NumbersClear(RowNumbers *numbers);

#endif
