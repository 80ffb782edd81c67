/*
 * simulator.h: the model whose visitors a policy is trained against.
 *
 * It is another model's table, which the caller may read; the version that serves is loaded whole.
 */
#ifndef RECADV_PG_TRAIN_SIMULATOR_H
#define RECADV_PG_TRAIN_SIMULATOR_H

#include "pg/model/whole_model.h"

typedef struct Simulator {
    const char *name; /* with its schema */
    int32 version;
    const char *trained; /* as HeaderTrained() has it */
    WholeModel whole;
    uint32 *item; /* of each item of the log, in the simulator; or NO_ITEM */
} Simulator;

/* Fails if there is no such model, it does not simulate, or it is `model`.  Needs an active
 * snapshot. */
extern void SimulatorCheck(const char *name, const char *model);

/*
 * Loads it, and finds the items of a log among its own; fails if there are none.  All memory is of
 * the backend's context.  Needs an active snapshot.
 */
extern void SimulatorRead(const char *name, const IdList *items, BackendHost *backend,
                          Simulator *simulator);

/* Loads it alone; `item` is NULL. */
extern void SimulatorLoad(const char *name, BackendHost *backend, Simulator *simulator);

/*
 * Was a policy trained in it?  In one of its name, or in this very version, whatever it was called
 * then.
 */
extern bool SimulatorHasTrained(const Simulator *simulator, const Header *policy);

/* The same of any list of ids. */
extern uint32 *SimulatorItems(const Simulator *simulator, const IdList *ids, uint32 *known);

#endif
