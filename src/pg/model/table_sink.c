/*
 * table_sink.c: writes the blocks of a version into a model's table.
 *
 * By a prepared statement with the caller's rights, so that the executor checks them and
 * replication sees ordinary inserts.
 */
#include "pg/model/table_sink.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "pg/model/catalog.h"

static void Put(ModelSink *sink, const char *part, uint32 number, bytea *bytes)
{
    TableSink *table = (TableSink *)sink;
    MemoryContext caller = MemoryContextSwitchTo(table->scratch);
    Datum values[] = {Int32GetDatum(sink->version), CStringGetTextDatum(part),
                      Int32GetDatum((int32)number), PointerGetDatum(bytes)};

    SPI_execute_plan(table->plan, values, NULL, false, 0);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(table->scratch);
    CHECK_FOR_INTERRUPTS();
}

void TableSinkOpen(Oid relid, int32 version, TableSink *sink)
{
    Oid types[] = {INT4OID, TEXTOID, INT4OID, BYTEAOID};
    char *query = psprintf("INSERT INTO %s (version, part, block, data) VALUES ($1, $2, $3, $4) "
                           "ON CONFLICT (version, part, block) DO UPDATE SET data = EXCLUDED.data",
                           RelationName(relid));

    sink->sink.put = Put;
    sink->sink.version = version;
    sink->plan = SPI_prepare(query, 4, types);
    sink->scratch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv block", ALLOCSET_DEFAULT_SIZES);
}

void TableSinkClose(TableSink *sink)
{
    SPI_freeplan(sink->plan);
    MemoryContextDelete(sink->scratch);
}
