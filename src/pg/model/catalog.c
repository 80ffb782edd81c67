/*
 * catalog.c: what the system catalogs know of models.
 *
 * A model is a table of the extension's type recadv_model, wherever the extension was put and
 * whatever the table is called.
 */
#include "pg/model/catalog.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "lib/stringinfo.h"
#include "parser/scansup.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* The type recadv_model, remembered until a type changes. */
static Oid model_type = InvalidOid;

Oid ExtensionSchema(void)
{
    Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan;
    HeapTuple tuple;
    Oid schema = InvalidOid;

    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                CStringGetDatum("recadv"));
    scan = systable_beginscan(catalog, ExtensionNameIndexId, true, NULL, 1, &key);
    tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple))
        schema = ((Form_pg_extension)GETSTRUCT(tuple))->extnamespace;
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return schema;
}

static void ForgetModelType(Datum arg, int cache, uint32 hash)
{
    (void)arg, (void)cache, (void)hash;
    model_type = InvalidOid;
}

Oid ModelType(void)
{
    static bool registered = false;

    if (!registered) {
        CacheRegisterSyscacheCallback(TYPEOID, ForgetModelType, (Datum)0);
        registered = true;
    }
    if (!OidIsValid(model_type))
        model_type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("recadv_model"),
                                     ObjectIdGetDatum(ExtensionSchema()));
    return model_type;
}

char *RelationName(Oid relid)
{
    if (get_rel_name(relid) == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the model has been dropped")));
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
                                      get_rel_name(relid));
}

/* Bytes of the longest part of a name as it is written, without its quotes. */
static Size LongestPart(const char *name)
{
    Size longest = 0, length = 0;
    bool quoted = false;

    for (; *name != '\0'; name++) {
        if (quoted && name[0] == '"' && name[1] == '"') {
            name++;
            length++;
        } else if (*name == '"') {
            quoted = !quoted;
        } else if (*name == '.' && !quoted) {
            length = 0;
        } else if (quoted || !scanner_isspace(*name)) {
            length++;
        }
        longest = Max(longest, length);
    }
    return longest;
}

RangeVar *ParseRelationName(const char *name)
{
    if (LongestPart(name) >= NAMEDATALEN)
        ereport(ERROR, (errcode(ERRCODE_NAME_TOO_LONG), errmsg("the name \"%s\" is too long", name),
                        errdetail("Names have at most %d bytes.", NAMEDATALEN - 1)));
    return makeRangeVarFromNameList(NamesOfText(name));
}

/* Each part in quotes. */
static char *QuoteParts(const char *name)
{
    StringInfoData quoted;

    initStringInfo(&quoted);
    appendStringInfoChar(&quoted, '"');
    for (; *name != '\0'; name++)
        appendStringInfoString(&quoted, *name == '.' ? "\".\"" : (char[]){*name, '\0'});
    appendStringInfoChar(&quoted, '"');
    return quoted.data;
}

const char *NameHint(const char *name, const char *otherwise)
{
    char *quoted;

    if (strchr(name, '"') != NULL || name[0] == '.' || name[0] == '\0' ||
        name[strlen(name) - 1] == '.' || strstr(name, "..") != NULL)
        return otherwise;
    quoted = QuoteParts(name);
    if (!OidIsValid(ModelLookup(quoted)))
        return otherwise;
    return psprintf("Names without double quotes are folded to lower case: write '%s'.", quoted);
}

Oid ModelLookup(const char *name)
{
    return RangeVarGetRelid(ParseRelationName(name), NoLock, true);
}

bool IsNameOfModel(const char *name)
{
    Oid relid = RelnameGetRelid(name);
    HeapTuple tuple;
    bool found;

    if (!OidIsValid(relid))
        return false;
    tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple))
        return false;
    found = OidIsValid(ModelType()) && ((Form_pg_class)GETSTRUCT(tuple))->reloftype == ModelType();
    ReleaseSysCache(tuple);
    return found;
}

List *ReadableModels(void)
{
    Relation catalog = table_open(RelationRelationId, AccessShareLock);
    Oid type = ModelType();
    SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
    HeapTuple tuple;
    List *found = NIL;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Form_pg_class class = (Form_pg_class)GETSTRUCT(tuple);

        if (class->reloftype == type && class->relkind == RELKIND_RELATION && OidIsValid(type) &&
            !isOtherTempNamespace(class->relnamespace) && /* which nobody else can read */
            pg_class_aclcheck(class->oid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
            SchemaUsable(class->relnamespace, GetUserId()))
            found = lappend_oid(found, class->oid);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    list_sort(found, list_oid_cmp); /* a scan of the catalog gives no order */
    return found;
}
