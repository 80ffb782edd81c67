/*
 * resolve.c: the model that a call means, for all SQL functions with an argument "model".
 *
 * Most databases have one model, so a call need not name it.  Which one that is stays remembered
 * until a catalog changes, since a serving function asks with every call.
 */
#include "pg/model/resolve.h"

#include "utils/builtins.h"
#include "utils/inval.h"
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

static void FailAmbiguous(List *models)
{
    StringInfoData names;
    ListCell *cell;

    if (models == NIL)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no model that you may read"),
                 errhint("Train one with recadv_train().")));
    initStringInfo(&names);
    foreach (cell, models)
        appendStringInfo(&names, "%s%s", names.len == 0 ? "" : ", ",
                         RelationName(lfirst_oid(cell)));
    ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_PARAMETER),
                    errmsg("there are %d models: name one", list_length(models)),
                    errdetail("Models: %s.", names.data),
                    errhint("Use model => '...', or SET recadv.model.")));
}

/*
 * Leaves out the models without a version, such as a first training that failed leaves behind; all
 * of them if there are no others.  A damaged one stays, for its error is what the caller must see.
 */
static List *TrainedOf(List *models)
{
    List *trained = NIL;
    ListCell *cell;

    foreach (cell, models) {
        ModelTable table;
        Current current;

        ModelTableOpen(lfirst_oid(cell), &table);
        if (ModelTableTryCurrent(&table, &current) != NULL || current.version > 0)
            trained = lappend_oid(trained, lfirst_oid(cell));
        ModelTableClose(&table);
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

Oid ModelResolve(text *name)
{
    const char *wanted = name == NULL ? recadv_model_setting : text_to_cstring(name);
    Oid relid;

    if (wanted == NULL || wanted[0] == '\0') {
        if (name == NULL)
            return OnlyModel();
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the model's name is empty")));
    }
    relid = ModelLookup(wanted);
    if (!OidIsValid(relid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("model \"%s\" does not exist", wanted),
                 errhint("SELECT * FROM recadv_models lists the models.")));
    return relid;
}
