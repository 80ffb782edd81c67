/* steps_kernels.h: kernels of steps.c, for one instruction set. */
#define StepThree VECTOR(StepThree)

/* All three rows as they were. */
VECTOR_KERNEL void StepThree(const Step *step, float *user, float *item, float *other)
{
    Step s = *step; /* which the rows cannot be part of */

    for (size_t k = 0; k < s.stride; k += VECTOR_WIDTH) {
        Vector *u = (Vector *)(user + k), *i = (Vector *)(item + k), *j = (Vector *)(other + k);
        Vector du = s.pull * *i + s.push * *j + s.regularization * *u;
        Vector di = s.pull * *u + s.regularization * *i;
        Vector dj = s.push * *u + s.regularization * *j;

        *u -= s.rate * du;
        *i -= s.rate * di;
        *j -= s.rate * dj;
    }
}
