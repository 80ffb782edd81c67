/*
 * host.c: what is built on the host's callbacks: checked allocation, looks at interrupts, errors
 * with a printf-style message, the clock, sums that cannot overflow.
 */
#include "core/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ALIGNMENT 64

/* Bytes zeroed between two looks at interrupts. */
#define ZERO_SLICE ((size_t)16 << 20)

size_t SizeAdd(size_t a, size_t b)
{
    size_t sum;

    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

size_t SizeMultiply(size_t a, size_t b)
{
    size_t product;

    return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

size_t SizeLarger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The host's allocator may align less: its own pointer is kept just before the aligned one. */
void *HostAllocate(const Host *host, size_t count, size_t size)
{
    size_t bytes = SizeAdd(SizeMultiply(count, size), ALIGNMENT + sizeof(void *));
    char *raw, *aligned;

    if (bytes == SIZE_MAX)
        HostFail(host, FAIL_RESOURCE, NULL, "an array of %zu elements of %zu bytes is too large",
                 count, size);
    raw = host->allocate(host->arg, bytes);
    aligned = raw + sizeof(void *);
    aligned += (ALIGNMENT - (uintptr_t)aligned % ALIGNMENT) % ALIGNMENT;
    memcpy(aligned - sizeof(void *), &raw, sizeof(void *));
    return aligned;
}

void *HostAllocateZero(const Host *host, size_t count, size_t size)
{
    void *pointer = HostAllocate(host, count, size);

    for (size_t at = 0; at < count * size; at += ZERO_SLICE) {
        size_t left = count * size - at;

        memset((char *)pointer + at, 0, left < ZERO_SLICE ? left : ZERO_SLICE);
        HostPoll(host);
    }
    return pointer;
}

void HostRelease(const Host *host, void *pointer)
{
    void *raw;

    if (pointer == NULL)
        return;
    memcpy(&raw, (char *)pointer - sizeof(void *), sizeof(void *));
    host->release(host->arg, raw);
}

void HostPoll(const Host *host)
{
    if (host->pending(host->arg))
        host->check(host->arg);
}

void HostFail(const Host *host, FailKind kind, const char *hint, const char *format, ...)
{
    char message[512];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    host->fail(host->arg, &(Failure){kind, message, hint});
}

void HostAbandon(const Host *host)
{
    host->check(host->arg);
    HostFail(host, FAIL_RESOURCE, NULL, "the run was interrupted");
}

bool HostAttempt(const Host *host, void (*work)(void *arg), void *arg, const char **message)
{
    if (host->attempt != NULL)
        return host->attempt(host->arg, work, arg, message);
    work(arg);
    return true;
}

double HostClock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}
