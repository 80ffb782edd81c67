/* played.c: arguments, models and arrays of functions that play sessions. */
#include "pg/sql/played.h"

#include "utils/array.h"
#include "utils/lsyscache.h"

#include "pg/base/settings.h"
#include "pg/model/catalog.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"

int32 SessionsArgument(FunctionCallInfo fcinfo, int argument)
{
    int32 sessions = PG_GETARG_INT32(argument);

    if (sessions < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("sessions must be at least 1, not %d", sessions)));
    return sessions;
}

WholeModel *PlayedModel(text *model, bool shows, BackendHost *backend, PlayedName *name)
{
    WholeModel *whole = palloc0(sizeof(WholeModel));
    ModelTable table;

    ModelOpen(model, MODEL_READ, &table);
    table.store.version = ModelTableCurrent(&table, false).version;
    WholeModelRead(&table.store, backend, whole);
    if (shows)
        HeaderCheckItems(&table.store, &whole->header);
    *name = (PlayedName){pstrdup(table.store.name), RelationName(RelationGetRelid(table.relation))};
    ModelTableClose(&table);
    return whole;
}

void CheckPlayingMemory(const BackendHost *backend, Size more)
{
    CheckMemoryOfSlates(add_size(MemoryContextMemAllocated(backend->context, true), more),
                        "simulating");
}

Datum PlayedArray(const Datum *values, uint32 count, Oid type)
{
    int16 length;
    bool by_value;
    char align;

    get_typlenbyvalalign(type, &length, &by_value, &align);
    return PointerGetDatum(
        construct_array((Datum *)values, (int)count, type, length, by_value, align));
}
