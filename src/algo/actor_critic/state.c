/* state.c: the mean of the items that were clicked last, and a residual block; or attention. */
#include "algo/actor_critic/state.h"

#include "algo/net/layer_norm.h"

/* Width of the block, in factors. */
#define WIDER 2

/* Of the encoder, in the code of Liu et al. 2023. */
#define HEADS  4
#define HIDDEN 2 /* in factors */

/* Parts of the tape of STATE_MEAN. */
typedef struct MeanParts {
    Real *state;   /* rows x factors */
    Real *mean;    /* rows x factors */
    Real *sum;     /* rows x factors: before the norm */
    Real *inverse; /* rows */
    Real *block;   /* MlpTape */
} MeanParts;

/* Of STATE_ATTENTION. */
typedef struct AttentionParts {
    Real *state; /* rows x factors */
    Real *x;     /* all clicks x factors: what goes in, then the gradient of what comes out */
    Real *out;   /* all clicks x factors */
    Real *memory;
    uint32_t first[STATE_ROWS + 1];
} AttentionParts;

static TransformerShape AttentionShapeOf(const StateShape *shape)
{
    return (TransformerShape){.form = TRANSFORMER_POST,
                              .columns = shape->factors,
                              .heads = shape->factors % HEADS == 0 ? HEADS : 1,
                              .hidden = HIDDEN * shape->factors,
                              .layers = shape->layers,
                              .places = shape->history};
}

StateEncoder StateAdd(Pack *pack, const StateShape *shape)
{
    uint32_t factors = shape->factors, width[] = {factors, WIDER * factors, factors};
    StateEncoder encoder = {.shape = *shape};
    TransformerShape attention = AttentionShapeOf(shape);

    if (shape->kind == STATE_ATTENTION) {
        TransformerAdd(pack, &attention, &encoder.transformer);
        encoder.nobody = PackAdd(pack, 1, factors);
        return encoder;
    }
    encoder.block = MlpAdd(pack, 2, width, false, 0);
    encoder.gain = PackAdd(pack, 1, factors);
    encoder.shift = PackAdd(pack, 1, factors);
    return encoder;
}

void StateStart(const StateEncoder *encoder, const Pack *pack, Random *random, Real *parameters)
{
    if (encoder->shape.kind == STATE_ATTENTION) {
        TransformerStart(&encoder->transformer, random, parameters);
        return;
    }
    MlpStart(&encoder->block, pack, random, parameters);
    for (uint32_t k = 0; k < encoder->shape.factors; k++)
        parameters[pack->matrix[encoder->gain].first + k] = 1;
}

static size_t LongestHeads(const StateEncoder *encoder)
{
    size_t history = encoder->shape.history;

    return encoder->transformer.shape.heads * history * Pitch(history);
}

static size_t AttentionMemory(const StateEncoder *encoder, size_t rows)
{
    size_t history = encoder->shape.history;

    return Pitch(TransformerReals(&encoder->transformer.shape, rows * history,
                                  rows * LongestHeads(encoder), history));
}

size_t StateTape(const StateEncoder *encoder, size_t rows)
{
    size_t all = rows * Pitch(encoder->shape.factors);

    if (encoder->shape.kind == STATE_ATTENTION)
        return all + 2 * all * encoder->shape.history + AttentionMemory(encoder, rows) +
               sizeof(TransformerTape) / sizeof(Real) + VECTOR_LANES;
    return 3 * all + Pitch(rows) + MlpTape(&encoder->block, rows);
}

static const Real *Of(const Pack *pack, int matrix, const Real *parameters)
{
    return parameters + pack->matrix[matrix].first;
}

/* --- the mean */

static MeanParts PartsOfMean(const StateEncoder *encoder, size_t rows, Real *tape)
{
    size_t all = rows * Pitch(encoder->shape.factors);

    return (MeanParts){tape, tape + all, tape + 2 * all, tape + 3 * all,
                       tape + 3 * all + Pitch(rows)};
}

/* From the means that are on the tape. */
static void RunMean(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                    size_t rows, const MeanParts *p)
{
    uint32_t factors = encoder->shape.factors;

    MlpForward(&encoder->block, pack, parameters, p->mean, rows, NULL, p->block);
    for (size_t i = 0; i < rows * Pitch(factors); i++)
        p->sum[i] = p->mean[i] + p->block[i];
    LayerNormForward(p->sum, Of(pack, encoder->gain, parameters),
                     Of(pack, encoder->shift, parameters), rows, factors, p->state, p->inverse);
}

static void AddRow(const Real *row, size_t pitch, Real *sum)
{
    for (size_t k = 0; k < pitch; k++)
        sum[k] += row[k];
}

static void Divide(uint32_t count, size_t pitch, Real *sum)
{
    for (size_t k = 0; k < pitch && count > 0; k++)
        sum[k] /= (Real)count;
}

static void MeanForward(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                        const Real *items, const Clicks *clicks, size_t rows, Real *tape)
{
    MeanParts p = PartsOfMean(encoder, rows, tape);
    size_t pitch = Pitch(encoder->shape.factors);

    RealClear(p.mean, rows * pitch);
    for (size_t r = 0; r < rows; r++) {
        for (uint32_t h = 0; h < clicks[r].count; h++)
            AddRow(items + clicks[r].items[h] * pitch, pitch, p.mean + r * pitch);
        Divide(clicks[r].count, pitch, p.mean + r * pitch);
    }
    RunMean(encoder, pack, parameters, rows, &p);
}

static void MeanBackward(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                         size_t rows, Real *tape, Real *g, Real *gradient, Real *vectors)
{
    MeanParts p = PartsOfMean(encoder, rows, tape);
    size_t all = rows * Pitch(encoder->shape.factors);

    LayerNormBackward(p.sum, Of(pack, encoder->gain, parameters), p.inverse, g, rows,
                      encoder->shape.factors, g, gradient + pack->matrix[encoder->gain].first,
                      gradient + pack->matrix[encoder->shift].first);
    MlpBackward(&encoder->block, pack, parameters, p.mean, rows, p.block, g, vectors, gradient);
    for (size_t i = 0; i < all; i++)
        vectors[i] += g[i];
}

/* --- attention */

/* Rows of a state's sequence: the row of nobody stands for no click. */
static uint32_t RowsOf(Clicks clicks)
{
    return clicks.count > 0 ? clicks.count : 1;
}

static AttentionParts PartsOfAttention(const StateEncoder *encoder, const Clicks *clicks,
                                       size_t rows, Real *tape, TransformerTape **kept)
{
    size_t all = rows * Pitch(encoder->shape.factors), history = encoder->shape.history;
    AttentionParts p = {.state = tape, .x = tape + all, .out = tape + all + all * history};

    p.memory = p.out + all * history;
    *kept = (TransformerTape *)(p.memory + AttentionMemory(encoder, rows));
    for (size_t r = 0; r < rows; r++)
        p.first[r + 1] = p.first[r] + RowsOf(clicks[r]);
    return p;
}

static void Gather(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                   const Real *items, Clicks clicks, Real *x)
{
    size_t pitch = Pitch(encoder->shape.factors);

    if (clicks.count == 0)
        RealCopy(Of(pack, encoder->nobody, parameters), pitch, x);
    for (uint32_t h = 0; h < clicks.count; h++)
        RealCopy(items + clicks.items[h] * pitch, pitch, x + h * pitch);
}

static void AttentionStates(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                            const Real *items, const Clicks *clicks, size_t rows, Real *tape)
{
    TransformerTape *kept;
    AttentionParts p = PartsOfAttention(encoder, clicks, rows, tape, &kept);
    Sequences sequences = {(uint32_t)rows, p.first, NULL};
    size_t pitch = Pitch(encoder->shape.factors);

    for (size_t r = 0; r < rows; r++)
        Gather(encoder, pack, parameters, items, clicks[r], p.x + p.first[r] * pitch);
    TransformerForward(&encoder->transformer, parameters, &sequences, (TransformerDropout){0, NULL},
                       p.x, p.memory, kept, p.out);
    for (size_t r = 0; r < rows; r++)
        RealCopy(p.out + (p.first[r + 1] - 1) * pitch, pitch, p.state + r * pitch);
}

/* The gradient of a state is that of its last row. */
static void Spread(const StateEncoder *encoder, size_t rows, const AttentionParts *p, const Real *g)
{
    size_t pitch = Pitch(encoder->shape.factors);

    RealClear(p->out, p->first[rows] * pitch);
    for (size_t r = 0; r < rows; r++)
        RealCopy(g + r * pitch, pitch, p->out + (p->first[r + 1] - 1) * pitch);
}

static void AttentionBack(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                          const Clicks *clicks, size_t rows, Real *tape, Real *g, Real *gradient,
                          Real *vectors)
{
    TransformerTape *kept;
    AttentionParts p = PartsOfAttention(encoder, clicks, rows, tape, &kept);
    Sequences sequences = {(uint32_t)rows, p.first, NULL};
    size_t pitch = Pitch(encoder->shape.factors), one = encoder->shape.history * pitch;

    Spread(encoder, rows, &p, g);
    TransformerBackward(&encoder->transformer, parameters, &sequences, kept, p.out, p.x, gradient);
    for (size_t r = 0; r < rows; r++) {
        const Real *dx = p.x + p.first[r] * pitch;

        if (clicks[r].count == 0)
            AddRow(dx, pitch, gradient + pack->matrix[encoder->nobody].first);
        else
            RealCopy(dx, clicks[r].count * pitch, vectors + r * one);
    }
}

/* --- both */

void StateForward(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                  const Real *items, const Clicks *clicks, size_t rows, Real *tape)
{
    if (encoder->shape.kind == STATE_ATTENTION)
        AttentionStates(encoder, pack, parameters, items, clicks, rows, tape);
    else
        MeanForward(encoder, pack, parameters, items, clicks, rows, tape);
}

void StateBackward(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                   const Clicks *clicks, size_t rows, Real *tape, Real *g, Real *gradient,
                   Real *vectors)
{
    if (encoder->shape.kind == STATE_ATTENTION)
        AttentionBack(encoder, pack, parameters, clicks, rows, tape, g, gradient, vectors);
    else
        MeanBackward(encoder, pack, parameters, rows, tape, g, gradient, vectors);
}

size_t StateScratch(const StateEncoder *encoder, size_t count)
{
    return encoder->shape.kind == STATE_ATTENTION
               ? TransformerLastReals(&encoder->transformer.shape, count > 0 ? count : 1)
               : StateTape(encoder, 1);
}

static void MeanOfRows(const StateEncoder *encoder, const Pack *pack, const Real *parameters,
                       const Real *rows, uint32_t count, Real *scratch, Real *state)
{
    MeanParts p = PartsOfMean(encoder, 1, scratch);
    size_t pitch = Pitch(encoder->shape.factors);

    RealClear(p.mean, pitch);
    for (uint32_t h = 0; h < count; h++)
        AddRow(rows + h * pitch, pitch, p.mean);
    Divide(count, pitch, p.mean);
    RunMean(encoder, pack, parameters, 1, &p);
    RealCopy(p.state, pitch, state);
}

void StateOfRows(const StateEncoder *encoder, const Pack *pack, const Real *parameters, Real *rows,
                 uint32_t count, Real *scratch, Real *state)
{
    if (encoder->shape.kind == STATE_MEAN) {
        MeanOfRows(encoder, pack, parameters, rows, count, scratch, state);
        return;
    }
    if (count == 0)
        RealCopy(Of(pack, encoder->nobody, parameters), Pitch(encoder->shape.factors), rows);
    TransformerLast(&encoder->transformer, parameters, rows, count > 0 ? count : 1, scratch, state);
}
