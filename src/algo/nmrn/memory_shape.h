/* memory_shape.h: sizes and kinds of a key-value memory, whatever its numbers are. */
#ifndef RECADV_ALGO_NMRN_MEMORY_SHAPE_H
#define RECADV_ALGO_NMRN_MEMORY_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keeps distances differentiable where two rows meet. */
#define DISTANCE_FLOOR 1e-12

typedef enum Addressing { ADDRESS_EUCLIDEAN, ADDRESS_CONTENT, ADDRESS_NTM } Addressing;

typedef enum WriteForm { WRITE_CONVEX, WRITE_ERASE_ADD } WriteForm;

typedef struct MemoryShape {
    uint32_t factors;
    uint32_t stride; /* factors, padded to 16 */
    uint32_t slots;
    uint32_t hops;
    Addressing addressing;
    WriteForm write;
    double beta;         /* inverse temperature of Euclidean addressing */
    double query_weight; /* of the user's own row in the point that items are compared with */
    uint32_t recent;     /* rows of the last items, newest first, that follow the slots */
} MemoryShape;

/* Rows of the heads: weights of six numbers of a Neural Turing Machine's head, and their biases. */
enum { HEAD_BETA, HEAD_GATE, HEAD_SHIFT, HEAD_SHARPEN = HEAD_SHIFT + 3, HEAD_BIAS, HEAD_ROWS };

static inline size_t GateRows(uint32_t factors)
{
    return 2 * (size_t)factors + 2;
}

static inline size_t SlotStride(const MemoryShape *shape)
{
    return ((size_t)shape->slots + 15) / 16 * 16;
}

/* Numbers of one memory: slots, then the rows of the last items. */
static inline size_t BankReals(const MemoryShape *shape)
{
    return ((size_t)shape->slots + shape->recent) * shape->stride;
}

static inline size_t HopReals(const MemoryShape *shape)
{
    return 2 * (size_t)shape->stride + 16 + 5 * SlotStride(shape);
}

/* Numbers of one event's tape without the memory before the write, and with it. */
static inline size_t ShortTapeReals(const MemoryShape *shape)
{
    return shape->hops * HopReals(shape) + 3 * (size_t)shape->stride;
}

static inline size_t TapeReals(const MemoryShape *shape)
{
    return ShortTapeReals(shape) + BankReals(shape);
}

static inline size_t ScratchReals(const MemoryShape *shape)
{
    return 6 * SlotStride(shape) + 5 * (size_t)shape->stride;
}

#endif
