/*
 * scenarios.h: the scenarios of a model that acts: their names and the widths of what is observed
 * and done in them.
 *
 * Stored in the header as "scenarios", in the order of their indexes.
 */
#ifndef RECADV_PG_MODEL_SCENARIOS_H
#define RECADV_PG_MODEL_SCENARIOS_H

#include "pg/base/json.h"
#include "pg/ids/id_list.h"
#include "pg/model/blocks.h"

#include "core/acts.h"

typedef struct Scenarios {
    ActShape shape;
    IdList names; /* by index */
} Scenarios;

/* Appends the field to a JSON object. */
extern void ScenariosDescribe(StringInfo json, const ActShape *shape, const IdList *names);

/* Reads and checks the field; `json` is the header. */
extern const Scenarios *ScenariosRead(ModelStore *store, Jsonb *json, IdKind kind);

/* In the current context. */
extern const Scenarios *ScenariosCopy(const Scenarios *scenarios);

/* Index of the scenario of that name, or UNKNOWN_ID; the id may be of any kind. */
extern uint32 ScenarioFind(const Scenarios *scenarios, Id id);

/* For messages. */
extern char *ScenarioName(const IdList *names, uint32 scenario);

#endif
