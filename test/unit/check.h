/*
 * check.h: counting checks, printed in the Test Anything Protocol.
 *
 * A check is one line "ok N - name" or "not ok N - name".  Loops over many values fold them into
 * one bool and check that, so that the output stays readable.
 */
#ifndef RECADV_CHECK_H
#define RECADV_CHECK_H

#include <stdbool.h>

/* CHECK(condition, "name with %d", value): the name says what must hold. */
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        bool check_passed = (condition); /* before the values of the name */                       \
                                                                                                   \
        CheckReport(check_passed, __FILE__, __LINE__, __VA_ARGS__);                                \
    } while (0)

extern void CheckReport(bool passed, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A comment line. */
extern void Note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A check that cannot be made here counts as passed, with the reason. */
extern void Skip(const char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the plan; returns the exit status. */
extern int CheckFinish(void);

#endif
