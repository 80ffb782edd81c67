/*
 * versions.c: recadv_rollback() lets a kept version serve again, recadv_previous_version() tells
 * which one it would be.
 */
#include "pg/base/compat.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/model/catalog.h"
#include "pg/model/table.h"
#include "pg/serve/publish.h"
#include "pg/sql/checks.h"
#include "pg/train/runs.h"
#include "pg/model/versions.h"
#include "pg/model/resolve.h"

/* Arguments of recadv_rollback. */
enum { ROLLBACK_MODEL, ROLLBACK_VERSION };

/* Arguments of recadv_previous_version. */
enum { PREVIOUS_MODEL };

/* The newest version below that has served. */
static int32 VersionBelow(List *served, int32 version)
{
    int32 below = 0;
    ListCell *cell;

    foreach (cell, served)
        if (lfirst_int(cell) < version)
            below = Max(below, lfirst_int(cell));
    return below;
}

/* The version that served before, or the newest one below that has ever served. */
static int32 PreviousVersion(List *served, Current current)
{
    return list_member_int(served, current.previous) ? current.previous
                                                     : VersionBelow(served, current.version);
}

/* Versions that were kept since they were not good enough must be asked for by number. */
static void __attribute__((noreturn)) FailNothingBefore(Oid relid, const List *unpromoted)
{
    const char *hint =
        "The option keep_versions of recadv_train() tells how many versions are kept.";

    if (unpromoted != NIL)
        hint = psprintf("Version %d is kept but has never served: recadv_rollback(%s, %d) lets it.",
                        linitial_int(unpromoted), quote_literal_cstr(RelationName(relid)),
                        linitial_int(unpromoted));
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("model \"%s\" has no version to return to", get_rel_name(relid)),
                    errhint("%s", hint)));
}

static void CheckVersion(Oid relid, const List *versions, int32 version)
{
    if (!list_member_int(versions, version))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("model \"%s\" has no version %d", get_rel_name(relid), version),
                        errhint("The column versions of recadv_models has those that are kept; "
                                "the option keep_versions tells how many are.")));
}

PG_FUNCTION_INFO_V1(recadv_rollback);

Datum recadv_rollback(PG_FUNCTION_ARGS)
{
    ModelTable table;
    List *versions, *unpromoted, *served;
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
    unpromoted = list_intersection_int(versions, ModelTableUnpromoted(&table));
    served = list_difference_int(versions, unpromoted);
    if (PG_ARGISNULL(ROLLBACK_VERSION)) {
        version = PreviousVersion(served, ModelTableCurrent(&table, false));
        if (version == 0)
            FailNothingBefore(relid, unpromoted);
    } else {
        version = PG_GETARG_INT32(ROLLBACK_VERSION);
        CheckVersion(relid, versions, version);
    }
    /* So that another rollback goes further back, not forth again. */
    PublishVersion(
        relid, &(PublishedVersion){.version = version, .previous = VersionBelow(served, version)});
    SPI_finish();
    ModelTableClose(&table);
    PG_RETURN_INT32(version);
}

/* By the statement's snapshot. */
static int32 PreviousNow(ModelTable *table)
{
    List *versions = NIL, *unpromoted = NIL, *present = NIL;
    ListCell *cell;

    ModelTableNumbers(table, PART_VERSIONS, &versions);
    ModelTableNumbers(table, PART_UNPROMOTED, &unpromoted);
    foreach (cell, list_difference_int(versions, unpromoted))
        if (ModelTableFetch(table, lfirst_int(cell), PART_HEADER, 0) != NULL)
            present = lappend_int(present, lfirst_int(cell));
    return PreviousVersion(present, ModelTableCurrent(table, false));
}

PG_FUNCTION_INFO_V1(recadv_previous_version);

Datum recadv_previous_version(PG_FUNCTION_ARGS)
{
    ModelTable table;
    int32 version;

    ModelOpen(PG_ARGISNULL(PREVIOUS_MODEL) ? NULL : PG_GETARG_TEXT_PP(PREVIOUS_MODEL), MODEL_READ,
              &table);
    version = PreviousNow(&table);
    ModelTableClose(&table);
    if (version == 0)
        PG_RETURN_NULL();
    PG_RETURN_INT32(version);
}
