/* clusters.h: rows of a part that are alike, by k-means (Lloyd 1982; Arthur and Vassilvitskii
 * 2007). */
#ifndef RECADV_ALGO_POLICY_CLUSTERS_H
#define RECADV_ALGO_POLICY_CLUSTERS_H

#include "algo/model.h"

/* cluster[r] < clusters: of each row; the same for the same rows.  Main thread. */
extern void ClusterRows(const Host *host, const Part *part, uint32_t clusters, uint32_t *cluster);
extern size_t ClusterMemory(const Part *part, uint32_t clusters);

#endif
