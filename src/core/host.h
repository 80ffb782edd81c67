/*
 * host.h: what the numerics need from the program around them.
 *
 * core/ and algo/ know nothing of PostgreSQL.  Memory, interrupts, progress and errors reach them
 * through one struct of callbacks.  All callbacks are called from the main thread only; worker
 * threads call none of them.  Memory belongs to an arena of the host, so that a callback that
 * does not return (fail, check) leaks nothing.
 */
#ifndef RECADV_CORE_HOST_H
#define RECADV_CORE_HOST_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Pool Pool;

/* Where a run stands; fields that do not apply are NaN (double) or 0. */
typedef struct Progress {
    const char *stage;  /* "bpr", "apr", ... */
    int epoch;          /* 1..epochs, over all stages */
    int epochs;         /* planned, over all stages */
    double loss;        /* mean loss of this epoch, NaN if the algorithm has none */
    const char *metric; /* what decides which epoch is the best, such as "NDCG@100" */
    double value;       /* of it, NaN if this epoch was not validated */
    double seconds;     /* since the start of training */
} Progress;

typedef enum FailKind {
    FAIL_NOT_FINITE, /* a loss or parameter became NaN or infinite */
    FAIL_INVALID,    /* the input does not allow what was asked */
    FAIL_RESOURCE    /* a thread or memory could not be had */
} FailKind;

/* An error, as a host reports it. */
typedef struct Failure {
    FailKind kind;
    const char *message;
    const char *hint; /* what to do; NULL: nothing */
} Failure;

typedef struct Host {
    void *arg;
    Pool *pool;                                /* NULL: everything runs on one thread */
    void *(*allocate)(void *arg, size_t size); /* never NULL; not zeroed */
    void (*release)(void *arg, void *pointer);
    bool (*pending)(void *arg);             /* cheap: is check() wanted? */
    void (*check)(void *arg);               /* may not return; no worker is busy */
    const volatile sig_atomic_t *cancel[3]; /* NULL or flags: check() will not return */
    void (*progress)(void *arg, const Progress *progress);
    void (*fail)(void *arg, const Failure *failure) __attribute__((noreturn));
    /* Of HostAttempt; NULL: a failure is one of the whole. */
    bool (*attempt)(void *arg, void (*work)(void *work_arg), void *work_arg, const char **message);
} Host;

/* count * size bytes, 64-byte aligned, zeroed or not; fails on overflow. */
extern void *HostAllocate(const Host *host, size_t count, size_t size);
extern void *HostAllocateZero(const Host *host, size_t count, size_t size);
extern void HostRelease(const Host *host, void *pointer);

/* Lets the host handle interrupts; call at least every 50 ms outside pool runs. */
extern void HostPoll(const Host *host);

/*
 * Is the run certain to end without a result?  Any thread may ask, inside a task, and leave the
 * task unfinished; whoever ran the tasks then calls HostAbandon.
 */
static inline bool HostCancelled(const Host *host)
{
    return (host->cancel[0] != NULL && *host->cancel[0]) ||
           (host->cancel[1] != NULL && *host->cancel[1]) ||
           (host->cancel[2] != NULL && *host->cancel[2]);
}

/*
 * May a long loop of a task go on with round i?  Looks at HostCancelled every so many rounds;
 * host == NULL: nobody cancels.
 */
static inline bool HostGoesOn(const Host *host, uint64_t i, uint32_t every)
{
    return i % every != 0 || host == NULL || !HostCancelled(host);
}

/*
 * On the main thread, where steps of a loop may be small or large: HostPoll each time that `every`
 * pieces of work are done since; host == NULL: nobody interrupts.
 */
static inline void HostPollAfter(const Host *host, uint64_t *done, uint64_t pieces, uint64_t every)
{
    *done += pieces;
    if (*done < every || host == NULL)
        return;
    *done = 0;
    HostPoll(host);
}

/* Ends a run whose tasks were left unfinished. */
extern void HostAbandon(const Host *host) __attribute__((noreturn));

/* Reports an error through host->fail with a printf-style message; does not return. */
extern void HostFail(const Host *host, FailKind kind, const char *hint, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

/*
 * Runs work(arg), which may fail.  False: it did, by fail() or for want of memory, and *message,
 * from the arena, says how.  What it has allocated is released either way.  A cancel does not
 * return.
 */
extern bool HostAttempt(const Host *host, void (*work)(void *arg), void *arg, const char **message);

/* Monotonic seconds. */
extern double HostClock(void);

/* Overflow-checked sums for memory estimates: SIZE_MAX means "does not fit". */
extern size_t SizeAdd(size_t a, size_t b);
extern size_t SizeMultiply(size_t a, size_t b);

/* The greater of two, where one memory serves for both. */
extern size_t SizeLarger(size_t a, size_t b);

#endif
