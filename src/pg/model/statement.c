/*
 * statement.c: prepares and executes the statements that write a model's table, as its owner.
 *
 * For the versions and runs that trainings write, and for the events that observers do.
 */
#include "pg/model/statement.h"

#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/plancache.h"

#include "pg/model/catalog.h"
#include "pg/model/trust.h"

/* A row that another transaction has inserted and not committed is waited for no longer. */
#define WAIT_MILLISECONDS 10000

static void Set(const char *name, const char *value)
{
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Until ActAsCaller(). */
static void BeginStatement(const ModelTable *table, Caller *caller)
{
    ActAsOwner(table, caller);
    Set("search_path", "pg_catalog, pg_temp");
    if (LockTimeout == 0 || LockTimeout > WAIT_MILLISECONDS)
        Set("lock_timeout", psprintf("%d", WAIT_MILLISECONDS));
}

/* Only who holds a transaction open over rows of the model can bring this about. */
static void ExplainWait(void *arg)
{
    const ModelTable *table = arg;

    if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
        return;
    errcontext("writing model \"%s\", where another transaction has rows that it has not committed",
               table->store.name);
    errhint("Call again when it has ended; pg_blocking_pids() tells which one it is.");
}

/* The plan's names were resolved when it was made: they must have led to the table that is open. */
static bool LeadsTo(const ModelTable *table, SPIPlanPtr plan)
{
    const CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan));
    ListCell *cell;

    foreach (cell, source->relationOids)
        if (lfirst_oid(cell) != RelationGetRelid(table->relation))
            return false;
    return source->is_valid && source->relationOids != NIL;
}

bool StatementIsValid(const ModelTable *table, SPIPlanPtr plan)
{
    return LeadsTo(table, plan);
}

/* SPI leaves its own memory context as the current one: callers get theirs back. */
SPIPlanPtr StatementPrepare(const ModelTable *table, const char *format, int arguments, Oid *types)
{
    MemoryContext context = CurrentMemoryContext;
    char *query = psprintf(format, RelationName(RelationGetRelid(table->relation)));
    SPIPlanPtr plan;
    Caller caller;

    BeginStatement(table, &caller);
    plan = SPI_prepare(query, arguments, types);
    MemoryContextSwitchTo(context);
    ActAsCaller(&caller);
    if (plan == NULL || !LeadsTo(table, plan))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("the name of model \"%s\" leads to another table now", table->store.name),
                 errhint("Its schema is being renamed or replaced: call again.")));
    return plan;
}

void StatementExecute(const ModelTable *table, SPIPlanPtr plan, Datum *values)
{
    ErrorContextCallback context = {
        .previous = error_context_stack, .callback = ExplainWait, .arg = (void *)table};
    MemoryContext memory = CurrentMemoryContext;
    Caller caller;

    error_context_stack = &context;
    BeginStatement(table, &caller);
    SPI_execute_plan(plan, values, NULL, false, 0);
    MemoryContextSwitchTo(memory);
    ActAsCaller(&caller);
    error_context_stack = context.previous;
}

void StatementRun(const ModelTable *table, const char *format, int arguments, Oid *types,
                  Datum *values)
{
    SPIPlanPtr plan = StatementPrepare(table, format, arguments, types);

    StatementExecute(table, plan, values);
    SPI_freeplan(plan);
}
