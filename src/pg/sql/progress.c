/*
 * progress.c: recadv_running(): what the sessions of this database are busy with, for the view
 * recadv_progress.
 */
#include "pg/base/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "pg/base/progress.h"
#include "pg/base/rowset.h"

#if PG_VERSION_NUM >= 160000
#define StatusEntry(number) pgstat_get_local_beentry_by_index(number)
#else
#define StatusEntry(number) pgstat_fetch_stat_local_beentry(number)
#endif

/* The owner of a model; of one whose first training has not been committed, whoever trains it. */
static Oid OwnerOf(const PgBackendStatus *entry, const RunProgress *run)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(entry->st_progress_command_target));
    Oid owner = run->role;

    if (!HeapTupleIsValid(tuple))
        return owner;
    owner = ((Form_pg_class)GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

/* Members of pg_monitor have the rights of pg_read_all_stats, superusers those of all. */
static bool MaySee(const PgBackendStatus *entry, const RunProgress *run)
{
    return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
           has_privs_of_role(GetUserId(), run->role) ||
           has_privs_of_role(GetUserId(), OwnerOf(entry, run));
}

static void ResultKnown(ResultRow *row, double value)
{
    ResultFloat8If(row, !isnan(value), value);
}

static void ResultInt4If(ResultRow *row, int32 value)
{
    if (value > 0)
        ResultInt4(row, value);
    else
        ResultNull(row);
}

static void Add(RowSet *rows, const PgBackendStatus *entry, const RunProgress *run)
{
    Oid relid = entry->st_progress_command_target;
    ResultRow row = {0};

    if (OidIsValid(relid))
        ResultDatum(&row, ObjectIdGetDatum(relid));
    else
        ResultNull(&row);
    ResultText(&row, run->model[0] == '\0' ? NULL : run->model);
    ResultText(&row, RunKindName((RunKind)run->kind));
    ResultText(&row, run->stage);
    ResultInt4If(&row, run->epoch);
    ResultInt4If(&row, run->epochs);
    ResultKnown(&row, run->percent);
    ResultKnown(&row, run->loss);
    ResultText(&row, run->metric[0] == '\0' ? NULL : run->metric);
    ResultKnown(&row, run->value);
    if (run->end == 0)
        ResultNull(&row);
    else
        ResultDatum(&row, TimestampTzGetDatum(run->end));
    ResultDatum(&row, TimestampTzGetDatum(run->started));
    ResultDatum(&row, ObjectIdGetDatum(run->role));
    ResultInt4(&row, entry->st_procpid);
    RowSetAddRow(rows, &row);
}

PG_FUNCTION_INFO_V1(recadv_running);

Datum recadv_running(PG_FUNCTION_ARGS)
{
    int count = pgstat_fetch_stat_numbackends();
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    for (int i = 1; i <= count; i++) {
        const LocalPgBackendStatus *local = StatusEntry(i);
        const RunProgress *run = local == NULL ? NULL : RunProgressOf(&local->backendStatus);

        if (run != NULL && local->backendStatus.st_databaseid == MyDatabaseId &&
            MaySee(&local->backendStatus, run))
            Add(&rows, &local->backendStatus, run);
    }
    return (Datum)0;
}
