/* test_host.c: allocation, overflow, polling. */
#include "core/host.h"

#include <string.h>

#include "check.h"
#include "testhost.h"
#include "tests.h"

static void AllocateTooMuch(void *arg)
{
    HostAllocate(&((TestHost *)arg)->host, SIZE_MAX / 2, 4);
}

static void AllocateAlmostTooMuch(void *arg)
{
    HostAllocate(&((TestHost *)arg)->host, SIZE_MAX - 8, 1);
}

static void Poll(void *arg)
{
    HostPoll(&((TestHost *)arg)->host);
}

static void Abandon(void *arg)
{
    HostAbandon(&((TestHost *)arg)->host);
}

static void CheckSizes(void)
{
    CHECK(SizeAdd(2, 3) == 5 && SizeMultiply(2, 3) == 6, "sizes add and multiply");
    CHECK(SizeAdd(SIZE_MAX, 1) == SIZE_MAX && SizeAdd(SIZE_MAX - 5, 6) == SIZE_MAX,
          "a sum that overflows sticks to the maximum");
    CHECK(SizeMultiply(SIZE_MAX / 2, 3) == SIZE_MAX && SizeMultiply(SIZE_MAX, 0) == 0,
          "a product that overflows sticks to the maximum");
    CHECK(SizeAdd(SizeMultiply(SIZE_MAX, 2), 7) == SIZE_MAX, "an overflow stays one in sums");
}

static void CheckAllocation(TestHost *t)
{
    bool aligned = true, zero = true;

    for (size_t size = 0; size < 300; size += 7) {
        char *pointer = HostAllocateZero(&t->host, size, 1);

        aligned &= (uintptr_t)pointer % 64 == 0;
        for (size_t i = 0; i < size; i++)
            zero &= pointer[i] == 0;
        if (size % 2 == 0)
            HostRelease(&t->host, pointer);
    }
    HostRelease(&t->host, NULL);
    CHECK(aligned, "memory is aligned to 64 bytes");
    CHECK(zero, "zeroed memory is zero");
    CHECK(t->live == 21, "released memory goes back to the host");
    CHECK(Attempt(t, AllocateTooMuch, t) == OUTCOME_FAILED && t->kind == FAIL_RESOURCE,
          "a product of sizes that overflows is refused: %s", t->message);
    CHECK(Attempt(t, AllocateAlmostTooMuch, t) == OUTCOME_FAILED && t->kind == FAIL_RESOURCE,
          "a size that overflows with its alignment is refused");
}

static void CheckPolling(TestHost *t)
{
    t->interrupt_every = 2;
    t->calls = 0;
    for (int i = 0; i < 6; i++)
        HostPoll(&t->host);
    CHECK(t->checks == 3, "check() is called where pending() says so");
    t->interrupt_every = 0;
    CHECK(!HostCancelled(&t->host), "not cancelled at first");
    t->cancel = 1;
    CHECK(HostCancelled(&t->host), "a raised flag means cancelled");
    CHECK(Attempt(t, Poll, t) == OUTCOME_CANCELLED, "a poll with the flag raised does not return");
    CHECK(Attempt(t, Abandon, t) == OUTCOME_CANCELLED, "abandoning ends in check()");
    t->cancel = 0;
    CHECK(Attempt(t, Abandon, t) == OUTCOME_FAILED,
          "abandoning ends the run even if check() returns");
}

typedef struct Attempting {
    TestHost *t;
    void (*work)(void *arg);
    const char *message;
    bool done;
} Attempting;

static void AllocateAndFail(void *arg)
{
    TestHost *t = arg;

    HostAllocate(&t->host, 1000, 1);
    AllocateTooMuch(t);
}

static void AllocateAndStay(void *arg)
{
    HostAllocate(&((TestHost *)arg)->host, 1000, 1);
}

static void AttemptIt(void *arg)
{
    Attempting *a = arg;

    a->done = HostAttempt(&a->t->host, a->work, a->t, &a->message);
}

static void CheckAttempts(TestHost *t)
{
    Attempting fails = {.t = t, .work = AllocateAndFail}, stays = {.t = t, .work = AllocateAndStay};
    Attempting cancelled = {.t = t, .work = Poll};
    size_t before = t->bytes;

    CHECK(Attempt(t, AttemptIt, &fails) == OUTCOME_DONE && !fails.done && fails.message != NULL &&
              fails.message[0] != '\0',
          "a failure ends the attempt alone: %s", fails.message);
    CHECK(Attempt(t, AttemptIt, &stays) == OUTCOME_DONE && stays.done && stays.message == NULL,
          "without one it is done");
    CHECK(t->bytes == before, "what attempts allocate is released");
    t->cancel = 1;
    CHECK(Attempt(t, AttemptIt, &cancelled) == OUTCOME_CANCELLED, "a cancel is no failure");
    t->cancel = 0;
    CHECK(Attempt(t, AllocateTooMuch, t) == OUTCOME_FAILED, "afterwards failures fail");
}

void TestHostHelpers(void)
{
    TestHost t;

    TestHostInit(&t);
    CheckSizes();
    CheckAllocation(&t);
    CheckPolling(&t);
    CheckAttempts(&t);
    CHECK(HostClock() <= HostClock(), "the clock does not run backwards");
    TestHostEnd(&t);
    CHECK(t.live == 0 && t.bytes == 0, "the arena frees everything");
}
