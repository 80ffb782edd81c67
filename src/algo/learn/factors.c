/* factors.c: shape, scores and likeness of a factor model. */
#include "algo/learn/factors.h"

#include <math.h>
#include <string.h>

#include "core/vector.h"

void FactorsLayout(Model *model, uint32_t factors)
{
    ModelAddPart(model, "user", AXIS_USER, model->users, factors);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, factors);
}

uint32_t FactorsQueryWidth(const Model *model)
{
    return model->part[FACTORS_USER_PART].stride;
}

void FactorsQuery(const Model *view, const QueryInput *input, float *query)
{
    const Part *user = &view->part[FACTORS_USER_PART];

    memcpy(query, PartRow(user, input->row), user->stride * sizeof(float));
}

/* Cosine of the row `one` and each of `rows`; 0 where one of the two is zero. */
VECTOR_INLINE void CosineBody(const float *one, const float *rows, size_t count, size_t stride,
                              float *out)
{
    size_t chunks = stride / VECTOR_LANES;
    const Vector *a = (const Vector *)one;
    float norm = VectorDot(one, one, chunks);

    for (size_t r = 0; r < count; r++) {
        const Vector *b = (const Vector *)(rows + r * stride);
        Vector ab = {0}, bb = {0};
        float square;

        for (size_t c = 0; c < chunks; c++) {
            ab += a[c] * b[c];
            bb += b[c] * b[c];
        }
        square = norm * VectorSum(&bb);
        out[r] = square > 0 ? VectorSum(&ab) / sqrtf(square) : 0.0f;
    }
}

VECTOR_VARIANTS(CosineRows,
                (const float *one, const float *rows, size_t count, size_t stride, float *out),
                CosineBody(one, rows, count, stride, out))

void FactorsSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    const Part *part = &view->part[axis == AXIS_USER ? FACTORS_USER_PART : FACTORS_ITEM_PART];
    const Part *from = &one->part[axis == AXIS_USER ? FACTORS_USER_PART : FACTORS_ITEM_PART];

    CosineRowsVariants[VectorLevel()](from->data, part->data, part->rows, part->stride, out);
}
