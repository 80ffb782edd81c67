/*
 * pool.h: a fixed set of threads that run numbered tasks.
 *
 * Threads have every signal blocked, call nothing of the host and own no memory.  The calling
 * thread works too.  Tasks should be short (tens of milliseconds at most): interrupts are handled
 * between tasks, at a moment when no worker is busy.
 */
#ifndef RECADV_CORE_POOL_H
#define RECADV_CORE_POOL_H

#include "core/host.h"

/* task in [0, tasks); worker in [0, PoolThreads): index of per-thread scratch memory. */
typedef void (*PoolTask)(void *job, int task, int worker);

/* Starts threads - 1 workers. */
extern Pool *PoolCreate(const Host *host, int threads);

/* Stops and joins the workers; the pool's memory stays with the host's arena. */
extern void PoolDestroy(Pool *pool);

extern int PoolThreads(const Host *host);

/* Runs tasks 0..tasks-1 in any order on host->pool and returns when all are done. */
extern void PoolRun(const Host *host, PoolTask task, void *job, int tasks);

#endif
