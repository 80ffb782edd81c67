/*
 * contrast.h: the softmax loss of a micro-batch, whose events share their negatives.
 *
 * With the score s_v = bias_v - d(point, row v), and for j the negatives that the event's user does
 * not have:
 *
 *     loss = weight ln(1 + sum over j of exp((s_j - s_v) / temperature))
 */
#ifndef RECADV_ALGO_NMRN_CONTRAST_H
#define RECADV_ALGO_NMRN_CONTRAST_H

#include "core/host.h"

typedef struct Contrast {
    uint32_t negatives;
    uint32_t width; /* negatives, padded to whole numbers of lanes */
    uint32_t stride;
    float temperature;
    uint32_t *item; /* negatives: which they are */
    float *row;     /* width x stride: their rows */
    float *bias;    /* width */
    float *square;  /* width: of the rows */
    float *share;   /* width, of one event: scores, and what they become */
    float *distance;
    float *push;           /* width: sums over the events */
    float *bias_gradient;  /* width */
    float *row_gradient;   /* width x stride */
    float *point_gradient; /* events x stride */
} Contrast;

extern size_t ContrastMemory(uint32_t events, uint32_t negatives, uint32_t stride);
extern void ContrastCreate(const Host *host, uint32_t events, uint32_t negatives, uint32_t stride,
                           Contrast *contrast);
extern void ContrastRelease(const Host *host, Contrast *contrast);

/* Fewer negatives than it was made for. */
extern void ContrastResize(Contrast *contrast, uint32_t negatives);

/* One event. */
typedef struct Contrasted {
    const float *point;
    const float *item;
    float bias; /* of the item */
    float weight;
    const float *allowed; /* width: 0 where the user has the negative, and beyond them; else 1 */
    float *point_gradient;
    float *item_gradient; /* grows; the bias's comes after the row's `stride` */
} Contrasted;

/* Rows and biases of the negatives are there. */
extern void ContrastStart(Contrast *contrast);

/* The loss of one event; the gradients of the negatives grow. */
extern double ContrastEvent(Contrast *contrast, const Contrasted *event);

/* What is left to be added to them after the last event. */
extern void ContrastEnd(Contrast *contrast);

#endif
