/* check.c: the counters behind CHECK. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>

static int checks, failures;

static void PrintLine(bool passed, const char *format, va_list args)
{
    printf("%s %d - ", passed ? "ok" : "not ok", ++checks);
    vprintf(format, args);
}

void CheckReport(bool passed, const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    PrintLine(passed, format, args);
    va_end(args);
    printf("\n");
    if (!passed) {
        failures++;
        printf("# failed at %s:%d\n", file, line);
    }
    fflush(stdout);
}

void Note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("# ");
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

void Skip(const char *reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    PrintLine(true, format, args);
    va_end(args);
    printf(" # SKIP %s\n", reason);
}

int CheckFinish(void)
{
    printf("1..%d\n", checks);
    if (failures > 0)
        printf("# %d of %d checks failed\n", failures, checks);
    return failures > 0;
}
