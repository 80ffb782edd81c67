/*
 * backend.h: the callbacks that let algorithms run inside a backend; for training, serving and
 * evaluation.
 */
#ifndef RECADV_PG_BASE_BACKEND_H
#define RECADV_PG_BASE_BACKEND_H

#include "pg/base/compat.h"

#include "core/host.h"
#include "pg/base/progress.h"

typedef struct BackendHost {
    Host host;
    MemoryContext context; /* all memory of the run */
    const char *title;     /* prefix of progress reports, such as: recadv_train "shop" */
    RunStatus status;      /* what others see in recadv_progress */
    double last_notice;
    double last_activity;
    bool failing; /* an algorithm has failed, and nothing else */
} BackendHost;

/* A host that allocates in `context` and runs on the main thread alone. */
extern void BackendHostInit(BackendHost *backend, MemoryContext context, const char *title);

/*
 * Calls work(arg) with a pool of threads in backend->host; the threads are joined before this
 * returns, also on error, cancel and termination.
 */
extern void BackendHostRun(BackendHost *backend, int threads, void (*work)(void *arg), void *arg);

#endif
