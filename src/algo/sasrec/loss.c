/* loss.c: softmax against shared negatives, cross entropy against one. */
#include "algo/sasrec/batch.h"

#include <math.h>
#include <string.h>

#include "algo/net/loss.h"
#include "algo/net/matrix.h"
#include "core/exponential.h"

#define VECTOR_KERNELS "algo/sasrec/loss_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(Sum, (const float *values, uint32_t count, float *sum));
VECTOR_TABLE(Scale, (float *values, uint32_t count, float scale));

static float Product(const SasrecBatch *b, const float *out, uint32_t item)
{
    float product;

    DotRows(out, PartRow(b->item, item), 1, b->item->stride, &product);
    return product;
}

/* Rows of a window have their user's items in common: no negatives. */
static void DropOwn(const SasrecBatch *b, uint32_t user, float *shares)
{
    const Interactions *data = b->rule.data;

    for (uint64_t i = data->offset[user]; i < data->offset[user + 1]; i++) {
        uint32_t number = b->items.number[data->item[i]];

        if (number > 0 && number <= b->negatives &&
            (b->rule.held_too || !IsHeldOut(data, user, data->item[i])))
            shares[number - 1] = 0;
    }
    memset(shares + b->negatives, 0, (b->width - b->negatives) * sizeof(float));
}

/* Scores of a row become the negatives' parts of the gradient. */
static double SoftmaxRow(SasrecBatch *b, uint32_t user, uint32_t row, float *scores)
{
    const float *out = b->out + (size_t)row * b->item->stride;
    float own = Product(b, out, b->target[row]), greatest, sum, ahead, wrong;

    greatest = ExponentialsBelow(scores, b->width, 1);
    DropOwn(b, user, scores);
    SumVariants[VectorLevel()](scores, b->width, &sum);
    b->pull[row] = 0;
    if (!(sum > 0)) {
        memset(scores, 0, b->width * sizeof(float));
        return isnan(sum) ? (double)sum : 0;
    }
    ahead = logf(sum) + greatest - own; /* of the negatives together */
    wrong = b->weight[row] * RealSigmoid(ahead);
    b->pull[row] = -wrong;
    ScaleVariants[VectorLevel()](scores, b->width, wrong / sum);
    return (double)(b->weight[row] * RealSoftplus(ahead));
}

static double SoftmaxLoss(SasrecBatch *b, const SasrecSlice *slice, float *scores, float *g,
                          float *negatives)
{
    size_t stride = b->item->stride, width = b->width;
    Matrix out = {b->out + slice->row * stride, stride}, shared = {b->shared, stride};
    uint32_t row = slice->row;
    double loss = 0;

    MatrixProductTransposed(out, shared, slice->rows, width, stride, PRODUCT_IS, scores, width);
    for (uint32_t w = 0; w < slice->windows; w++) {
        const Window *window = &b->window[slice->window + w];

        for (uint32_t r = 0; r < window->rows; r++, row++)
            loss += SoftmaxRow(b, window->user, row, scores + (row - slice->row) * width);
    }
    MatrixProduct((Matrix){scores, width}, shared, slice->rows, stride, width, PRODUCT_IS, g,
                  stride);
    MatrixProductColumns((Matrix){scores, width}, out, width, stride, slice->rows, PRODUCT_ADDS,
                         negatives, stride);
    return loss;
}

static double BceRow(SasrecBatch *b, uint32_t row)
{
    const float *out = b->out + (size_t)row * b->item->stride;
    float own = Product(b, out, b->target[row]), other;

    b->pull[row] = b->push[row] = 0;
    if (b->negative[row] == NO_ITEM)
        return 0;
    other = Product(b, out, b->negative[row]);
    b->pull[row] = -b->weight[row] * RealSigmoid(-own);
    b->push[row] = b->weight[row] * RealSigmoid(other);
    return (double)(b->weight[row] * (RealSoftplus(-own) + RealSoftplus(other)));
}

/* Adds the pulls of the rows' own items. */
static void AddPulls(const SasrecBatch *b, const SasrecSlice *slice, float *g)
{
    size_t stride = b->item->stride;

    for (uint32_t r = 0; r < slice->rows; r++) {
        uint32_t row = slice->row + r;

        AddScaledRow(g + r * stride, PartRow(b->item, b->target[row]), b->pull[row], stride);
        if (b->negative[row] != NO_ITEM)
            AddScaledRow(g + r * stride, PartRow(b->item, b->negative[row]), b->push[row], stride);
    }
}

double SasrecLossOf(SasrecBatch *b, const SasrecSlice *slice, float *scores, float *g,
                    float *negatives)
{
    double loss = 0;

    if (b->negatives > 0) {
        loss = SoftmaxLoss(b, slice, scores, g, negatives);
    } else {
        memset(g, 0, (size_t)slice->rows * b->item->stride * sizeof(float));
        for (uint32_t r = 0; r < slice->rows; r++)
            loss += BceRow(b, slice->row + r);
    }
    AddPulls(b, slice, g);
    return loss;
}
