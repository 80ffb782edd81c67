/*
 * pack.h: many small matrices as one part of a model.
 *
 * A network has a matrix or two a layer, and its optimiser as many again: each as a part of its own
 * would be dozens.  A pack lays them out one after the other, each row on a vector's boundary, and
 * is stored as one shared part; packs of the same matrices, for an optimiser's state, lie the same.
 *
 *     Pack pack = {0};
 *     int weight = PackAdd(&pack, factors, hidden), bias = PackAdd(&pack, 1, hidden);
 *     ModelAddPack(model, "network", &pack);        in layout()
 *     float *w = PackMatrix(&pack, weight, model->part[i].data);
 */
#ifndef RECADV_ALGO_NET_PACK_H
#define RECADV_ALGO_NET_PACK_H

#include "algo/model.h"

#define MAX_MATRICES 128

typedef struct PackedMatrix {
    uint32_t rows;
    uint32_t columns;
    uint32_t stride; /* floats from row to row: columns, rounded up to whole vectors */
    size_t first;    /* float of the pack at which it starts */
} PackedMatrix;

typedef struct Pack {
    int count;
    PackedMatrix matrix[MAX_MATRICES];
    size_t floats; /* of all; SIZE_MAX: more than a part can hold */
} Pack;

/* Appends a matrix of at least one row and column; returns its number, -1 if there is no room. */
extern int PackAdd(Pack *pack, uint32_t rows, uint32_t columns);

/* Appends the pack to the model as one shared part. */
extern void ModelAddPack(Model *model, const char *name, const Pack *pack);

/* A matrix in the part's data, or in any other memory laid out so. */
static inline float *PackMatrix(const Pack *pack, int matrix, float *data)
{
    return data + pack->matrix[matrix].first;
}

#endif
