/*
 * testhost.h: a host for tests: an arena that can be counted and emptied, failures and
 * cancellations that come back as values, and interrupts on command.
 */
#ifndef RECADV_TESTHOST_H
#define RECADV_TESTHOST_H

#include <setjmp.h>

#include "core/host.h"

typedef enum Outcome { OUTCOME_DONE, OUTCOME_FAILED, OUTCOME_CANCELLED } Outcome;

typedef struct Allocation Allocation;

typedef struct TestHost {
    Host host;
    Allocation *arena;
    size_t live;   /* allocations not released */
    size_t bytes;  /* of them */
    size_t peak;   /* most bytes at one time */
    size_t blocks; /* allocations at that time */

    size_t allocations; /* so far */
    size_t fail_at;     /* this allocation fails; 0: none does */

    jmp_buf jump; /* where fail and check end up */
    FailKind kind;
    char message[512];
    char hint[256];

    int calls;                /* of pending() */
    int interrupt_every;      /* pending() is true every so many calls; 0: never */
    int cancel_at;            /* cancel at this call of pending(); 0: never */
    bool cancel_silently;     /* ... right after pending() has said no */
    int cancel_epoch;         /* cancel after this epoch; 0: never */
    int checks;               /* calls of check() that returned */
    void (*on_pending)(void); /* called where pending() says yes */
    void (*on_check)(void);   /* called in check() */
    volatile sig_atomic_t cancel;
    int epochs; /* calls of progress() */
    Progress last;
} TestHost;

extern void TestHostInit(TestHost *t);

/* Joins the pool if there is one and frees everything. */
extern void TestHostEnd(TestHost *t);

/* Frees what was allocated since `arena` was the newest and is not released yet. */
extern void TestHostRewind(TestHost *t, const Allocation *arena);

extern void TestHostUsePool(TestHost *t, int threads);

/* Starts a new measurement of the peak. */
extern void TestHostResetPeak(TestHost *t);

/* Runs a function that may fail or be cancelled. */
extern Outcome Attempt(TestHost *t, void (*run)(void *arg), void *arg);

/* What allocations cost beside the bytes asked for, for comparison with estimates. */
extern size_t TestHostSlack(const TestHost *t);

#endif
