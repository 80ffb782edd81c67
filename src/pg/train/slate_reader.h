/* slate_reader.h: reads the slates of a source into a collector. */
#ifndef RECADV_PG_TRAIN_SLATE_READER_H
#define RECADV_PG_TRAIN_SLATE_READER_H

#include "pg/model/source.h"
#include "pg/train/slates.h"

/* Reads all rows under the active snapshot with the caller's rights; needs an open SPI connection.
 */
extern SlateCollector *SlatesRead(const Source *source, const SlateColumns *columns,
                                  MemoryContext context);

/* Fails if a column is given for two things. */
extern void CheckSlateColumns(const SlateColumns *columns);

/* Fails with an error that says so if nothing is left of a source's rows. */
extern void CheckSlates(const Source *source, const CollectedSlates *collected);

#endif
