/* serve_kernels.h: kernels of serve.c, for one instruction set. */
#define Rectified  VECTOR(Rectified)
#define SumEight   VECTOR(SumEight)
#define Through    VECTOR(Through)
#define Turned     VECTOR(Turned)
#define ItemScores VECTOR(ItemScores)
#define Score      VECTOR(Score)

/* What is above zero; NaN stays NaN. */
VECTOR_INLINE Vector Rectified(Vector x)
{
    return (Vector)((Integers)x & ~(x <= 0.0f));
}

/*
 * y[j] = start[o + j] + sum over k of weight[k, o + j] x[k], j < 8: with fewer sums at a time each
 * addition would wait for the one before it.
 */
VECTOR_INLINE void SumEight(const Layer *layer, size_t o, const Vector *x, Vector *y)
{
    const float *start = layer->start + o, *weight = layer->weight + o;
    Vector none = {0}, s0 = start[0] + none, s1 = start[1] + none, s2 = start[2] + none;
    Vector s3 = start[3] + none, s4 = start[4] + none, s5 = start[5] + none;
    Vector s6 = start[6] + none, s7 = start[7] + none;

    for (size_t k = 0; k < layer->in; k++, weight += layer->pitch) {
        s0 += weight[0] * x[k];
        s1 += weight[1] * x[k];
        s2 += weight[2] * x[k];
        s3 += weight[3] * x[k];
        s4 += weight[4] * x[k];
        s5 += weight[5] * x[k];
        s6 += weight[6] * x[k];
        s7 += weight[7] * x[k];
    }
    y[0] = s0;
    y[1] = s1;
    y[2] = s2;
    y[3] = s3;
    y[4] = s4;
    y[5] = s5;
    y[6] = s6;
    y[7] = s7;
}

/* Outputs beyond `out` up to eights too. */
VECTOR_INLINE void Through(const Layer *layer, const Vector *x, bool rectify, Vector *y)
{
    for (size_t o = 0; o < layer->out; o += 8)
        SumEight(layer, o, x, y + o);
    for (size_t o = 0; o < layer->out && rectify; o++)
        y[o] = Rectified(y[o]);
}

/* Number k of the rows, a lane each. */
VECTOR_INLINE Vector Turned(const float *const *row, size_t k)
{
    Vector x = {0};

    for (int lane = 0; lane < VECTOR_WIDTH; lane++)
        x[lane] = row[lane][k];
    return x;
}

VECTOR_INLINE Vector ItemScores(const Scoring *s, const float *const *row)
{
    Vector a[NEUMF_MOST_WIDTH], b[NEUMF_MOST_WIDTH], sum;
    Vector *x = a, *y = b;

    for (uint32_t k = 0; k < s->width; k++)
        x[k] = Turned(row, k);
    for (int l = 0; l < s->layers; l++) {
        Vector *out = y;

        Through(&s->layer[l], x, l < s->layers - 1, out);
        y = x;
        x = out;
    }
    sum = x[0];
    for (uint32_t k = 0; k < s->factors; k++)
        sum += s->products[k] * Turned(row, s->width + k);
    return sum;
}

VECTOR_KERNEL void Score(const Scoring *s, const Part *item, uint32_t items, float *out)
{
    for (uint32_t first = 0; first < items; first += VECTOR_WIDTH) {
        uint32_t left = items - first, count = left < VECTOR_WIDTH ? left : VECTOR_WIDTH;
        const float *row[VECTOR_WIDTH];
        Vector scores;

        for (uint32_t lane = 0; lane < VECTOR_WIDTH; lane++)
            row[lane] = PartRow(item, first + (lane < count ? lane : 0));
        scores = ItemScores(s, row);
        memcpy(out + first, &scores, count * sizeof(float));
    }
}
