/*
 * table_sink.c: writes the blocks of a version into a model's table.
 *
 * By a prepared statement, so that replication sees ordinary inserts; the table is opened, and
 * checked, here.
 */
#include "pg/model/table_sink.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/model/statement.h"

static void Put(ModelSink *sink, const char *part, uint32 number, bytea *bytes)
{
    TableSink *table = (TableSink *)sink;
    MemoryContext caller = MemoryContextSwitchTo(table->scratch);
    Datum values[] = {Int32GetDatum(sink->version), CStringGetTextDatum(part),
                      Int32GetDatum((int32)number), PointerGetDatum(bytes)};

    StatementExecute(&table->table, table->plan, values);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(table->scratch);
    CHECK_FOR_INTERRUPTS();
}

void TableSinkOpen(Oid relid, int32 version, TableSink *sink)
{
    Oid types[] = {INT4OID, TEXTOID, INT4OID, BYTEAOID};

    sink->sink.put = Put;
    sink->sink.version = version;
    ModelTableOpenOwned(relid, &sink->table);
    sink->plan =
        StatementPrepare(&sink->table,
                         "INSERT INTO %s (version, part, block, data) VALUES ($1, $2, $3, $4) "
                         "ON CONFLICT (version, part, block) DO UPDATE SET data = EXCLUDED.data",
                         4, types);
    sink->scratch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv block", ALLOCSET_DEFAULT_SIZES);
}

void TableSinkClose(TableSink *sink)
{
    SPI_freeplan(sink->plan);
    MemoryContextDelete(sink->scratch);
    ModelTableClose(&sink->table);
}
