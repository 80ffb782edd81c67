/* conjugate.c: kernels over four rows at a time, and the method around them. */
#include "algo/als/conjugate.h"

#include <string.h>

#include "core/vector.h"

/* Rows between two looks at a cancellation. */
#define POLL_ROWS (1u << 14)

#define VECTOR_KERNELS "algo/als/conjugate_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(Steps, (const Host *host, const ConjugateSystem *system, int steps, float *p,
                     float *work, double *loss, bool *done));

bool ConjugateSteps(const Host *host, const ConjugateSystem *system, int steps, float *p,
                    float *work, double *loss)
{
    bool done;

    StepsVariants[VectorLevel()](host, system, steps, p, work, loss, &done);
    return done;
}
