/* check.h: what the agent earns from the visitors of a simulator, where one is named. */
#ifndef RECADV_ALGO_IRECGAN_CHECK_H
#define RECADV_ALGO_IRECGAN_CHECK_H

#include "algo/irecgan/irecgan.h"
#include "algo/policy/rollout.h"

typedef struct Check {
    const Host *host;
    const PolicyData *data;
    const Model *model;
    uint32_t slate;
    Environment *environment; /* NULL: there is no simulator */
} Check;

extern void IrCheckOpen(Check *check);
extern void IrCheckClose(Check *check);

/* The same visitors with the same luck whenever it is called; by_chance: random slates. */
extern RolloutResult IrCheckRun(const Check *check, bool by_chance);

/* Bytes of all of it, 0 without a simulator. */
extern size_t IrCheckMemory(const Check *check, int threads);

#endif
