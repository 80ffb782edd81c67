/* act_reader.h: reads the acts of a source into a collector. */
#ifndef RECADV_PG_TRAIN_ACT_READER_H
#define RECADV_PG_TRAIN_ACT_READER_H

#include "pg/model/source.h"
#include "pg/train/acts.h"

/* Reads all rows under the active snapshot with the caller's rights; needs an open SPI connection.
 */
extern ActCollector *ActsRead(const Source *source, const ActColumns *columns,
                              MemoryContext context);

/* Fails if a column is given for two things, or there is no reward. */
extern void CheckActColumns(const ActColumns *columns);

/* Fails with an error that says so if nothing is left of a source's rows. */
extern void CheckActs(const Source *source, const CollectedActs *collected);

#endif
