/* attention.c: multi-head attention, one head of one sequence at a time, in products of matrices.
 */
#include "algo/net/attention.h"

#include "algo/net/matrix.h"

/* One head of one sequence: where its blocks lie. */
typedef struct Head {
    size_t rows;
    size_t padding;
    size_t width;  /* columns of the head */
    size_t pitch;  /* of q, k, v and their gradients */
    size_t square; /* pitch of the weights */
    Real scale;    /* of products of queries and keys */
    bool causal;
} Head;

size_t AttentionReals(const AttentionShape *shape, const Sequences *sequences)
{
    size_t total = 0;

    for (uint32_t s = 0; s < sequences->count; s++) {
        size_t rows = sequences->first[s + 1] - sequences->first[s];

        total += shape->heads * rows * Pitch(rows);
    }
    return total;
}

size_t AttentionScratch(const Sequences *sequences)
{
    size_t longest = 0;

    for (uint32_t s = 0; s < sequences->count; s++) {
        size_t rows = sequences->first[s + 1] - sequences->first[s];

        longest = rows > longest ? rows : longest;
    }
    return longest * Pitch(longest);
}

static Head HeadOf(const AttentionShape *shape, const Sequences *sequences, uint32_t s)
{
    size_t rows = sequences->first[s + 1] - sequences->first[s];
    size_t width = shape->columns / shape->heads;

    return (Head){.rows = rows,
                  .padding = sequences->padding == NULL ? 0 : sequences->padding[s],
                  .width = width,
                  .pitch = Pitch(shape->columns),
                  .square = Pitch(rows),
                  .scale = 1 / sqrt((Real)width),
                  .causal = shape->causal};
}

/* Which rows row t sees: padding .. end - 1. */
static size_t SeenEnd(const Head *head, size_t t)
{
    return t < head->padding ? head->padding : head->causal ? t + 1 : head->rows;
}

void AttentionSoftmax(Real *scores, size_t count, Real scale)
{
    Real most = count == 0 ? 0 : scores[0], sum = 0;

    for (size_t s = 1; s < count; s++)
        most = scores[s] > most ? scores[s] : most;
    for (size_t s = 0; s < count; s++)
        sum += scores[s] = exp((scores[s] - most) * scale);
    for (size_t s = 0; s < count; s++)
        scores[s] /= sum;
}

static void Multiply(const Real *a, const Real *b, size_t count, Real *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = a[i] * b[i];
}

static void ForwardHead(const Head *head, const Real *q, const Real *k, const Real *v,
                        const Real *keep, Real *weights, Real *kept, Real *out)
{
    size_t n = head->rows, numbers = n * head->square;
    const Real *mix = keep == NULL ? weights : kept;

    MatrixProductTransposed((Matrix){q, head->pitch}, (Matrix){k, head->pitch}, n, n, head->width,
                            PRODUCT_IS, weights, head->square);
    for (size_t t = 0; t < n; t++) {
        Real *row = weights + t * head->square;
        size_t end = SeenEnd(head, t);

        AttentionSoftmax(row + head->padding, end - head->padding, head->scale);
        RealClear(row, head->padding);
        RealClear(row + end, head->square - end);
    }
    if (keep != NULL)
        Multiply(weights, keep, numbers, kept);
    MatrixProduct((Matrix){mix, head->square}, (Matrix){v, head->pitch}, n, head->width, n,
                  PRODUCT_IS, out, head->pitch);
}

/* What lies beyond the heads' columns. */
static void ClearPadding(const AttentionShape *shape, size_t rows, Real *out)
{
    size_t pitch = Pitch(shape->columns);

    for (size_t r = 0; r < rows && shape->columns < pitch; r++)
        RealClear(out + r * pitch + shape->columns, pitch - shape->columns);
}

/* `part`: a matrix's place in the weights, NULL stays NULL. */
#define AT(part, offset) ((part) == NULL ? NULL : (part) + (offset))

void AttentionForward(const AttentionShape *shape, const Sequences *sequences, const Real *q,
                      const Real *k, const Real *v, const Real *keep, Real *weights, Real *kept,
                      Real *out)
{
    size_t square = 0;

    ClearPadding(shape, SequenceRows(sequences), out);
    for (uint32_t s = 0; s < sequences->count; s++) {
        Head head = HeadOf(shape, sequences, s);

        for (uint32_t h = 0; h < shape->heads; h++, square += head.rows * head.square) {
            size_t at = sequences->first[s] * head.pitch + h * head.width;

            ForwardHead(&head, q + at, k + at, v + at, AT(keep, square), weights + square,
                        AT(kept, square), out + at);
        }
    }
}

/* Gradients of weights become those of the products: dS = A (dA - sum of dA A), scaled. */
static void ScoresBackward(const Head *head, const Real *weights, Real *slope)
{
    for (size_t t = 0; t < head->rows; t++, weights += head->square, slope += head->square) {
        Real along = 0;

        for (size_t s = 0; s < head->rows; s++)
            along += slope[s] * weights[s];
        for (size_t s = 0; s < head->rows; s++)
            slope[s] = weights[s] * (slope[s] - along) * head->scale;
    }
}

static void BackwardHead(const Head *head, const AttentionTape *tape, const Real *g, Real *dq,
                         Real *dk, Real *dv, Real *slope)
{
    size_t n = head->rows, width = head->width, pitch = head->pitch;
    Matrix slopes = {slope, head->square};
    const Real *mix = tape->keep == NULL ? tape->weights : tape->kept;

    MatrixProductColumns((Matrix){mix, head->square}, (Matrix){g, pitch}, n, width, n, PRODUCT_IS,
                         dv, pitch);
    MatrixProductTransposed((Matrix){g, pitch}, (Matrix){tape->v, pitch}, n, n, width, PRODUCT_IS,
                            slope, head->square);
    for (size_t t = 0; t < n && tape->keep != NULL; t++)
        Multiply(slope + t * head->square, tape->keep + t * head->square, n,
                 slope + t * head->square);
    ScoresBackward(head, tape->weights, slope);
    MatrixProduct(slopes, (Matrix){tape->k, pitch}, n, width, n, PRODUCT_IS, dq, pitch);
    MatrixProductColumns(slopes, (Matrix){tape->q, pitch}, n, width, n, PRODUCT_IS, dk, pitch);
}

void AttentionBackward(const AttentionShape *shape, const Sequences *sequences,
                       const AttentionTape *tape, const Real *g, Real *dq, Real *dk, Real *dv,
                       Real *scratch)
{
    Real *const gradients[] = {dq, dk, dv};
    size_t square = 0;

    for (int i = 0; i < 3; i++)
        ClearPadding(shape, SequenceRows(sequences), gradients[i]);
    for (uint32_t s = 0; s < sequences->count; s++) {
        Head head = HeadOf(shape, sequences, s);

        for (uint32_t h = 0; h < shape->heads; h++, square += head.rows * head.square) {
            size_t at = sequences->first[s] * head.pitch + h * head.width;
            AttentionTape one = {.q = tape->q + at,
                                 .k = tape->k + at,
                                 .v = tape->v + at,
                                 .weights = tape->weights + square,
                                 .keep = AT(tape->keep, square),
                                 .kept = AT(tape->kept, square)};

            BackwardHead(&head, &one, g + at, dq + at, dk + at, dv + at, scratch);
        }
    }
}
