/*
 * encoder.h: the encoder of sequences of SASRec (Kang and McAuley 2018) and of HAC (Liu et al.
 * 2023): layers of causal attention and a small network, over rows that know their place.
 *
 * With LN layer normalisation, D dropout, Att causal attention, f one hidden layer with ReLU, x the
 * rows, given with their places counted from the end of the sequence:
 *
 *     ENCODER_PRE   x = D(x + place);  each layer: h = LN(x), z = LN(h + Att(h, x, x)),
 *                   x = z + D(f(z));   out = LN(x)                     SASRec: only queries are
 *                                                                      normalised before
 *     ENCODER_POST  x = LN(D(x + place));  each layer: z = LN(x + D(Att(x, x, x) W)),
 *                   x = LN(z + D(f(z)));  out = x                      as torch.nn has it
 */
#ifndef RECADV_ALGO_NET_ENCODER_H
#define RECADV_ALGO_NET_ENCODER_H

#include "algo/net/attention.h"
#include "algo/net/pack.h"
#include "core/random.h"

#define ENCODER_LAYERS 4 /* at most */

typedef enum EncoderForm { ENCODER_PRE, ENCODER_POST } EncoderForm;

typedef struct EncoderShape {
    EncoderForm form;
    uint32_t columns;
    uint32_t heads;  /* a divisor of columns */
    uint32_t hidden; /* of the small network */
    uint32_t layers;
    uint32_t places; /* rows of the longest sequence */
} EncoderShape;

/* Where a matrix and its bias start in the parameters; of a normalisation gain and bias. */
typedef struct EncoderPlace {
    size_t weight, bias;
} EncoderPlace;

typedef struct EncoderLayer {
    EncoderPlace query, key, value, mixed; /* mixed: of ENCODER_POST alone */
    EncoderPlace inner, outer;
    EncoderPlace first, second; /* normalisations */
} EncoderLayer;

typedef struct Encoder {
    EncoderShape shape;
    size_t place;      /* places x columns */
    EncoderPlace edge; /* the normalisation of what comes in, or goes out */
    EncoderLayer layer[ENCODER_LAYERS];
} Encoder;

/* Appends the encoder's matrices to a pack of parameters. */
extern void EncoderAdd(Pack *pack, const EncoderShape *shape, Encoder *encoder);

/* First values: weights uniform (Glorot and Bengio 2010), places small, gains 1. */
extern void EncoderStart(const Encoder *encoder, Random *random, Real *parameters);

typedef struct EncoderLayerTape {
    Real *x;                     /* what came in */
    Real *normed, *first;        /* LN(x) and its 1 / deviation: of ENCODER_PRE */
    Real *q, *k, *v, *attention; /* rows x columns, and the weights */
    Real *keep, *kept;           /* of the weights */
    Real *mixed, *keep_mixed;    /* of ENCODER_POST */
    Real *y, *inverse, *z;       /* z = LN(y) */
    Real *hidden, *keep_hidden;
    Real *w, *last; /* rows before the last normalisation: of ENCODER_POST */
    Real *keep_out;
} EncoderLayerTape;

/* What the way forward leaves for the way back. */
typedef struct EncoderTape {
    EncoderLayerTape layer[ENCODER_LAYERS];
    Real *in;   /* rows with their places, before what is done at the edge */
    Real *keep; /* of them */
    Real *edge; /* 1 / deviation of the edge's normalisation */
    Real *x;    /* what the last layer gives */
    Real *scratch;
} EncoderTape;

/* Numbers that a tape needs for so many rows, with weights of attention so many, in sequences whose
 * longest has so many rows. */
extern size_t EncoderReals(const EncoderShape *shape, size_t rows, size_t attention,
                           size_t longest);

/* The weights of attention of the sequences: see EncoderReals. */
extern size_t EncoderAttention(const EncoderShape *shape, const Sequences *sequences);

/* A dropout: none where `share` is 0. */
typedef struct EncoderDropout {
    double share;
    Random *random;
} EncoderDropout;

/*
 * x, out: rows x columns; x gets its places added and is then lost.  memory: EncoderReals, 64-byte
 * aligned; tape and memory stay as they are until the way back.
 */
extern void EncoderForward(const Encoder *encoder, const Real *parameters,
                           const Sequences *sequences, EncoderDropout dropout, const Real *x,
                           Real *memory, EncoderTape *tape, Real *out);

/* g: rows x columns, the gradient of out, which is lost; dx: rows x columns; gradient: as the
 * parameters, added to */
extern void EncoderBackward(const Encoder *encoder, const Real *parameters,
                            const Sequences *sequences, const EncoderTape *tape, Real *g, Real *dx,
                            Real *gradient);

/* Numbers of scratch memory for a sequence of so many rows. */
extern size_t EncoderLastReals(const EncoderShape *shape, size_t rows);

/*
 * out (columns): the last row of what EncoderForward makes of one sequence x (rows x columns,
 * lost), without dropout, to rounding.  For serving: no library, so the same bytes in every
 * process.
 */
extern void EncoderLast(const Encoder *encoder, const Real *parameters, Real *x, size_t rows,
                        Real *scratch, Real *out);

#endif
