/* table_sink.h: writes blocks into a model's table. */
#ifndef RECADV_PG_MODEL_TABLE_SINK_H
#define RECADV_PG_MODEL_TABLE_SINK_H

#include "pg/model/blocks.h"

/* Inserts blocks of one version, replacing those that exist; needs SPI. */
typedef struct TableSink {
    ModelSink sink;
    struct _SPI_plan *plan;
    MemoryContext scratch;
} TableSink;

extern void TableSinkOpen(Oid relid, int32 version, TableSink *sink);
extern void TableSinkClose(TableSink *sink);

#endif
