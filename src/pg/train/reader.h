/* reader.h: reads the interactions of a source into a collector. */
#ifndef RECADV_PG_TRAIN_READER_H
#define RECADV_PG_TRAIN_READER_H

#include "pg/base/compat.h"

#include "tcop/dest.h"

#include "pg/model/source.h"
#include "pg/train/collect.h"

/* An argument of a query; type == InvalidOid: none. */
typedef struct SourceArgument {
    Oid type;
    Datum value;
} SourceArgument;

/*
 * Runs a query on a source under the active snapshot with the caller's rights; needs an open SPI
 * connection.  The plan may be parallel; rows go straight into the receiver.  False: it is none
 * that gives rows.
 */
extern bool SourceExecute(const char *query, const SourceArgument *argument,
                          DestReceiver *receiver);

/* Reads all rows, as SourceExecute() does, into a collector. */
extern Collector *SourceRead(const Source *source, MemoryContext context);

/* The same, of rows whose time is `from` or later; a time of the given type. */
extern Collector *SourceReadFrom(const Source *source, Oid time_type, int64 from,
                                 MemoryContext context);

#endif
