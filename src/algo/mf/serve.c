/*
 * serve.c: what bpr and amf answer: the parts of their models, queries, and how alike two rows are.
 */
#include "algo/mf/mf.h"

#include <math.h>
#include <string.h>

#include "core/vector.h"

const char *const mf_optimizers[] = {"adagrad_row", "adagrad", "sgd", NULL};

void MfLayout(Model *model)
{
    uint32_t factors = (uint32_t)((const MfOptions *)model->options)->factors;

    ModelAddPart(model, "user", AXIS_USER, model->users, factors);
    ModelAddPart(model, "item", AXIS_ITEM, model->items, factors);
}

uint32_t MfQueryWidth(const Model *model)
{
    return model->part[MF_USER_PART].stride;
}

void MfQuery(const Model *view, const QueryInput *input, float *query)
{
    const Part *user = &view->part[MF_USER_PART];

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

void MfSimilarity(const Model *one, const Model *view, Axis axis, float *out)
{
    const Part *part = &view->part[axis == AXIS_USER ? MF_USER_PART : MF_ITEM_PART];
    const Part *from = &one->part[axis == AXIS_USER ? MF_USER_PART : MF_ITEM_PART];

    CosineRowsVariants[VectorLevel()](from->data, part->data, part->rows, part->stride, out);
}
