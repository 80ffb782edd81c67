/*
 * failing_palloc.c: linked into a recadv.so of 025_out_of_memory_and_disk.pl, whose calls of the
 * allocators of PostgreSQL come here first (ld --wrap): the n-th fails, as if memory were out.
 *
 *   fail_allocation(n)  the n-th from now on fails, once; 0: none; returns how many there were
 * since the last call
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

static int64 calls, fail_at;

static void Count(Size size)
{
    if (++calls != fail_at)
        return;
    fail_at = 0;
    ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
                    errdetail("Failed on request of size %zu.", size)));
}

#define WRAP(type, name, parameters, arguments, size)                                              \
    extern type __real_##name parameters;                                                          \
    extern type __wrap_##name parameters;                                                          \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        Count(size);                                                                               \
        return __real_##name arguments;                                                            \
    }

WRAP(void *, palloc, (Size size), (size), size)
WRAP(void *, palloc0, (Size size), (size), size)
WRAP(void *, palloc_extended, (Size size, int flags), (size, flags), size)
WRAP(void *, repalloc, (void *pointer, Size size), (pointer, size), size)
WRAP(void *, repalloc_huge, (void *pointer, Size size), (pointer, size), size)
WRAP(void *, MemoryContextAlloc, (MemoryContext context, Size size), (context, size), size)
WRAP(void *, MemoryContextAllocZero, (MemoryContext context, Size size), (context, size), size)
WRAP(void *, MemoryContextAllocHuge, (MemoryContext context, Size size), (context, size), size)
WRAP(void *, MemoryContextAllocExtended, (MemoryContext context, Size size, int flags),
     (context, size, flags), size)
WRAP(char *, MemoryContextStrdup, (MemoryContext context, const char *text), (context, text),
     strlen(text))
WRAP(char *, pstrdup, (const char *text), (text), strlen(text))
WRAP(char *, pnstrdup, (const char *text, Size size), (text, size), size)
WRAP(void, initStringInfo, (StringInfo text), (text), 1024)
WRAP(MemoryContext, AllocSetContextCreateInternal,
     (MemoryContext parent, const char *name, Size minimum, Size first, Size most),
     (parent, name, minimum, first, most), first)

PG_FUNCTION_INFO_V1(fail_allocation);

Datum fail_allocation(PG_FUNCTION_ARGS)
{
    int64 before = calls;

    calls = 0;
    fail_at = PG_GETARG_INT64(0);
    PG_RETURN_INT64(before);
}
