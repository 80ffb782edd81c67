/*
 * statement.h: SQL statements on a model's table.
 *
 * Rows are written by SQL, so that replication and distributed engines see ordinary statements.
 * Each runs as a maintenance command of PostgreSQL's does: with the rights of the table's owner, in
 * a security-restricted operation, with a safe search_path.  What the caller may do was checked
 * when the table was opened; what might run beside the statement can do no more than the owner.
 */
#ifndef RECADV_PG_MODEL_STATEMENT_H
#define RECADV_PG_MODEL_STATEMENT_H

#include "pg/model/table.h"

#include "executor/spi.h"

/*
 * Plans a statement, in which "%s" stands for the table; DELETE and SELECT say ONLY %s.  Needs SPI.
 * Fails if the name leads to another table than the one that is open.
 */
extern SPIPlanPtr StatementPrepare(const ModelTable *table, const char *format, int arguments,
                                   Oid *types);

/* Can a plan that was kept still be executed?  Otherwise free it and prepare again. */
extern bool StatementIsValid(const ModelTable *table, SPIPlanPtr plan);

/* Executes it; SPI_processed and SPI_tuptable hold the result. */
extern void StatementExecute(const ModelTable *table, SPIPlanPtr plan, Datum *values);

/* All of that, once. */
extern void StatementRun(const ModelTable *table, const char *format, int arguments, Oid *types,
                         Datum *values);

#endif
