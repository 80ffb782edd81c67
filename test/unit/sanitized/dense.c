/*
 * dense.c: dense algebra in the program that AddressSanitizer watches.  Its loops are built without
 * the sanitizers, which makes them twenty times faster; instead every row is looked at as a whole
 * before they run: the linker's --wrap puts these functions in front of those of
 * algo/net/matrix.c, core/products.c and core/symmetric.c.
 */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>

#include "algo/net/matrix.h"
#include "core/products.h"
#include "core/symmetric.h"
#include "core/vector.h"

/* Ends the program, as the sanitizer would, where one of `rows` rows is not memory of its own. */
static void CheckRows(const char *which, const float *data, size_t pitch, size_t rows, size_t width)
{
    for (size_t r = 0; r < rows && width > 0; r++) {
        void *bad = __asan_region_is_poisoned((void *)(data + r * pitch), width * sizeof(float));

        if (bad == NULL)
            continue;
        fprintf(stderr, "AddressSanitizer: row %zu of %zu of %s, %zu wide, is not memory to use\n",
                r, rows, which, width);
        __asan_describe_address(bad);
        abort();
    }
}

/* Whole vectors are read or written, without a look at where a row ends. */
static void CheckVectors(const float *a, const float *b, size_t width)
{
    if (width % VECTOR_LANES == 0 && (uintptr_t)a % 64 == 0 && (uintptr_t)b % 64 == 0)
        return;
    fprintf(stderr, "AddressSanitizer: %zu wide rows at %p and %p are no vectors\n", width,
            (const void *)a, (const void *)b);
    abort();
}

static void CheckFloats(const char *which, const float *data, size_t rows, size_t width)
{
    CheckRows(which, data, width, rows, width);
}

/* The function of that name, after a look at a (a_rows x a_width), b and out (m x n). */
#define MATRIX_PRODUCT(name, a_rows, a_width, b_rows, b_width)                                     \
    extern void __real_##name(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,    \
                              Real *out, size_t pitch);                                            \
    extern void __wrap_##name(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,    \
                              Real *out, size_t pitch);                                            \
    void __wrap_##name(Matrix a, Matrix b, size_t m, size_t n, size_t k, ProductSum sum,           \
                       Real *out, size_t pitch)                                                    \
    {                                                                                              \
        CheckRows("a", a.data, a.pitch, a_rows, a_width);                                          \
        CheckRows("b", b.data, b.pitch, b_rows, b_width);                                          \
        CheckRows("out", out, pitch, m, n);                                                        \
        __real_##name(a, b, m, n, k, sum, out, pitch);                                             \
    }

MATRIX_PRODUCT(MatrixProduct, m, k, k, n)
MATRIX_PRODUCT(MatrixProductPlain, m, k, k, n)
MATRIX_PRODUCT(MatrixProductTransposed, m, k, n, k)
MATRIX_PRODUCT(MatrixProductTransposedPlain, m, k, n, k)
MATRIX_PRODUCT(MatrixProductColumns, k, m, k, n)

/* Any function: its parameters, their names, and what is looked at. */
#define WATCHED(type, name, parameters, arguments, ...)                                            \
    extern type __real_##name parameters;                                                          \
    extern type __wrap_##name parameters;                                                          \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
        return __real_##name arguments;                                                            \
    }

WATCHED(void, MultiplyTransposed,
        (const float *a, const float *b, size_t m, size_t n, size_t k, float *out),
        (a, b, m, n, k, out), CheckVectors(a, b, k), CheckFloats("a", a, m, k),
        CheckFloats("b", b, n, k), CheckFloats("out", out, m, n))
WATCHED(void, MultiplyRows,
        (const float *a, const float *b, size_t m, size_t n, size_t k, float *out),
        (a, b, m, n, k, out), CheckVectors(b, out, n), CheckFloats("a", a, m, k),
        CheckFloats("b", b, k, n), CheckFloats("out", out, m, n))
WATCHED(void, MultiplyColumns,
        (const float *a, size_t pitch, const float *b, size_t m, size_t n, size_t k, float *out),
        (a, pitch, b, m, n, k, out), CheckVectors(b, out, n), CheckRows("a", a, pitch, k, m),
        CheckFloats("b", b, k, n), CheckFloats("out", out, m, n))
WATCHED(void, AddProducts, (const float *rows, size_t count, size_t n, float *a),
        (rows, count, n, a), CheckFloats("rows", rows, count, n), CheckFloats("a", a, n, n))
WATCHED(void, RowProducts, (const float *rows, size_t count, size_t n, float *a),
        (rows, count, n, a), CheckVectors(rows, rows, n), CheckFloats("rows", rows, count, n),
        CheckFloats("a", a, count, count))
WATCHED(bool, SolvePositive, (float *a, size_t n, float *b), (a, n, b), CheckFloats("a", a, n, n),
        CheckFloats("b", b, 1, n))
WATCHED(bool, SymmetricEigen, (float *a, size_t n, size_t lead, float *values, void *work),
        (a, n, lead, values, work), CheckRows("a", a, lead, n, n),
        CheckFloats("values", values, 1, n),
        CheckFloats("work", work, 1, EigenWork(n) / sizeof(float)))
