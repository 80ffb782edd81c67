/* windows.h: pieces of users' histories that an epoch learns, in random order. */
#ifndef RECADV_ALGO_SASREC_WINDOWS_H
#define RECADV_ALGO_SASREC_WINDOWS_H

#include "core/interactions.h"
#include "core/random.h"

/* Items first .. first + rows - 1 of all histories are read; each predicts the one after it. */
typedef struct Window {
    uint64_t first;
    uint32_t user;
    uint32_t rows;
} Window;

typedef struct Windows {
    const Interactions *data;
    uint32_t length;  /* rows of a window, at most */
    bool last;        /* the last window of each user alone */
    uint32_t *item;   /* of all users, in order of time */
    float *weight;    /* of each, by the mean weight; NULL: all count alike */
    uint64_t *offset; /* users + 1 */
    Window *window;
    uint32_t *order; /* of the windows */
    uint32_t count;
    uint64_t rows; /* of all windows */
} Windows;

extern void WindowsCreate(const Host *host, const Interactions *data, uint32_t length, bool last,
                          Windows *windows);
extern void WindowsRelease(const Host *host, Windows *windows);
extern size_t WindowsMemory(const Interactions *shape, uint32_t length, bool last);

/* Takes the histories, with what is held out or without. */
extern void WindowsTake(const Host *host, Windows *windows, bool held_too);

/* Cuts them anew, each user's at places that are drawn, and draws an order. */
extern void WindowsCut(const Host *host, Windows *windows, Random *random);

#endif
