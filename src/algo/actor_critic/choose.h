/* choose.h: the slates of many hyper-actions: the k items with the greatest inner products, or k
 * that are drawn by the softmax of these. */
#ifndef RECADV_ALGO_ACTOR_CRITIC_CHOOSE_H
#define RECADV_ALGO_ACTOR_CRITIC_CHOOSE_H

#include "core/host.h"
#include "core/random.h"
#include "core/topk.h"

/* Items that are scored at a time. */
#define CHOOSE_TILE 1024

/* Hyper-actions of a call, at most. */
#define CHOOSE_ROWS 16

/* May hyper-action `row` of the call be answered by the item? */
typedef bool (*MayChoose)(void *arg, uint32_t row, uint32_t item);

typedef struct Choice {
    const Host *host;
    const float *rows; /* of the items: items x stride */
    uint32_t items;
    uint32_t stride;
    uint32_t slate;  /* k */
    float *scores;   /* room for count x CHOOSE_TILE */
    Scored *entries; /* room for count x k */
    MayChoose may;   /* NULL: any item */
    void *arg;
} Choice;

/*
 * z: count x stride; random: a generator for each of them, or NULL for the greatest.  slates: count
 * x k, best first; sizes: of each, below k where fewer items may be chosen.  Any thread.
 * Unfinished if the run is cancelled.
 */
extern void ChooseSlates(const Choice *choice, const float *z, uint32_t count, Random *random,
                         uint32_t *slates, uint32_t *sizes);

#endif
