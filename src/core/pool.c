/*
 * pool.c: a pool of threads that take numbered tasks from a counter, behind one mutex and two
 * conditions.
 *
 * See pool.h for what tasks may do.
 */
#include "core/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define SPIN_LOOKS 2000 /* some tens of microseconds */

struct Pool {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* a new run, or shutdown */
    pthread_cond_t idle; /* the last busy worker went idle */
    atomic_ullong run;   /* number of the current run; written under lock */
    atomic_int busy;     /* workers inside the run; written under lock */
    bool shutdown;       /* under lock */
    int looks;           /* before a thread sleeps: see AWAIT_WHILE */

    PoolTask task;
    void *job;
    int tasks;
    atomic_int next;  /* next unclaimed task */
    atomic_bool hold; /* claim no more: the main thread wants to handle an interrupt */

    int threads; /* including the main thread */
    int started; /* workers that exist */
    struct Worker {
        Pool *pool;
        pthread_t thread;
        int index;
    } * workers;
};

/*
 * Looks for a short while before a thread goes to sleep: a run often follows the one before within
 * microseconds, where to sleep and be woken costs more than its tasks.
 */
#define AWAIT_WHILE(pool, condition)                                                               \
    for (int look = 0; look < (pool)->looks && (condition); look++)                                \
    Relax()

static inline void Relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void WorkOff(Pool *pool, int worker)
{
    while (!atomic_load(&pool->hold)) {
        int task = atomic_fetch_add(&pool->next, 1);

        if (task >= pool->tasks)
            break;
        pool->task(pool->job, task, worker);
    }
}

static void *WorkerMain(void *arg)
{
    struct Worker *self = arg;
    Pool *pool = self->pool;
    uint64_t seen = 0;

    for (;;) {
        AWAIT_WHILE(pool, atomic_load(&pool->run) == seen);
        pthread_mutex_lock(&pool->lock);
        while (pool->run == seen && !pool->shutdown)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->shutdown)
            break;
        seen = pool->run;
        pthread_mutex_unlock(&pool->lock);
        WorkOff(pool, self->index);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->idle);
        pthread_mutex_unlock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Threads inherit the signal mask, so block everything around their creation. */
static void StartWorkers(Pool *pool)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 1; i < pool->threads; i++) {
        struct Worker *worker = &pool->workers[i - 1];

        worker->pool = pool;
        worker->index = i;
        if (pthread_create(&worker->thread, NULL, WorkerMain, worker) != 0)
            break;
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

Pool *PoolCreate(const Host *host, int threads)
{
    Pool *pool = HostAllocateZero(host, 1, sizeof(Pool));

    pool->threads = threads;
    /* Where threads wait for processors, one that looks keeps another from its work. */
    pool->looks = threads <= sysconf(_SC_NPROCESSORS_ONLN) ? SPIN_LOOKS : 0;
    pool->workers = HostAllocateZero(host, threads, sizeof(*pool->workers));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    StartWorkers(pool);
    if (pool->started < threads - 1) {
        int started = pool->started;

        PoolDestroy(pool);
        HostFail(host, FAIL_RESOURCE, "Lower the option threads or the setting recadv.max_threads.",
                 "could start only %d of %d threads", started + 1, threads);
    }
    return pool;
}

void PoolDestroy(Pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->shutdown = true;
    atomic_store(&pool->hold, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pool->started = 0;
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
}

int PoolThreads(const Host *host)
{
    return host->pool == NULL ? 1 : host->pool->threads;
}

static void WakeWorkers(Pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->busy = pool->started;
    pool->run++;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

static void AwaitWorkers(Pool *pool)
{
    AWAIT_WHILE(pool, atomic_load(&pool->busy) > 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0)
        pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

/* Like WorkOff, but looks for interrupts between tasks; true if one is pending. */
static bool WorkOffMain(const Host *host, Pool *pool)
{
    for (;;) {
        int task = atomic_fetch_add(&pool->next, 1);

        if (task >= pool->tasks)
            return false;
        pool->task(pool->job, task, 0);
        if (host->pending(host->arg)) {
            atomic_store(&pool->hold, true);
            return true;
        }
    }
}

static void RunSerially(const Host *host, PoolTask task, void *job, int tasks)
{
    for (int i = 0; i < tasks; i++) {
        HostPoll(host);
        task(job, i, 0);
    }
}

void PoolRun(const Host *host, PoolTask task, void *job, int tasks)
{
    Pool *pool = host->pool;

    if (pool == NULL || pool->threads == 1 || tasks == 1) {
        RunSerially(host, task, job, tasks);
        return;
    }
    HostPoll(host); /* the workers may take all tasks before the main thread asks */
    pool->task = task;
    pool->job = job;
    pool->tasks = tasks;
    atomic_store(&pool->next, 0);
    while (atomic_load(&pool->next) < tasks) {
        bool interrupted;

        atomic_store(&pool->hold, false);
        WakeWorkers(pool);
        interrupted = WorkOffMain(host, pool);
        AwaitWorkers(pool);
        if (interrupted)
            host->check(host->arg);
    }
}
