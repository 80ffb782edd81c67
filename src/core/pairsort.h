/* pairsort.h: pairs in order of user, then item, then weight where there are weights. */
#ifndef RECADV_CORE_PAIRSORT_H
#define RECADV_CORE_PAIRSORT_H

#include "core/pairs.h"

/*
 * Sorts pairs whose users and items are below these limits.  `scratch` has the same arrays; the
 * result is the one of the two that holds the sorted pairs, the other one holds no more of use.
 */
extern const Pairs *PairsSort(const Host *host, const Pairs *pairs, const Pairs *scratch,
                              uint32_t users, uint32_t items);

#endif
