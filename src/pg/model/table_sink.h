/* table_sink.h: writes blocks into a model's table. */
#ifndef RECADV_PG_MODEL_TABLE_SINK_H
#define RECADV_PG_MODEL_TABLE_SINK_H

#include "pg/model/table.h"

/* Inserts blocks of one version, replacing those that exist; only the owner may; needs SPI. */
typedef struct TableSink {
    ModelSink sink;
    ModelTable table;
    struct _SPI_plan *plan;
    MemoryContext scratch;
} TableSink;

extern void TableSinkOpen(Oid relid, int32 version, TableSink *sink);
extern void TableSinkClose(TableSink *sink);

#endif
