/*
 * vector_targets.h: compiles a file of kernels once for each instruction set.
 *
 *   #define VECTOR_KERNELS "algo/softmax/batch_kernels.h"
 *   #include "core/vector_targets.h"     after core/vector.h
 *
 * Each time a Vector is as wide as the registers are, VECTOR_WIDTH floats: GCC keeps a wider one in
 * memory, and its loops take several times as long.  A file of kernels begins with a line like
 *
 *   #define Scale VECTOR(Scale)
 *
 * for each of its functions and types, which gives it a name of its own for each instruction set:
 * ScaleBaseline, ScaleAvx2, ScaleAvx512.  After the inclusion these names are of no use but to
 * VECTOR_TABLE: a source file includes one file of kernels.  VECTOR_KERNEL stands before the
 * functions that VECTOR_TABLE collects, VECTOR_INLINE before the others.  Rows are whole numbers of
 * VECTOR_LANES floats, and sums have as many lanes, whatever the width: see vector_primitives.h.
 */
#undef VECTOR
#undef VECTOR_TARGET
#undef VECTOR_WIDTH

#define VECTOR(name) name##Baseline
#define VECTOR_TARGET
#define VECTOR_WIDTH 4
#ifndef VECTOR_PRIMITIVES_BASELINE
#define VECTOR_PRIMITIVES_BASELINE
#include "core/vector_primitives.h"
#endif
#include VECTOR_KERNELS

#if VECTOR_LEVELS > 1
#undef VECTOR
#undef VECTOR_TARGET
#undef VECTOR_WIDTH
#define VECTOR(name)  name##Avx2
#define VECTOR_TARGET VECTOR_AVX2
#define VECTOR_WIDTH  8
#ifndef VECTOR_PRIMITIVES_AVX2
#define VECTOR_PRIMITIVES_AVX2
#include "core/vector_primitives.h"
#endif
#include VECTOR_KERNELS

#undef VECTOR
#undef VECTOR_TARGET
#undef VECTOR_WIDTH
#define VECTOR(name)  name##Avx512
#define VECTOR_TARGET VECTOR_AVX512
#define VECTOR_WIDTH  16
#ifndef VECTOR_PRIMITIVES_AVX512
#define VECTOR_PRIMITIVES_AVX512
#include "core/vector_primitives.h"
#endif
#include VECTOR_KERNELS
#endif

#undef VECTOR
#undef VECTOR_TARGET
#undef VECTOR_WIDTH
#define VECTOR_TARGET

#undef VECTOR_KERNELS
