/* adam_rows.c: the state of each row, and its step. */
#include "algo/learn/adam_rows.h"

#include <string.h>

/* Rows between two looks at interrupts. */
#define POLL_ROWS 4096

void AdamRowsCreate(const Host *host, Part *part, AdamRows *rows)
{
    *rows = (AdamRows){
        .part = part,
        .state = HostAllocateZero(host, SizeMultiply(2, PartFloats(part)), sizeof(float)),
        .steps = HostAllocateZero(host, part->rows, sizeof(uint32_t)),
    };
}

void AdamRowsRelease(const Host *host, AdamRows *rows)
{
    HostRelease(host, rows->state);
    HostRelease(host, rows->steps);
}

size_t AdamRowsMemory(const Part *part)
{
    return SizeAdd(SizeMultiply(SizeMultiply(2, PartFloats(part)), sizeof(float)),
                   SizeMultiply(part->rows, sizeof(uint32_t)));
}

static float *StateOf(const AdamRows *rows, uint32_t row)
{
    return rows->state + 2 * (size_t)row * rows->part->stride;
}

void AdamRowsForget(const Host *host, AdamRows *rows)
{
    for (uint32_t r = 0; r < rows->part->rows; r++) {
        memset(StateOf(rows, r), 0, 2 * rows->part->stride * sizeof(float));
        rows->steps[r] = 0;
        if (r % POLL_ROWS == 0)
            HostPoll(host);
    }
}

void AdamRowsStep(const AdamRows *rows, const AdamRule *rule, uint32_t row, const float *gradient)
{
    AdamMany(rule, ++rows->steps[row], PartRow(rows->part, row), gradient, StateOf(rows, row),
             rows->part->stride);
}
