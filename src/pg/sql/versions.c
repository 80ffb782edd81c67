/* versions.c: recadv_rollback(): lets a kept version serve again. */
#include "pg/base/compat.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/lsyscache.h"

#include "pg/model/table.h"
#include "pg/serve/publish.h"
#include "pg/sql/checks.h"
#include "pg/train/runs.h"
#include "pg/model/versions.h"
#include "pg/model/resolve.h"

/* Arguments of recadv_rollback. */
enum { ROLLBACK_MODEL, ROLLBACK_VERSION };

/* The newest version below. */
static int32 VersionBelow(List *versions, int32 version)
{
    ListCell *cell;

    foreach (cell, versions)
        if (lfirst_int(cell) < version)
            return lfirst_int(cell);
    return 0;
}

/* The version that served before, or the newest one below. */
static int32 PreviousVersion(List *versions, Current current)
{
    return list_member_int(versions, current.previous) ? current.previous
                                                       : VersionBelow(versions, current.version);
}

PG_FUNCTION_INFO_V1(recadv_rollback);

Datum recadv_rollback(PG_FUNCTION_ARGS)
{
    ModelTable table;
    List *versions;
    int32 version;
    Oid relid;

    CheckCanWrite("recadv_rollback()");
    CheckNotNull(fcinfo, ROLLBACK_MODEL, "model");
    ModelOpen(PG_GETARG_TEXT_PP(ROLLBACK_MODEL), MODEL_OWN, &table);
    relid = RelationGetRelid(table.relation);
    SPI_connect();
    if (!RunLock(relid, false))
        FailBusy(get_rel_name(relid));
    versions = ModelTableVersions(&table);
    version = PG_ARGISNULL(ROLLBACK_VERSION)
                  ? PreviousVersion(versions, ModelTableCurrent(&table, false))
                  : PG_GETARG_INT32(ROLLBACK_VERSION);
    if (!list_member_int(versions, version))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("model \"%s\" has no version to return to", get_rel_name(relid)),
                        errhint("The option keep_versions of recadv_train() tells how many "
                                "versions are kept.")));
    /* So that another rollback goes further back, not forth again. */
    PublishVersion(relid, &(PublishedVersion){.version = version,
                                              .previous = VersionBelow(versions, version)});
    SPI_finish();
    ModelTableClose(&table);
    PG_RETURN_INT32(version);
}
