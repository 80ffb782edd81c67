/* encoder.c: the mean of the items that were clicked last, and a residual block. */
#include "algo/actor_critic/encoder.h"

#include "algo/net/layer_norm.h"

/* Width of the block, in factors. */
#define WIDER 2

/* Parts of a tape. */
typedef struct EncoderParts {
    Real *state;   /* rows x factors */
    Real *mean;    /* rows x factors */
    Real *sum;     /* rows x factors: before the norm */
    Real *inverse; /* rows */
    Real *block;   /* MlpTape */
} EncoderParts;

Encoder EncoderAdd(Pack *pack, uint32_t factors)
{
    uint32_t width[] = {factors, WIDER * factors, factors};
    Encoder encoder = {.factors = factors};

    encoder.block = MlpAdd(pack, 2, width, false, 0);
    encoder.gain = PackAdd(pack, 1, factors);
    encoder.shift = PackAdd(pack, 1, factors);
    return encoder;
}

void EncoderStart(const Encoder *encoder, const Pack *pack, Random *random, float *parameters)
{
    MlpStart(&encoder->block, pack, random, parameters);
    for (uint32_t k = 0; k < encoder->factors; k++)
        PackMatrix(pack, encoder->gain, parameters)[k] = 1;
}

size_t EncoderTape(const Encoder *encoder, size_t rows)
{
    return 3 * rows * Pitch(encoder->factors) + Pitch(rows) + MlpTape(&encoder->block, rows);
}

static EncoderParts Parts(const Encoder *encoder, size_t rows, Real *tape)
{
    size_t all = rows * Pitch(encoder->factors);

    return (EncoderParts){tape, tape + all, tape + 2 * all, tape + 3 * all,
                          tape + 3 * all + Pitch(rows)};
}

static const Real *Of(const Pack *pack, int matrix, const Real *parameters)
{
    return parameters + pack->matrix[matrix].first;
}

/* From the means that are on the tape. */
static void Run(const Encoder *encoder, const Pack *pack, const Real *parameters, size_t rows,
                const EncoderParts *p)
{
    MlpForward(&encoder->block, pack, parameters, p->mean, rows, NULL, p->block);
    for (size_t i = 0; i < rows * Pitch(encoder->factors); i++)
        p->sum[i] = p->mean[i] + p->block[i];
    LayerNormForward(p->sum, Of(pack, encoder->gain, parameters),
                     Of(pack, encoder->shift, parameters), rows, encoder->factors, p->state,
                     p->inverse);
}

static void Mean(const Real *items, size_t pitch, const Clicks *clicks, Real *mean)
{
    RealClear(mean, pitch);
    for (uint32_t h = 0; h < clicks->count; h++)
        for (size_t k = 0; k < pitch; k++)
            mean[k] += items[clicks->items[h] * pitch + k];
    for (size_t k = 0; k < pitch && clicks->count > 0; k++)
        mean[k] /= (Real)clicks->count;
}

void EncoderForward(const Encoder *encoder, const Pack *pack, const Real *parameters,
                    const Real *items, const Clicks *clicks, size_t rows, Real *tape)
{
    EncoderParts p = Parts(encoder, rows, tape);
    size_t pitch = Pitch(encoder->factors);

    for (size_t r = 0; r < rows; r++)
        Mean(items, pitch, &clicks[r], p.mean + r * pitch);
    Run(encoder, pack, parameters, rows, &p);
}

void EncoderFromMeans(const Encoder *encoder, const Pack *pack, const Real *parameters,
                      const Real *means, size_t rows, Real *tape)
{
    EncoderParts p = Parts(encoder, rows, tape);

    RealCopy(means, rows * Pitch(encoder->factors), p.mean);
    Run(encoder, pack, parameters, rows, &p);
}

void EncoderBackward(const Encoder *encoder, const Pack *pack, const Real *parameters, size_t rows,
                     Real *tape, Real *g, Real *gradient, Real *dmean)
{
    EncoderParts p = Parts(encoder, rows, tape);
    size_t all = rows * Pitch(encoder->factors);

    LayerNormBackward(p.sum, Of(pack, encoder->gain, parameters), p.inverse, g, rows,
                      encoder->factors, g, gradient + pack->matrix[encoder->gain].first,
                      gradient + pack->matrix[encoder->shift].first);
    MlpBackward(&encoder->block, pack, parameters, p.mean, rows, p.block, g, dmean, gradient);
    for (size_t i = 0; i < all; i++)
        dmean[i] += g[i];
}
