/* double_transformer.c: the encoder of sequences: gradients, causality, padding, the last row
 * alone. */
#include "algo/net/transformer.h"
#include "gradients.h"
#include "tests.h"

#define ROWS    9 /* of two sequences */
#define COLUMNS 6
#define HIDDEN  10
#define PLACES  7
#define PITCH   16
#define NUMBERS (ROWS * PITCH)
#define DROPOUT 0.3

static const uint32_t first[] = {0, 5, ROWS}, padding[] = {2, 0};

typedef struct World {
    Pack pack;
    Transformer encoder;
    Sequences sequences;
    TransformerTape tape;
    double dropout;
    Real *parameters, *x, *g, *out, *memory;
} World;

/* The same draws each time. */
static double TransformerLoss(void *arg)
{
    World *w = arg;
    Random random = TestStream(31);
    double loss = 0;

    TransformerForward(&w->encoder, w->parameters, &w->sequences,
                       (TransformerDropout){w->dropout, &random}, w->x, w->memory, &w->tape,
                       w->out);
    for (size_t i = 0; i < NUMBERS; i++)
        loss += (double)(w->out[i] * w->g[i]);
    return loss;
}

static size_t Reals(const World *w)
{
    return TransformerReals(&w->encoder.shape, ROWS,
                            TransformerAttention(&w->encoder.shape, &w->sequences), 5);
}

static World WorldCreate(TransformerForm form, bool pads, double dropout)
{
    Random random = TestStream(32);
    TransformerShape shape = {form, COLUMNS, 2, HIDDEN, 2, PLACES};
    World w = {.sequences = {2, first, pads ? padding : NULL},
               .dropout = dropout,
               .x = RandomMatrix(&random, ROWS, COLUMNS, 1),
               .g = RandomMatrix(&random, ROWS, COLUMNS, 1),
               .out = ZeroMatrix(ROWS, COLUMNS)};

    TransformerAdd(&w.pack, &shape, &w.encoder);
    w.parameters = ZeroMatrix(1, w.pack.floats);
    TransformerStart(&w.encoder, &random, w.parameters);
    for (int m = 0; m < w.pack.count; m++) /* gains of 1 and biases of 0 hide mistakes */
        for (uint32_t r = 0; r < w.pack.matrix[m].rows; r++)
            for (uint32_t c = 0; c < w.pack.matrix[m].columns; c++)
                w.parameters[w.pack.matrix[m].first + r * w.pack.matrix[m].stride + c] +=
                    (Real)(0.2 * RandomNormal(&random));
    w.memory = ZeroMatrix(1, Reals(&w));
    for (size_t r = 0; pads && r < padding[0] * PITCH; r++)
        w.g[r] = 0; /* nobody asks for rows that stand for nothing */
    return w;
}

static void CheckGradients(TransformerForm form, bool pads, double dropout, const char *name)
{
    World w = WorldCreate(form, pads, dropout);
    Real *gradient = ZeroMatrix(1, w.pack.floats), *dx = ZeroMatrix(ROWS, COLUMNS);
    Real *g = ZeroMatrix(ROWS, COLUMNS);
    bool right = true;

    TransformerLoss(&w);
    RealCopy(w.g, NUMBERS, g);
    TransformerBackward(&w.encoder, w.parameters, &w.sequences, &w.tape, g, dx, gradient);
    CHECK(GradientIsRight(TransformerLoss, &w, w.x, dx, ROWS, COLUMNS), "%s: by what goes in",
          name);
    for (int m = 0; m < w.pack.count; m++) {
        const PackedMatrix *matrix = &w.pack.matrix[m];

        right &= GradientIsRight(TransformerLoss, &w, w.parameters + matrix->first,
                                 gradient + matrix->first, matrix->rows, matrix->columns);
        right &= PaddingIsZero(gradient + matrix->first, matrix->rows, matrix->columns);
    }
    CHECK(right, "by its %d matrices", w.pack.count);
    CHECK(PaddingIsZero(w.out, ROWS, COLUMNS) && PaddingIsZero(dx, ROWS, COLUMNS),
          "padding is zero");
}

static void CheckCausal(TransformerForm form)
{
    World w = WorldCreate(form, false, 0);
    Real before[NUMBERS];
    bool same = true, changed = true;

    TransformerLoss(&w);
    RealCopy(w.out, NUMBERS, before);
    for (int c = 0; c < COLUMNS; c++)
        w.x[3 * PITCH + c] += c;
    TransformerLoss(&w);
    for (uint32_t r = 0; r < ROWS; r++) {
        bool equal = memcmp(w.out + r * PITCH, before + r * PITCH, PITCH * sizeof(Real)) == 0;

        if (r == 3 || r == 4)
            changed &= !equal;
        else
            same &= equal;
    }
    CHECK(same && changed, "a row changes itself and the later ones of its sequence alone");
}

/* A history in another order, where all of it stands for nothing. */
static void CheckPadding(TransformerForm form)
{
    World w = WorldCreate(form, true, 0);
    Real before[NUMBERS], row[PITCH];

    TransformerLoss(&w);
    RealCopy(w.out, NUMBERS, before);
    RealCopy(w.x, PITCH, row);
    RealCopy(w.x + PITCH, PITCH, w.x);
    RealCopy(row, PITCH, w.x + PITCH);
    TransformerLoss(&w);
    CHECK(memcmp(w.out + 2 * PITCH, before + 2 * PITCH, (NUMBERS - 2 * PITCH) * sizeof(Real)) ==
                  0 &&
              memcmp(w.out, before, 2 * PITCH * sizeof(Real)) != 0,
          "what stands for nothing changes nothing");
}

/* With padding, as if only the rows that stand for something were there. */
static void CheckRagged(TransformerForm form)
{
    World w = WorldCreate(form, true, 0);
    static const uint32_t shorter[] = {0, 3, 7};
    Real before[NUMBERS];
    bool same = true;

    TransformerLoss(&w);
    RealCopy(w.out, NUMBERS, before);
    w.sequences = (Sequences){2, shorter, NULL};
    w.x += 2 * PITCH;
    TransformerLoss(&w);
    for (size_t i = 0; i < 7 * PITCH; i++)
        same &= Near((double)w.out[i], (double)before[i + 2 * PITCH], 1e-12, 1e-12);
    CHECK(same, "places are counted from the end");
}

static void CheckLast(TransformerForm form)
{
    World w = WorldCreate(form, false, 0);
    Real *scratch = ZeroMatrix(1, TransformerLastReals(&w.encoder.shape, 5));
    Real *x = ZeroMatrix(5, COLUMNS), *out = ZeroMatrix(1, COLUMNS);
    bool same = true;

    TransformerLoss(&w);
    for (size_t rows = 1; rows <= 5; rows++) {
        RealCopy(w.x, rows * PITCH, x);
        w.sequences = (Sequences){1, (const uint32_t[]){0, (uint32_t)rows}, NULL};
        TransformerLoss(&w);
        TransformerLast(&w.encoder, w.parameters, x, rows, scratch, out);
        for (size_t c = 0; c < PITCH; c++)
            same &= Near((double)out[c], (double)w.out[(rows - 1) * PITCH + c], 1e-12, 1e-12);
    }
    CHECK(same, "the last row alone is the same");
}

/* Half of what goes in is dropped, and the rest doubled. */
static void CheckDropout(void)
{
    World w = WorldCreate(TRANSFORMER_PRE, false, 0.5);
    uint32_t dropped = 0, kept = 0, rounds = 200;

    for (uint32_t round = 0; round < rounds; round++) {
        Random random = TestStream(100 + round);

        TransformerForward(&w.encoder, w.parameters, &w.sequences,
                           (TransformerDropout){0.5, &random}, w.x, w.memory, &w.tape, w.out);
        for (int i = 0; i < NUMBERS; i++) {
            dropped += w.tape.keep[i] == 0;
            kept += w.tape.keep[i] == 2;
        }
    }
    CHECK(dropped + kept == rounds * NUMBERS && Near(dropped, kept, 0.02, 0), "dropout of a half");
}

void TestTransformer(void)
{
    CheckGradients(TRANSFORMER_PRE, false, 0, "queries normalised before");
    CheckGradients(TRANSFORMER_PRE, true, DROPOUT, "with padding and dropout");
    CheckGradients(TRANSFORMER_POST, false, 0, "normalised after");
    CheckGradients(TRANSFORMER_POST, true, DROPOUT, "with padding and dropout");
    for (int form = TRANSFORMER_PRE; form <= TRANSFORMER_POST; form++) {
        CheckCausal(form);
        CheckPadding(form);
        CheckRagged(form);
        CheckLast(form);
    }
    CheckDropout();
}
