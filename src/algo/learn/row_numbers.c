/*
 * row_numbers.c: numbers the rows that a micro-batch touches, by a hash table with open addressing.
 *
 * For code that adds up gradients per row: it needs room for the rows that occur, not for all.
 */
#include "algo/learn/row_numbers.h"

#include <string.h>

static uint32_t TableSize(uint32_t rows)
{
    uint32_t size = 16;

    while (size < 2 * rows)
        size *= 2;
    return size;
}

void NumbersCreate(const Host *host, uint32_t rows, RowNumbers *numbers)
{
    numbers->mask = TableSize(rows) - 1;
    numbers->row = HostAllocate(host, rows, sizeof(uint32_t));
    numbers->table = HostAllocateZero(host, (size_t)numbers->mask + 1, sizeof(uint32_t));
    numbers->count = 0;
}

size_t NumbersMemory(uint32_t rows)
{
    return ((size_t)rows + TableSize(rows)) * sizeof(uint32_t);
}

void NumbersRelease(const Host *host, RowNumbers *numbers)
{
    HostRelease(host, numbers->row);
    HostRelease(host, numbers->table);
}

static uint32_t FirstPlace(const RowNumbers *numbers, uint32_t row)
{
    return (row * 2654435761u >> 7) & numbers->mask;
}

uint32_t NumberOf(RowNumbers *numbers, uint32_t row, bool *fresh)
{
    uint32_t place = FirstPlace(numbers, row);

    while (numbers->table[place] != 0) {
        *fresh = false;
        if (numbers->row[numbers->table[place] - 1] == row)
            return numbers->table[place] - 1;
        place = (place + 1) & numbers->mask;
    }
    *fresh = true;
    numbers->row[numbers->count] = row;
    numbers->table[place] = ++numbers->count;
    return numbers->count - 1;
}

void NumbersClear(RowNumbers *numbers)
{
    memset(numbers->table, 0, ((size_t)numbers->mask + 1) * sizeof(uint32_t));
    numbers->count = 0;
}
