/* components.h: the first two principal components of rows, to draw them on a plane. */
#ifndef RECADV_CORE_COMPONENTS_H
#define RECADV_CORE_COMPONENTS_H

#include "core/host.h"

/*
 * plane[2 * r], plane[2 * r + 1]: where row r lies, from the mean of all rows (count x width),
 * along the direction in which they differ most, and along the one that is next.  Where there is no
 * such direction, 0.  Main thread.
 */
extern void PrincipalComponents(const Host *host, const float *rows, size_t count, size_t width,
                                double *plane);

#endif
