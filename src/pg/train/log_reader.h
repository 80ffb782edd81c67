/* log_reader.h: runs the query on a log and hands each row to a collector. */
#ifndef RECADV_PG_TRAIN_LOG_READER_H
#define RECADV_PG_TRAIN_LOG_READER_H

#include "pg/model/source.h"

#define MOST_LOG_COLUMNS 8

/* Fails if a column is given for two things: it would be read twice as what it is not. */
extern void CheckLogColumns(const SourceColumn *columns, int count, const char *hint);

/* What becomes of the rows. */
typedef struct LogReading {
    void (*open)(void *arg,
                 const Oid *types); /* before the first row; InvalidOid: no such column */
    void (*add)(void *arg, const NullableDatum *row); /* NULL: no such column */
    void *arg;
} LogReading;

/* Reads all rows under the active snapshot with the caller's rights; needs an open SPI connection.
 */
extern void SessionLogRead(const Source *source, const SourceColumn *columns, int count,
                           const LogReading *reading);

#endif
