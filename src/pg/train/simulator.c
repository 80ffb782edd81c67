/*
 * simulator.c: opens and loads the simulator that recadv_train_policy() names.
 */
#include "pg/train/simulator.h"

#include "catalog/namespace.h"

#include "pg/model/catalog.h"
#include "pg/model/options.h"
#include "pg/model/resolve.h"
#include "pg/model/versions.h"

static void FailUnknown(const char *name) __attribute__((noreturn));

static void FailUnknown(const char *name)
{
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("simulator \"%s\" does not exist", name),
             errhint("recadv_train_policy() trains one, with the algorithm %s.",
                     AlgorithmNames(IsSimulator))));
}

static void CheckSimulates(const char *name, const Header *header)
{
    if (IsSimulator(header->algorithm))
        return;
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("model \"%s\" is no simulator: its algorithm is \"%s\"", name,
                           header->algorithm->name),
                    errhint("recadv_train_policy() trains one, with the algorithm %s.",
                            AlgorithmNames(IsSimulator))));
}

/* At the version that serves. */
static Header Open(const char *name, ModelTable *table)
{
    Oid relid = ModelLookupFor(name, MODEL_READ);
    Header header;

    if (!OidIsValid(relid))
        FailUnknown(name);
    ModelTableOpen(relid, table);
    table->store.version = ModelTableCurrent(table, false).version;
    header = HeaderRead(&table->store);
    CheckSimulates(name, &header);
    return header;
}

/* The next training would find it gone. */
static void CheckOther(const ModelTable *simulator, const char *model)
{
    if (RangeVarGetRelid(ParseRelationName(model), NoLock, true) ==
        RelationGetRelid(simulator->relation))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("model \"%s\" cannot be its own simulator", model),
                        errhint("Store the policy under another name.")));
}

void SimulatorCheck(const char *name, const char *model)
{
    ModelTable table;

    (void)Open(name, &table);
    CheckOther(&table, model);
    ModelTableClose(&table);
}

static void CheckKind(const char *name, const Header *header, const IdList *items)
{
    if (header->item_kind == items->kind)
        return;
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("simulator \"%s\" has items whose ids are of the kind %s, the source %s",
                           name, IdKindName(header->item_kind), IdKindName(items->kind)),
                    errhint("Train both on ids of one type.")));
}

uint32 *SimulatorItems(const Simulator *simulator, const IdList *ids, uint32 *known)
{
    uint32 *items = PallocArray(uint32, (Size)ids->count + 1);

    *known = 0;
    for (uint32 i = 0; i < ids->count; i++) {
        uint32 item = IdListFind(&simulator->whole.item_ids, IdListGet(ids, i));

        items[i] = item == UNKNOWN_ID ? NO_ITEM : item;
        *known += item != UNKNOWN_ID;
        CHECK_FOR_INTERRUPTS();
    }
    return items;
}

static void FailStrange(const char *name) __attribute__((noreturn));

static void FailStrange(const char *name)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("simulator \"%s\" knows none of the items of the source", name),
                    errhint("Train it on a log that has them.")));
}

void SimulatorLoad(const char *name, BackendHost *backend, Simulator *simulator)
{
    MemoryContext caller = MemoryContextSwitchTo(backend->context);
    ModelTable table;

    (void)Open(name, &table);
    *simulator = (Simulator){.name = RelationName(RelationGetRelid(table.relation)),
                             .version = table.store.version,
                             .trained = HeaderTrained(&table.store)};
    WholeModelRead(&table.store, backend, &simulator->whole);
    ModelTableClose(&table);
    MemoryContextSwitchTo(caller);
}

void SimulatorRead(const char *name, const IdList *items, BackendHost *backend,
                   Simulator *simulator)
{
    MemoryContext caller = MemoryContextSwitchTo(backend->context);
    uint32 known;

    SimulatorLoad(name, backend, simulator);
    CheckKind(name, &simulator->whole.header, items);
    simulator->item = SimulatorItems(simulator, items, &known);
    if (known == 0)
        FailStrange(name);
    MemoryContextSwitchTo(caller);
}

static bool IsThisVersion(const Simulator *simulator, const Header *policy)
{
    return policy->simulator_trained != NULL && simulator->trained != NULL &&
           policy->simulator_version == simulator->version &&
           strcmp(policy->simulator_trained, simulator->trained) == 0;
}

bool SimulatorHasTrained(const Simulator *simulator, const Header *policy)
{
    return policy->simulator != NULL &&
           (strcmp(policy->simulator, simulator->name) == 0 || IsThisVersion(simulator, policy));
}
