/* collapse.h: has a model nothing to say? */
#ifndef RECADV_ALGO_RANK_COLLAPSE_H
#define RECADV_ALGO_RANK_COLLAPSE_H

#include "algo/rank/histories.h"

/*
 * Does it score all items alike, for each of a few users spread over all?  Such a model has no
 * order of items.  Never true of one that does not tell users apart.
 */
extern bool ModelIsCollapsed(const Host *host, const Model *model, const Interactions *data);

#endif
