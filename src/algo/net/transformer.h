/*
 * transformer.h: the encoder of sequences of SASRec (Kang and McAuley 2018) and of HAC (Liu et al.
 * 2023): layers of causal attention and a small network, over rows that know their place.
 *
 * With LN layer normalisation, D dropout, Att causal attention, f one hidden layer with ReLU, x the
 * rows, given with their places counted from the end of the sequence:
 *
 *     TRANSFORMER_PRE   x = D(x + place);  each layer: h = LN(x), z = LN(h + Att(h, x, x)),
 *                   x = z + D(f(z));   out = LN(x)                     SASRec: only queries are
 *                                                                      normalised before
 *     TRANSFORMER_POST  x = LN(D(x + place));  each layer: z = LN(x + D(Att(x, x, x) W)),
 *                   x = LN(z + D(f(z)));  out = x                      as torch.nn has it
 */
#ifndef RECADV_ALGO_NET_TRANSFORMER_H
#define RECADV_ALGO_NET_TRANSFORMER_H

#include "algo/net/attention.h"
#include "algo/net/pack.h"
#include "core/host.h"
#include "core/random.h"

#define TRANSFORMER_LAYERS 4 /* at most */

typedef enum TransformerForm { TRANSFORMER_PRE, TRANSFORMER_POST } TransformerForm;

typedef struct TransformerShape {
    TransformerForm form;
    uint32_t columns;
    uint32_t heads;  /* a divisor of columns */
    uint32_t hidden; /* of the small network */
    uint32_t layers;
    uint32_t places; /* rows of the longest sequence */
} TransformerShape;

/* Where a matrix and its bias start in the parameters; of a normalisation gain and bias. */
typedef struct TransformerPlace {
    size_t weight, bias;
} TransformerPlace;

typedef struct TransformerLayer {
    TransformerPlace query, key, value, mixed; /* mixed: of TRANSFORMER_POST alone */
    TransformerPlace inner, outer;
    TransformerPlace first, second; /* normalisations */
} TransformerLayer;

typedef struct Transformer {
    TransformerShape shape;
    size_t place;          /* places x columns */
    TransformerPlace edge; /* the normalisation of what comes in, or goes out */
    TransformerLayer layer[TRANSFORMER_LAYERS];
    const Host *host; /* who may cancel: what is computed is then of no use; NULL: nobody */
} Transformer;

/* Appends the encoder's matrices to a pack of parameters. */
extern void TransformerAdd(Pack *pack, const TransformerShape *shape, Transformer *encoder);

/* First values: weights uniform (Glorot and Bengio 2010), places small, gains 1. */
extern void TransformerStart(const Transformer *encoder, Random *random, Real *parameters);

typedef struct TransformerLayerTape {
    Real *x;                     /* what came in */
    Real *normed, *first;        /* LN(x) and its 1 / deviation: of TRANSFORMER_PRE */
    Real *q, *k, *v, *attention; /* rows x columns, and the weights */
    Real *keep, *kept;           /* of the weights */
    Real *mixed, *keep_mixed;    /* of TRANSFORMER_POST */
    Real *y, *inverse, *z;       /* z = LN(y) */
    Real *hidden, *keep_hidden;
    Real *w, *last; /* rows before the last normalisation: of TRANSFORMER_POST */
    Real *keep_out;
} TransformerLayerTape;

/* What the way forward leaves for the way back. */
typedef struct TransformerTape {
    TransformerLayerTape layer[TRANSFORMER_LAYERS];
    Real *in;   /* rows with their places, before what is done at the edge */
    Real *keep; /* of them */
    Real *edge; /* 1 / deviation of the edge's normalisation */
    Real *x;    /* what the last layer gives */
    Real *scratch;
} TransformerTape;

/* Numbers that a tape needs for so many rows, with weights of attention so many, in sequences whose
 * longest has so many rows. */
extern size_t TransformerReals(const TransformerShape *shape, size_t rows, size_t attention,
                               size_t longest);

/* The weights of attention of the sequences: see TransformerReals. */
extern size_t TransformerAttention(const TransformerShape *shape, const Sequences *sequences);

/* A dropout: none where `share` is 0. */
typedef struct TransformerDropout {
    double share;
    Random *random;
} TransformerDropout;

/*
 * x, out: rows x columns; x gets its places added and is then lost.  memory: TransformerReals,
 * 64-byte aligned; tape and memory stay as they are until the way back.
 */
extern void TransformerForward(const Transformer *encoder, const Real *parameters,
                               const Sequences *sequences, TransformerDropout dropout,
                               const Real *x, Real *memory, TransformerTape *tape, Real *out);

/* g: rows x columns, the gradient of out, which is lost; dx: rows x columns; gradient: as the
 * parameters, added to */
extern void TransformerBackward(const Transformer *encoder, const Real *parameters,
                                const Sequences *sequences, const TransformerTape *tape, Real *g,
                                Real *dx, Real *gradient);

/* Numbers of scratch memory for a sequence of so many rows. */
extern size_t TransformerLastReals(const TransformerShape *shape, size_t rows);

/*
 * out (columns): the last row of what TransformerForward makes of one sequence x (rows x columns,
 * lost), without dropout, to rounding.  For serving: no library, so the same bytes in every
 * process.
 */
extern void TransformerLast(const Transformer *encoder, const Real *parameters, Real *x,
                            size_t rows, Real *scratch, Real *out);

#endif
