/* serve_kernels.h: kernels of serve.c, for one instruction set. */
#define Had      VECTOR(Had)
#define RowScore VECTOR(RowScore)
#define Score    VECTOR(Score)

_Static_assert(NO_ITEM_HERE == 0, "masks give what is no item the place 0");

/* How often the query has each of the neighbours; NO_ITEM_HERE is the place of what is none. */
VECTOR_INLINE Vector Had(const float *neighbor, const float *query, float items)
{
    Vector stored = *(const Vector *)neighbor, had;
    Integers is_item = (stored >= 0.0f) & (stored < items), place;

    place = __builtin_convertvector((Vector)((Integers)stored & is_item), Integers);
    place += is_item & FIRST_ITEM;
    for (int lane = 0; lane < VECTOR_WIDTH; lane++)
        had[lane] = query[(uint32_t)place[lane]];
    return had;
}

/* Sum of similarity times what the query has. */
VECTOR_INLINE float RowScore(const float *neighbor, const float *similarity, size_t stride,
                             const float *query, float items)
{
    Vector part[VECTOR_PARTS];
    size_t end = Filled(similarity, stride);

    for (size_t p = 0; p < VECTOR_PARTS; p++) {
        Vector sum = {0};

        for (size_t k = p * VECTOR_WIDTH; k < end; k += VECTOR_LANES)
            sum += Had(neighbor + k, query, items) * *(const Vector *)(similarity + k);
        part[p] = sum;
    }
    return VectorSum(part);
}

/* Items that nothing speaks for come last, by popularity: from -1 (nobody has it) up to 0. */
VECTOR_KERNEL void Score(const Model *view, const float *query, float *out)
{
    const Part *neighbor = &view->part[KNN_NEIGHBOR_PART];
    const Part *similarity = &view->part[KNN_SIMILARITY_PART];
    const float *popularity = view->part[POPULARITY_PART].data;
    float items = (float)(view->model_items < KNN_MOST_ITEMS ? view->model_items : KNN_MOST_ITEMS);

    for (uint32_t i = 0; i < view->items; i++) {
        float score =
            RowScore(PartRow(neighbor, i), PartRow(similarity, i), neighbor->stride, query, items);

        out[i] = score > 0 ? score : -1.0f / (1.0f + popularity[i]);
    }
}
