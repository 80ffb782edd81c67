/*
 * exponential.h: exponentials of many numbers at once, none of which is above 0 in the end: what a
 * softmax takes.
 */
#ifndef RECADV_CORE_EXPONENTIAL_H
#define RECADV_CORE_EXPONENTIAL_H

#include "core/vector.h"

/*
 * values[i] = exp((values[i] - greatest) * scale), a multiple of 16 of them; scale > 0.  Returns
 * the greatest.
 */
extern float ExponentialsBelow(float *values, uint32_t count, float scale);

#endif
