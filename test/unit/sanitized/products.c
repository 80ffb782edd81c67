/*
 * products.c: products of matrices in the program that AddressSanitizer watches.  Their loops are
 * built without it, which makes them twenty times faster; instead every row is looked at as a whole
 * before they run (the linker's --wrap puts these functions in front of those of
 * algo/net/matrix.c).
 */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>

#include "algo/net/matrix.h"

/* Ends the program, as the sanitizer would, where one of `rows` rows is not memory of its own. */
static void CheckRows(const char *which, const Real *data, size_t pitch, size_t rows, size_t width)
{
    for (size_t r = 0; r < rows && width > 0; r++) {
        void *bad = __asan_region_is_poisoned((void *)(data + r * pitch), width * sizeof(Real));

        if (bad == NULL)
            continue;
        fprintf(stderr, "AddressSanitizer: row %zu of %zu of %s, %zu wide, is not memory to use\n",
                r, rows, which, width);
        __asan_describe_address(bad);
        abort();
    }
}

/* The function of that name, after a look at a (a_rows x a_width), b and out (m x n). */
#define CHECKED(name, a_rows, a_width, b_rows, b_width)                                            \
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

CHECKED(MatrixProduct, m, k, k, n)
CHECKED(MatrixProductPlain, m, k, k, n)
CHECKED(MatrixProductTransposed, m, k, n, k)
CHECKED(MatrixProductTransposedPlain, m, k, n, k)
CHECKED(MatrixProductColumns, k, m, k, n)
