/* reader.h: reads the interactions of a source into a collector. */
#ifndef RECADV_PG_TRAIN_READER_H
#define RECADV_PG_TRAIN_READER_H

#include "pg/model/source.h"
#include "pg/train/collect.h"

/*
 * Reads all rows under the active snapshot with the caller's rights; needs an open SPI
 * connection.  The plan may be parallel; rows go straight into the collector.
 */
extern Collector *SourceRead(const Source *source, MemoryContext context);

/* The same, of rows whose time is `from` or later; a time of the given type. */
extern Collector *SourceReadFrom(const Source *source, Oid time_type, int64 from,
                                 MemoryContext context);

#endif
