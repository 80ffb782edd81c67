/* transformer.c: the way forward and the way back through an encoder of sequences. */
#include "algo/net/transformer.h"

#include "algo/net/dropout.h"
#include "algo/net/layer_norm.h"
#include "algo/net/linear.h"
#include "algo/net/matrix.h"

/* Deviation of the places' first values. */
#define PLACE_DEVIATION 0.02

/* --- parameters */

static size_t AddMatrix(Pack *pack, size_t rows, size_t columns)
{
    int matrix = PackAdd(pack, (uint32_t)rows, (uint32_t)columns);

    return matrix < 0 ? SIZE_MAX : pack->matrix[matrix].first;
}

static TransformerPlace AddLinear(Pack *pack, size_t in, size_t out)
{
    TransformerPlace place = {.weight = AddMatrix(pack, in, out)};

    place.bias = AddMatrix(pack, 1, out);
    return place;
}

static TransformerLayer AddLayer(Pack *pack, const TransformerShape *shape)
{
    size_t d = shape->columns;
    TransformerLayer layer = {.query = AddLinear(pack, d, d)};

    layer.key = AddLinear(pack, d, d);
    layer.value = AddLinear(pack, d, d);
    if (shape->form == TRANSFORMER_POST)
        layer.mixed = AddLinear(pack, d, d);
    layer.inner = AddLinear(pack, d, shape->hidden);
    layer.outer = AddLinear(pack, shape->hidden, d);
    layer.first = AddLinear(pack, 1, d);
    layer.second = AddLinear(pack, 1, d);
    return layer;
}

void TransformerAdd(Pack *pack, const TransformerShape *shape, Transformer *encoder)
{
    *encoder = (Transformer){.shape = *shape};
    encoder->place = AddMatrix(pack, shape->places, shape->columns);
    encoder->edge = AddLinear(pack, 1, shape->columns);
    for (uint32_t l = 0; l < shape->layers; l++)
        encoder->layer[l] = AddLayer(pack, shape);
}

static void StartWeight(Random *random, size_t in, size_t out, Real *weight)
{
    double limit = sqrt(6.0 / (double)(in + out));

    for (size_t r = 0; r < in; r++)
        for (size_t c = 0; c < out; c++)
            weight[r * Pitch(out) + c] = (Real)(limit * (2 * RandomUniform(random) - 1));
}

static void StartNorm(const Transformer *encoder, TransformerPlace place, Real *parameters)
{
    for (uint32_t c = 0; c < encoder->shape.columns; c++)
        parameters[place.weight + c] = 1;
}

static void StartLayer(const Transformer *encoder, const TransformerLayer *layer, Random *random,
                       Real *parameters)
{
    const TransformerShape *shape = &encoder->shape;
    size_t d = shape->columns;

    StartWeight(random, d, d, parameters + layer->query.weight);
    StartWeight(random, d, d, parameters + layer->key.weight);
    StartWeight(random, d, d, parameters + layer->value.weight);
    if (shape->form == TRANSFORMER_POST)
        StartWeight(random, d, d, parameters + layer->mixed.weight);
    StartWeight(random, d, shape->hidden, parameters + layer->inner.weight);
    StartWeight(random, shape->hidden, d, parameters + layer->outer.weight);
    StartNorm(encoder, layer->first, parameters);
    StartNorm(encoder, layer->second, parameters);
}

void TransformerStart(const Transformer *encoder, Random *random, Real *parameters)
{
    const TransformerShape *shape = &encoder->shape;

    for (size_t r = 0; r < shape->places; r++)
        for (size_t c = 0; c < shape->columns; c++)
            parameters[encoder->place + r * Pitch(shape->columns) + c] =
                (Real)(PLACE_DEVIATION * RandomNormal(random));
    StartNorm(encoder, encoder->edge, parameters);
    for (uint32_t l = 0; l < shape->layers; l++)
        StartLayer(encoder, &encoder->layer[l], random, parameters);
}

/* --- memory */

/* Buffers of rows x columns, of rows x hidden and of rows that a layer leaves; see LayLayer. */
#define LAYER_MATRICES 11
#define LAYER_HIDDEN   2
#define LAYER_COLUMNS  3

/* Rows of the way back: LayScratch. */
#define SCRATCH_MATRICES 6

static size_t ColumnReals(size_t rows)
{
    return Pitch(rows);
}

size_t TransformerAttention(const TransformerShape *shape, const Sequences *sequences)
{
    AttentionShape attention = {shape->columns, shape->heads, true};

    return AttentionReals(&attention, sequences);
}

size_t TransformerReals(const TransformerShape *shape, size_t rows, size_t attention,
                        size_t longest)
{
    size_t matrix = rows * Pitch(shape->columns), hidden = rows * Pitch(shape->hidden);
    size_t layer = LAYER_MATRICES * matrix + LAYER_HIDDEN * hidden +
                   LAYER_COLUMNS * ColumnReals(rows) + 3 * attention;

    return shape->layers * layer + (3 + SCRATCH_MATRICES) * matrix + hidden + ColumnReals(rows) +
           longest * Pitch(longest);
}

static Real *Take(Real **memory, size_t count)
{
    Real *taken = *memory;

    *memory += count;
    return taken;
}

/* Takes all that either form needs, with dropout and without. */
static void LayLayer(const TransformerShape *shape, size_t rows, size_t attention, Real **memory,
                     TransformerLayerTape *t)
{
    size_t matrix = rows * Pitch(shape->columns), hidden = rows * Pitch(shape->hidden);
    Real **const matrices[LAYER_MATRICES] = {&t->normed, &t->q,          &t->k,       &t->v,
                                             &t->mixed,  &t->keep_mixed, &t->y,       &t->z,
                                             &t->w,      &t->x,          &t->keep_out};
    Real **const columns[LAYER_COLUMNS] = {&t->first, &t->inverse, &t->last};

    for (int i = 0; i < LAYER_MATRICES; i++)
        *matrices[i] = Take(memory, matrix);
    for (int i = 0; i < LAYER_COLUMNS; i++)
        *columns[i] = Take(memory, ColumnReals(rows));
    t->hidden = Take(memory, hidden);
    t->keep_hidden = Take(memory, hidden);
    t->attention = Take(memory, attention);
    t->keep = Take(memory, attention);
    t->kept = Take(memory, attention);
}

static void LayTape(const TransformerShape *shape, const Sequences *sequences, Real *memory,
                    TransformerTape *tape)
{
    size_t rows = SequenceRows(sequences), attention = TransformerAttention(shape, sequences);
    size_t matrix = rows * Pitch(shape->columns);

    for (uint32_t l = 0; l < shape->layers; l++)
        LayLayer(shape, rows, attention, &memory, &tape->layer[l]);
    tape->in = Take(&memory, matrix);
    tape->keep = Take(&memory, matrix);
    tape->x = Take(&memory, matrix);
    tape->edge = Take(&memory, ColumnReals(rows));
    tape->scratch = memory;
}

/* --- pieces of both ways */

static size_t MatrixReals(const TransformerShape *shape, size_t rows)
{
    return rows * Pitch(shape->columns);
}

/* values *= keep, which is drawn anew; without dropout, nothing. */
static void Drop(TransformerDropout dropout, size_t count, Real *keep, Real *values)
{
    if (dropout.share <= 0)
        return;
    DropoutMask(dropout.random, (Real)dropout.share, count, keep);
    DropoutApply(values, keep, count, values);
}

static void AddTo(const Real *values, size_t count, Real *sum)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += values[i];
}

/* Rows of a product between two looks at whether the run is cancelled: of 512 columns, the widest,
 * 17 million multiplications.  Fewer columns have no more rows: how a gradient's sum is cut into
 * products shows in its last bits. */
#define ROWS_AT_ONCE 64

/* Of `left`; where nobody cancels, all of them. */
static size_t RowsAtOnce(const Transformer *e, size_t left)
{
    return e->host == NULL || left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
}

static void Linear(const Transformer *e, const Real *parameters, TransformerPlace place,
                   const Real *x, size_t rows, size_t in, size_t out, Real *y)
{
    size_t some;

    for (size_t r = 0; r < rows && HostGoesOn(e->host, r, 1); r += some) {
        some = RowsAtOnce(e, rows - r);
        LinearForward(x + r * Pitch(in), parameters + place.weight, parameters + place.bias, some,
                      in, out, y + r * Pitch(out));
    }
}

static void Norm(const Transformer *e, const Real *parameters, TransformerPlace place,
                 const Real *x, size_t rows, Real *y, Real *inverse)
{
    LayerNormForward(x, parameters + place.weight, parameters + place.bias, rows, e->shape.columns,
                     y, inverse);
}

/* Row t of a sequence of n stands at the place that is as far from the end. */
static void AddPlaces(const Transformer *e, const Real *parameters, const Sequences *sequences,
                      Real *x)
{
    size_t pitch = Pitch(e->shape.columns);

    for (uint32_t s = 0; s < sequences->count; s++) {
        size_t first = sequences->first[s], rows = sequences->first[s + 1] - first;
        const Real *place = parameters + e->place + (e->shape.places - rows) * pitch;

        AddTo(place, rows * pitch, x + first * pitch);
    }
}

/* --- the way forward */

/* f(z): leaves its hidden row. */
static void ForwardNetwork(const Transformer *e, const Real *parameters,
                           const TransformerLayer *layer, TransformerDropout dropout, size_t rows,
                           TransformerLayerTape *t, Real *out)
{
    size_t d = e->shape.columns, hidden = e->shape.hidden, count = rows * Pitch(hidden);

    Linear(e, parameters, layer->inner, t->z, rows, d, hidden, t->hidden);
    ReluForward(t->hidden, count, t->hidden);
    Drop(dropout, count, t->keep_hidden, t->hidden);
    Linear(e, parameters, layer->outer, t->hidden, rows, hidden, d, out);
    Drop(dropout, rows * Pitch(d), t->keep_out, out);
    AddTo(t->z, rows * Pitch(d), out);
}

/* What the rows get from each other. */
static void Attend(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                   const Sequences *sequences, TransformerDropout dropout, const Real *asking,
                   TransformerLayerTape *t, Real *out)
{
    AttentionShape shape = {e->shape.columns, e->shape.heads, true};
    size_t rows = SequenceRows(sequences), d = shape.columns;
    bool drops = dropout.share > 0;

    Linear(e, parameters, layer->query, asking, rows, d, d, t->q);
    Linear(e, parameters, layer->key, t->x, rows, d, d, t->k);
    Linear(e, parameters, layer->value, t->x, rows, d, d, t->v);
    if (drops)
        DropoutMask(dropout.random, (Real)dropout.share, AttentionReals(&shape, sequences),
                    t->keep);
    else
        t->keep = t->kept = NULL;
    if (HostGoesOn(e->host, 0, 1))
        AttentionForward(&shape, sequences, t->q, t->k, t->v, t->keep, t->attention, t->kept, out);
}

static void ForwardPre(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                       const Sequences *sequences, TransformerDropout dropout,
                       TransformerLayerTape *t, Real *out)
{
    size_t rows = SequenceRows(sequences), count = MatrixReals(&e->shape, rows);

    Norm(e, parameters, layer->first, t->x, rows, t->normed, t->first);
    Attend(e, parameters, layer, sequences, dropout, t->normed, t, t->y);
    AddTo(t->normed, count, t->y);
    Norm(e, parameters, layer->second, t->y, rows, t->z, t->inverse);
    ForwardNetwork(e, parameters, layer, dropout, rows, t, out);
}

static void ForwardPost(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                        const Sequences *sequences, TransformerDropout dropout,
                        TransformerLayerTape *t, Real *out)
{
    size_t rows = SequenceRows(sequences), count = MatrixReals(&e->shape, rows);
    size_t d = e->shape.columns;

    Attend(e, parameters, layer, sequences, dropout, t->x, t, t->mixed);
    Linear(e, parameters, layer->mixed, t->mixed, rows, d, d, t->y);
    Drop(dropout, count, t->keep_mixed, t->y);
    AddTo(t->x, count, t->y);
    Norm(e, parameters, layer->first, t->y, rows, t->z, t->inverse);
    ForwardNetwork(e, parameters, layer, dropout, rows, t, t->w);
    Norm(e, parameters, layer->second, t->w, rows, out, t->last);
}

void TransformerForward(const Transformer *e, const Real *parameters, const Sequences *sequences,
                        TransformerDropout dropout, const Real *x, Real *memory,
                        TransformerTape *tape, Real *out)
{
    size_t rows = SequenceRows(sequences), count = MatrixReals(&e->shape, rows);
    bool post = e->shape.form == TRANSFORMER_POST;

    LayTape(&e->shape, sequences, memory, tape);
    RealCopy(x, count, tape->in);
    AddPlaces(e, parameters, sequences, tape->in);
    if (dropout.share > 0)
        Drop(dropout, count, tape->keep, tape->in);
    else
        tape->keep = NULL;
    if (post)
        Norm(e, parameters, e->edge, tape->in, rows, tape->layer[0].x, tape->edge);
    else
        RealCopy(tape->in, count, tape->layer[0].x);
    for (uint32_t l = 0; l < e->shape.layers; l++) {
        Real *next = l + 1 < e->shape.layers ? tape->layer[l + 1].x : tape->x;

        (post ? ForwardPost : ForwardPre)(e, parameters, &e->layer[l], sequences, dropout,
                                          &tape->layer[l], next);
    }
    if (post)
        RealCopy(tape->x, count, out);
    else
        Norm(e, parameters, e->edge, tape->x, rows, out, tape->edge);
}

/* --- the way back */

/* Rows of gradients that a layer's way back works with. */
typedef struct BackRows {
    Real *z, *q, *k, *v, *asked, *other; /* rows x columns */
    Real *hidden;                        /* rows x hidden */
    Real *square;                        /* of attention */
} BackRows;

static BackRows LayScratch(const TransformerShape *shape, size_t rows, Real *memory)
{
    size_t matrix = rows * Pitch(shape->columns);
    BackRows b;
    Real **const matrices[SCRATCH_MATRICES] = {&b.z, &b.q, &b.k, &b.v, &b.asked, &b.other};

    for (int i = 0; i < SCRATCH_MATRICES; i++)
        *matrices[i] = Take(&memory, matrix);
    b.hidden = Take(&memory, rows * Pitch(shape->hidden));
    b.square = memory;
    return b;
}

static void LinearBack(const Transformer *e, const Real *parameters, TransformerPlace place,
                       const Real *x, const Real *g, size_t rows, size_t in, size_t out, Real *dx,
                       Real *gradient)
{
    size_t some;

    for (size_t r = 0; r < rows && HostGoesOn(e->host, r, 1); r += some) {
        some = RowsAtOnce(e, rows - r);
        LinearBackward(x + r * Pitch(in), parameters + place.weight, g + r * Pitch(out), some, in,
                       out, dx + r * Pitch(in), gradient + place.weight, gradient + place.bias);
    }
}

static void NormBack(const Transformer *e, const Real *parameters, TransformerPlace place,
                     const Real *x, const Real *inverse, const Real *g, size_t rows, Real *dx,
                     Real *gradient)
{
    LayerNormBackward(x, parameters + place.weight, inverse, g, rows, e->shape.columns, dx,
                      gradient + place.weight, gradient + place.bias);
}

/* g: of z + D(f(z)), and lost; b->z becomes the gradient of z. */
static void BackNetwork(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                        bool drops, size_t rows, const TransformerLayerTape *t, BackRows *b,
                        Real *g, Real *gradient)
{
    size_t d = e->shape.columns, hidden = e->shape.hidden, count = rows * Pitch(hidden);

    RealCopy(g, rows * Pitch(d), b->other);
    if (drops)
        DropoutApply(g, t->keep_out, rows * Pitch(d), g);
    LinearBack(e, parameters, layer->outer, t->hidden, g, rows, hidden, d, b->hidden, gradient);
    if (drops)
        DropoutApply(b->hidden, t->keep_hidden, count, b->hidden);
    ReluBackward(t->hidden, b->hidden, count, b->hidden);
    LinearBack(e, parameters, layer->inner, t->z, b->hidden, rows, d, hidden, b->z, gradient);
    AddTo(b->other, rows * Pitch(d), b->z);
}

/* g: of Attend's result.  asking gets the gradient of what asked, x that of the other rows. */
static void AttendBack(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                       const Sequences *sequences, const TransformerLayerTape *t, const Real *asked,
                       BackRows *b, const Real *g, Real *asking, Real *x, Real *gradient)
{
    AttentionShape shape = {e->shape.columns, e->shape.heads, true};
    AttentionTape tape = {t->q, t->k, t->v, t->attention, t->keep, t->kept};
    size_t rows = SequenceRows(sequences), d = shape.columns;

    if (HostGoesOn(e->host, 0, 1))
        AttentionBackward(&shape, sequences, &tape, g, b->q, b->k, b->v, b->square);
    LinearBack(e, parameters, layer->query, asked, b->q, rows, d, d, asking, gradient);
    LinearBack(e, parameters, layer->key, t->x, b->k, rows, d, d, x, gradient);
    LinearBack(e, parameters, layer->value, t->x, b->v, rows, d, d, b->other, gradient);
    AddTo(b->other, MatrixReals(&e->shape, rows), x);
}

/* g: of the layer's result; then that of x. */
static void BackPre(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                    const Sequences *sequences, bool drops, const TransformerLayerTape *t,
                    BackRows *b, Real *g, Real *gradient)
{
    size_t rows = SequenceRows(sequences), count = MatrixReals(&e->shape, rows);

    BackNetwork(e, parameters, layer, drops, rows, t, b, g, gradient);
    NormBack(e, parameters, layer->second, t->y, t->inverse, b->z, rows, b->z, gradient);
    AttendBack(e, parameters, layer, sequences, t, t->normed, b, b->z, b->asked, g, gradient);
    AddTo(b->z, count, b->asked);
    NormBack(e, parameters, layer->first, t->x, t->first, b->asked, rows, b->asked, gradient);
    AddTo(b->asked, count, g);
}

static void BackPost(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                     const Sequences *sequences, bool drops, const TransformerLayerTape *t,
                     BackRows *b, Real *g, Real *gradient)
{
    size_t rows = SequenceRows(sequences), count = MatrixReals(&e->shape, rows);
    size_t d = e->shape.columns;

    NormBack(e, parameters, layer->second, t->w, t->last, g, rows, g, gradient);
    BackNetwork(e, parameters, layer, drops, rows, t, b, g, gradient);
    NormBack(e, parameters, layer->first, t->y, t->inverse, b->z, rows, b->z, gradient);
    RealCopy(b->z, count, b->other);
    if (drops)
        DropoutApply(b->other, t->keep_mixed, count, b->other);
    LinearBack(e, parameters, layer->mixed, t->mixed, b->other, rows, d, d, g, gradient);
    AttendBack(e, parameters, layer, sequences, t, t->x, b, g, b->asked, b->q, gradient);
    RealCopy(b->z, count, g);
    AddTo(b->asked, count, g);
    AddTo(b->q, count, g);
}

/* The gradient of the places: dx, by the rows that stand there. */
static void BackPlaces(const Transformer *e, const Sequences *sequences, const Real *dx,
                       Real *gradient)
{
    size_t pitch = Pitch(e->shape.columns);

    for (uint32_t s = 0; s < sequences->count; s++) {
        size_t first = sequences->first[s], rows = sequences->first[s + 1] - first;

        AddTo(dx + first * pitch, rows * pitch,
              gradient + e->place + (e->shape.places - rows) * pitch);
    }
}

void TransformerBackward(const Transformer *e, const Real *parameters, const Sequences *sequences,
                         const TransformerTape *tape, Real *g, Real *dx, Real *gradient)
{
    size_t rows = SequenceRows(sequences), count = MatrixReals(&e->shape, rows);
    bool post = e->shape.form == TRANSFORMER_POST, drops = tape->keep != NULL;
    BackRows b = LayScratch(&e->shape, rows, tape->scratch);

    if (post)
        RealCopy(g, count, dx);
    else
        NormBack(e, parameters, e->edge, tape->x, tape->edge, g, rows, dx, gradient);
    for (uint32_t l = e->shape.layers; l-- > 0;)
        (post ? BackPost : BackPre)(e, parameters, &e->layer[l], sequences, drops, &tape->layer[l],
                                    &b, dx, gradient);
    if (post)
        NormBack(e, parameters, e->edge, tape->in, tape->edge, dx, rows, dx, gradient);
    if (drops)
        DropoutApply(dx, tape->keep, count, dx);
    BackPlaces(e, sequences, dx, gradient);
}

/* --- the last row alone */

/* Scratch memory of one sequence. */
typedef struct LastRows {
    Real *k, *v;                  /* rows x columns */
    Real *q, *asking, *mixed, *y; /* columns */
    Real *hidden;
    Real *weights; /* rows */
} LastRows;

/* Rows of scratch: LayLast. */
#define LAST_ROWS 4

size_t TransformerLastReals(const TransformerShape *shape, size_t rows)
{
    return (2 * rows + LAST_ROWS) * Pitch(shape->columns) + Pitch(shape->hidden) + Pitch(rows);
}

static LastRows LayLast(const TransformerShape *shape, size_t rows, Real *memory)
{
    size_t pitch = Pitch(shape->columns);
    LastRows r = {.k = Take(&memory, rows * pitch)};
    Real **const one[LAST_ROWS] = {&r.q, &r.asking, &r.mixed, &r.y};

    r.v = Take(&memory, rows * pitch);
    for (int i = 0; i < LAST_ROWS; i++)
        *one[i] = Take(&memory, pitch);
    r.hidden = Take(&memory, Pitch(shape->hidden));
    r.weights = memory;
    return r;
}

static void LinearPlain(const Real *parameters, TransformerPlace place, const Real *x, size_t rows,
                        size_t in, size_t out, Real *y)
{
    size_t pitch = Pitch(out);

    for (size_t r = 0; r < rows; r++)
        RealCopy(parameters + place.bias, pitch, y + r * pitch);
    MatrixProductPlain((Matrix){x, Pitch(in)}, (Matrix){parameters + place.weight, pitch}, rows,
                       pitch, in, PRODUCT_ADDS, y, pitch);
}

/* What the row gets from the rows up to `t`. */
static void AttendOne(const Transformer *e, const LastRows *r, size_t t, Real *out)
{
    size_t pitch = Pitch(e->shape.columns), width = e->shape.columns / e->shape.heads;
    Real scale = 1 / sqrt((Real)width);

    RealClear(out, pitch);
    for (size_t at = 0; at < e->shape.columns; at += width) {
        Matrix weights = {r->weights, pitch};

        MatrixProductTransposedPlain((Matrix){r->q + at, pitch}, (Matrix){r->k + at, pitch}, 1,
                                     t + 1, width, PRODUCT_IS, r->weights, pitch);
        AttentionSoftmax(r->weights, t + 1, scale);
        MatrixProductPlain(weights, (Matrix){r->v + at, pitch}, 1, width, t + 1, PRODUCT_IS,
                           out + at, pitch);
    }
}

/* y becomes z + f(z), z = LN(y). */
static void NetworkOne(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                       TransformerPlace norm, LastRows *r)
{
    size_t d = e->shape.columns, hidden = e->shape.hidden;

    Norm(e, parameters, norm, r->y, 1, r->mixed, NULL);
    LinearPlain(parameters, layer->inner, r->mixed, 1, d, hidden, r->hidden);
    ReluForward(r->hidden, Pitch(hidden), r->hidden);
    LinearPlain(parameters, layer->outer, r->hidden, 1, hidden, d, r->y);
    AddTo(r->mixed, Pitch(d), r->y);
}

/* Row t of x; keys and values of all rows up to it are there. */
static void LayerOne(const Transformer *e, const Real *parameters, const TransformerLayer *layer,
                     size_t t, LastRows *r, Real *x)
{
    size_t d = e->shape.columns, pitch = Pitch(d);
    bool post = e->shape.form == TRANSFORMER_POST;

    if (post)
        RealCopy(x, pitch, r->asking);
    else
        Norm(e, parameters, layer->first, x, 1, r->asking, NULL);
    LinearPlain(parameters, layer->query, r->asking, 1, d, d, r->q);
    AttendOne(e, r, t, post ? r->mixed : r->y);
    if (post)
        LinearPlain(parameters, layer->mixed, r->mixed, 1, d, d, r->y);
    AddTo(r->asking, pitch, r->y);
    NetworkOne(e, parameters, layer, post ? layer->first : layer->second, r);
    if (post)
        Norm(e, parameters, layer->second, r->y, 1, x, NULL);
    else
        RealCopy(r->y, pitch, x);
}

void TransformerLast(const Transformer *e, const Real *parameters, Real *x, size_t rows,
                     Real *scratch, Real *out)
{
    size_t d = e->shape.columns, pitch = Pitch(d);
    LastRows r = LayLast(&e->shape, rows, scratch);
    bool post = e->shape.form == TRANSFORMER_POST;
    Real *last = x + (rows - 1) * pitch;

    AddTo(parameters + e->place + (e->shape.places - rows) * pitch, rows * pitch, x);
    if (post)
        Norm(e, parameters, e->edge, x, rows, x, NULL);
    for (uint32_t l = 0; l < e->shape.layers; l++) {
        const TransformerLayer *layer = &e->layer[l];

        LinearPlain(parameters, layer->key, x, rows, d, d, r.k);
        LinearPlain(parameters, layer->value, x, rows, d, d, r.v);
        for (size_t t = l + 1 < e->shape.layers ? 0 : rows - 1; t < rows; t++)
            LayerOne(e, parameters, layer, t, &r, x + t * pitch);
    }
    if (post)
        RealCopy(last, pitch, out);
    else
        Norm(e, parameters, e->edge, last, 1, out, NULL);
}
