/*
 * resolve.c: the model that a call means, for all SQL functions with an argument "model".
 *
 * Most databases have one model, so a call need not name it.  Which one that is stays remembered
 * until a catalog changes, since a serving function asks with every call.
 */
#include "pg/model/resolve.h"

#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/base/settings.h"
#include "pg/model/catalog.h"
#include "pg/model/versions.h"

/* The only model the user may read, remembered until a catalog change. */
static struct {
    bool valid;
    bool registered;
    Oid user;
    Oid relid;
} only_model;

static void ForgetOnlyModel(Datum arg, int cache, uint32 hash)
{
    (void)arg, (void)cache, (void)hash;
    only_model.valid = false;
}

/* A list of candidates names no more. */
#define MAX_CANDIDATES 5

static char *Candidates(List *models)
{
    int named = Min(list_length(models), MAX_CANDIDATES);
    StringInfoData names;

    initStringInfo(&names);
    for (int i = 0; i < named; i++)
        appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", RelationName(list_nth_oid(models, i)));
    if (list_length(models) > named)
        appendStringInfo(&names, " and %d more", list_length(models) - named);
    return names.data;
}

static void FailAmbiguous(List *models)
{

    if (models == NIL)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no model that you may read"),
                 errhint("Train one with recadv_train().")));
    ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_PARAMETER),
                    errmsg("there are %d models: name one", list_length(models)),
                    errdetail("Models: %s.", Candidates(models)),
                    errhint("Use model => '...', or SET recadv.model.")));
}

/*
 * Leaves out the models without a version, such as a first training that failed leaves behind; all
 * of them if there are no others.  A damaged one stays, for its error is what the caller must see;
 * so does one that is locked, for which nobody waits here.
 */
static List *TrainedOf(List *models)
{
    List *trained = NIL;
    ListCell *cell;

    foreach (cell, models) {
        ModelTable table;
        Current current;

        if (!ModelTableTryOpen(lfirst_oid(cell), &table)) {
            trained = lappend_oid(trained, lfirst_oid(cell));
            continue;
        }
        if (ModelTableTryCurrent(&table, &current) != NULL || current.version > 0)
            trained = lappend_oid(trained, lfirst_oid(cell));
        ModelTableRelease(&table);
    }
    return trained == NIL ? models : trained;
}

static Oid OnlyModel(void)
{
    List *models;

    if (!only_model.registered) {
        CacheRegisterSyscacheCallback(RELOID, ForgetOnlyModel, (Datum)0);
        CacheRegisterSyscacheCallback(NAMESPACEOID, ForgetOnlyModel, (Datum)0);
        CacheRegisterSyscacheCallback(AUTHOID, ForgetOnlyModel, (Datum)0);
        CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, ForgetOnlyModel, (Datum)0);
        only_model.registered = true;
    }
    if (only_model.valid && only_model.user == GetUserId())
        return only_model.relid;
    models = ReadableModels();
    if (list_length(models) > 1) {
        models = TrainedOf(models);
        if (list_length(models) ==
            1) /* not remembered: a first training of another changes no catalog */
            return linitial_oid(models);
    }
    if (list_length(models) != 1)
        FailAmbiguous(models);
    only_model.user = GetUserId();
    only_model.relid = linitial_oid(models);
    only_model.valid = true;
    return only_model.relid;
}

/* Before the table is locked: who has no right to it must not wait for it. */
static void CheckBeforeLock(const RangeVar *name, Oid relid, Oid locked, void *use)
{
    (void)name, (void)locked;
    if (OidIsValid(relid) && get_rel_name(relid) != NULL)
        ModelCheckRights(relid, *(const ModelUse *)use);
}

Oid ModelLookupFor(const char *name, ModelUse use)
{
    return RangeVarGetRelidExtended(ParseRelationName(name), ModelLock(use), RVR_MISSING_OK,
                                    CheckBeforeLock, &use);
}

static Oid LookUp(const char *wanted, ModelUse use)
{
    Oid relid = ModelLookupFor(wanted, use);

    if (!OidIsValid(relid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("model \"%s\" does not exist", wanted),
                 errhint("%s", NameHint(wanted, "SELECT * FROM recadv_models lists the models."))));
    return relid;
}

/* The name, or else the setting; NULL or empty: neither. */
static const char *NameMeant(text *name)
{
    return name == NULL ? recadv_model_setting : text_to_cstring(name);
}

Oid ModelMeant(text *name)
{
    const char *wanted = NameMeant(name);

    if (wanted != NULL && wanted[0] != '\0')
        return ModelLookup(wanted);
    return name == NULL ? OnlyModel() : InvalidOid;
}

void ModelOpen(text *name, ModelUse use, ModelTable *table)
{
    const char *wanted = NameMeant(name);
    Oid relid;

    if (wanted != NULL && wanted[0] != '\0')
        relid = LookUp(wanted, use);
    else if (name == NULL)
        relid = OnlyModel();
    else
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the model's name is empty")));
    ModelTableOpenFor(relid, use, table);
}
