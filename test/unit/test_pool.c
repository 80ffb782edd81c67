/* test_pool.c: every task once, scratch memory unshared, interrupts with all workers idle. */
#include "core/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "check.h"
#include "testhost.h"
#include "tests.h"

#define TASKS 500

static struct {
    atomic_int runs[TASKS];
    atomic_int busy[16]; /* tasks inside a worker */
    atomic_int running;
    atomic_bool shared, outside, open; /* open: a worker had a signal unblocked */
    atomic_bool gate;                  /* workers stay in their tasks until an interrupt opens it */
    int workers;
    bool caught_running; /* check() was called while a task ran */
} state;

static void LookAtMask(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD};
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (!sigismember(&mask, signals[i]))
            atomic_store(&state.open, true);
}

/* Something that takes a microsecond. */
static double Work(void)
{
    double value = 1;

    for (int i = 0; i < 500; i++)
        value *= 1.0001;
    return value;
}

static void RunTask(void *job, int task, int worker)
{
    (void)job;
    atomic_fetch_add(&state.running, 1);
    if (worker < 0 || worker >= state.workers)
        atomic_store(&state.outside, true);
    else if (atomic_fetch_add(&state.busy[worker], 1) != 0)
        atomic_store(&state.shared, true);
    if (worker != 0)
        LookAtMask();
    while (worker != 0 && atomic_load(&state.gate))
        sched_yield();
    if (Work() < 0)
        atomic_store(&state.outside, true);
    atomic_fetch_add(&state.runs[task], 1);
    atomic_fetch_sub(&state.busy[worker], 1);
    atomic_fetch_sub(&state.running, 1);
}

static void OnCheck(void)
{
    state.caught_running |= atomic_load(&state.running) != 0;
}

static void OnPending(void)
{
    atomic_store(&state.gate, false);
}

/* With a gate the main thread is sure to look for interrupts: workers cannot take all tasks. */
static void Reset(int workers, bool gate)
{
    for (int i = 0; i < TASKS; i++)
        atomic_store(&state.runs[i], 0);
    for (int i = 0; i < 16; i++)
        atomic_store(&state.busy[i], 0);
    atomic_store(&state.running, 0);
    atomic_store(&state.gate, gate);
    atomic_store(&state.shared, false);
    atomic_store(&state.outside, false);
    atomic_store(&state.open, false);
    state.workers = workers;
    state.caught_running = false;
}

static bool EachRanOnce(int tasks)
{
    for (int i = 0; i < TASKS; i++)
        if (atomic_load(&state.runs[i]) != (i < tasks))
            return false;
    return true;
}

static void RunAll(void *arg)
{
    PoolRun(&((TestHost *)arg)->host, RunTask, NULL, TASKS);
}

static void CheckThreads(TestHost *t, int threads)
{
    bool once = true;

    for (int tasks = 0; tasks <= TASKS; tasks = tasks * 3 + 1) {
        Reset(threads, false);
        PoolRun(&t->host, RunTask, NULL, tasks);
        once &= EachRanOnce(tasks);
    }
    CHECK(once, "%d threads: each task runs once", threads);
    CHECK(PoolThreads(&t->host) == threads, "%d threads: that many", threads);
    CHECK(!atomic_load(&state.shared) && !atomic_load(&state.outside),
          "%d threads: no two tasks share a worker's scratch memory", threads);
    CHECK(!atomic_load(&state.open), "%d threads: workers have signals blocked", threads);
}

static void CheckInterrupts(TestHost *t, int threads, int every)
{
    Reset(threads, true);
    t->on_pending = OnPending;
    t->on_check = OnCheck;
    t->interrupt_every = every;
    t->calls = t->checks = 0;
    PoolRun(&t->host, RunTask, NULL, TASKS);
    t->interrupt_every = 0;
    CHECK(EachRanOnce(TASKS), "%d threads, interrupt at every %d. look: each task runs once",
          threads, every);
    CHECK(t->checks > 0 && !state.caught_running,
          "%d threads, interrupt at every %d. look: handled with all workers idle", threads, every);
}

static void CheckCancel(TestHost *t, int threads)
{
    int done = 0;

    Reset(threads, true);
    t->calls = 0;
    t->cancel_at = 3;
    CHECK(Attempt(t, RunAll, t) == OUTCOME_CANCELLED && !state.caught_running,
          "%d threads: a cancel ends the run with all workers idle", threads);
    for (int i = 0; i < TASKS; i++)
        done += atomic_load(&state.runs[i]);
    if (threads == 1)
        CHECK(done < 3, "one thread: and leaves the other tasks undone");
    t->cancel_at = t->cancel = 0;
    Reset(threads, false);
    CHECK(Attempt(t, RunAll, t) == OUTCOME_DONE && EachRanOnce(TASKS),
          "%d threads: the pool can be used again after a cancel", threads);
}

static void CheckPool(int threads)
{
    TestHost t;
    sigset_t before, after;
    bool same = true;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    TestHostInit(&t);
    TestHostUsePool(&t, threads);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int s = 1; s < 32; s++)
        same &= sigismember(&before, s) == sigismember(&after, s);
    CHECK(same, "%d threads: the main thread's signal mask is as before", threads);
    CheckThreads(&t, threads);
    CheckInterrupts(&t, threads, 1);
    CheckInterrupts(&t, threads, 3);
    CheckInterrupts(&t, threads, 50);
    CheckCancel(&t, threads);
    TestHostEnd(&t);
}

void TestPool(void)
{
    TestHost t;

    for (int threads = 1; threads <= 8; threads++)
        CheckPool(threads);
    TestHostInit(&t);
    Reset(1, false);
    PoolRun(&t.host, RunTask, NULL, TASKS);
    CHECK(EachRanOnce(TASKS) && PoolThreads(&t.host) == 1, "without a pool tasks run in place");
    TestHostEnd(&t);
}
