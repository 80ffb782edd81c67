/* testhost.c: the callbacks. */
#include "testhost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pool.h"

struct Allocation {
    Allocation *next, *previous;
    size_t size;
    size_t unused; /* keeps what follows aligned to 16 bytes */
};

static __attribute__((noreturn)) void Fail(void *arg, const Failure *failure)
{
    TestHost *t = arg;

    t->kind = failure->kind;
    snprintf(t->message, sizeof(t->message), "%s", failure->message);
    snprintf(t->hint, sizeof(t->hint), "%s", failure->hint == NULL ? "" : failure->hint);
    longjmp(t->jump, OUTCOME_FAILED);
}

static void *Allocate(void *arg, size_t size)
{
    TestHost *t = arg;
    Allocation *a;

    if (++t->allocations == t->fail_at)
        Fail(t, &(Failure){FAIL_RESOURCE, "out of memory", NULL});
    a = malloc(sizeof(*a) + size);
    if (a == NULL)
        abort();
    *a = (Allocation){.next = t->arena, .size = size};
    if (t->arena != NULL)
        t->arena->previous = a;
    t->arena = a;
    t->live++;
    t->bytes += size;
    if (t->bytes > t->peak) {
        t->peak = t->bytes;
        t->blocks = t->live;
    }
    memset(a + 1, 0xA5, size); /* not zeroed: make that visible */
    return a + 1;
}

static void Release(void *arg, void *pointer)
{
    TestHost *t = arg;
    Allocation *a = (Allocation *)pointer - 1;

    if (a->previous != NULL)
        a->previous->next = a->next;
    else
        t->arena = a->next;
    if (a->next != NULL)
        a->next->previous = a->previous;
    t->live--;
    t->bytes -= a->size;
    free(a);
}

static bool IsPending(TestHost *t)
{
    t->calls++;
    if (t->cancel_at > 0 && t->calls >= t->cancel_at) {
        t->cancel = 1;
        return !t->cancel_silently;
    }
    return t->cancel || (t->interrupt_every > 0 && t->calls % t->interrupt_every == 0);
}

static bool Pending(void *arg)
{
    TestHost *t = arg;
    bool pending = IsPending(t);

    if (pending && t->on_pending != NULL)
        t->on_pending();
    return pending;
}

static void Check(void *arg)
{
    TestHost *t = arg;

    if (t->on_check != NULL)
        t->on_check();
    if (t->cancel)
        longjmp(t->jump, OUTCOME_CANCELLED);
    t->checks++;
}

static void Report(void *arg, const Progress *progress)
{
    TestHost *t = arg;

    t->epochs++;
    t->last = *progress;
    if (progress->epoch == t->cancel_epoch)
        t->cancel = 1;
}

/* An arena within the arena: what is in front of what was there before. */
static bool RunAttempt(void *arg, void (*work)(void *work_arg), void *work_arg,
                       const char **message)
{
    TestHost *t = arg;
    Allocation *before = t->arena;
    jmp_buf outer;
    Outcome outcome;

    memcpy(outer, t->jump, sizeof(outer));
    outcome = (Outcome)setjmp(t->jump);
    if (outcome == OUTCOME_DONE)
        work(work_arg);
    memcpy(t->jump, outer, sizeof(outer));
    if (outcome == OUTCOME_CANCELLED)
        longjmp(t->jump, OUTCOME_CANCELLED);
    while (t->arena != before)
        Release(t, t->arena + 1);
    if (outcome == OUTCOME_FAILED)
        *message = t->message;
    return outcome == OUTCOME_DONE;
}

void TestHostInit(TestHost *t)
{
    memset(t, 0, sizeof(*t));
    t->host = (Host){.arg = t,
                     .allocate = Allocate,
                     .release = Release,
                     .pending = Pending,
                     .check = Check,
                     .progress = Report,
                     .fail = Fail,
                     .attempt = RunAttempt,
                     .cancel = {NULL, &t->cancel}};
}

void TestHostEnd(TestHost *t)
{
    if (t->host.pool != NULL)
        PoolDestroy(t->host.pool);
    t->host.pool = NULL;
    while (t->arena != NULL)
        Release(t, t->arena + 1);
}

void TestHostRewind(TestHost *t, const Allocation *arena)
{
    while (t->arena != arena)
        Release(t, t->arena + 1);
}

void TestHostUsePool(TestHost *t, int threads)
{
    t->host.pool = PoolCreate(&t->host, threads);
}

void TestHostResetPeak(TestHost *t)
{
    t->peak = t->bytes;
    t->blocks = t->live;
}

Outcome Attempt(TestHost *t, void (*run)(void *arg), void *arg)
{
    Outcome outcome = (Outcome)setjmp(t->jump);

    if (outcome == OUTCOME_DONE)
        run(arg);
    return outcome;
}

/* HostAllocate's own: one pointer and the alignment. */
size_t TestHostSlack(const TestHost *t)
{
    return t->blocks * (64 + sizeof(void *));
}
