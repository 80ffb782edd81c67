/*
 * rows.c: what rows at random places cost on this machine, a reference for training.
 *
 *   rows USERS ITEMS FACTORS
 *
 * Per step, one row of USERS and two of ITEMS, FACTORS floats each, are read and written back,
 * prefetched eight steps ahead: the memory traffic of a triple without any arithmetic worth the
 * name. Prints nanoseconds of processor time per step, for rows at random places and for rows in
 * order.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEPS (1 << 23)
#define AHEAD 8
#define ROWS  3

typedef float Lanes __attribute__((vector_size(32), aligned(32)));

static size_t vectors; /* of a row */
static Lanes *rows;

static uint32_t Below(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(((*state >> 32) * n) >> 32);
}

static void Touch(uint32_t row)
{
    Lanes *r = rows + row * vectors;

    for (size_t v = 0; v < vectors; v++)
        r[v] += 1.0f;
}

static void Prefetch(uint32_t row)
{
    const char *r = (const char *)(rows + row * vectors);

    for (size_t at = 0; at < vectors * sizeof(Lanes); at += 64)
        __builtin_prefetch(r + at, 1);
}

/* Nanoseconds per step. */
static double Measure(uint32_t users, uint32_t items, int random)
{
    uint32_t ahead[AHEAD][ROWS] = {{0}};
    uint32_t next = 0;
    uint64_t state = 1;
    clock_t start = clock();

    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t *row = ahead[step % AHEAD];

        for (int r = 0; r < ROWS; r++) {
            Touch(row[r]);
            if (random)
                row[r] = r == 0 ? Below(&state, users) : users + Below(&state, items);
            else
                row[r] = next = next + 1 < users + items ? next + 1 : 0;
            Prefetch(row[r]);
        }
    }
    return (double)(clock() - start) / CLOCKS_PER_SEC / STEPS * 1e9;
}

int main(int argc, char **argv)
{
    uint32_t users, items;
    size_t bytes;

    if (argc != 4)
        return 2;
    users = (uint32_t)atol(argv[1]);
    items = (uint32_t)atol(argv[2]);
    vectors = (size_t)atol(argv[3]) * sizeof(float) / sizeof(Lanes);
    bytes = ((size_t)users + items) * vectors * sizeof(Lanes);
    rows = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (rows == NULL)
        return 1;
    memset(rows, 0, bytes);
    printf("%.1f", Measure(users, items, 1));
    printf(" %.1f\n", Measure(users, items, 0));
    return 0;
}
