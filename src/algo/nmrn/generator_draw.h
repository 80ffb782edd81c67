/*
 * generator_draw.h: what the generator's draws are made of, for the type of number that the
 * includer defines as REAL.
 *
 * d(u, c) = |x - y_c| with x = U e_u + c and y_c = V f_c + f (or x = e_u, y_c = f_c without
 * layers), p = softmax(-d / temperature).
 */
#ifndef RECADV_ALGO_NMRN_GENERATOR_DRAW_H
#define RECADV_ALGO_NMRN_GENERATOR_DRAW_H

#include <stdbool.h>
#include <stdint.h>

/* Shared parameters; S = factors padded to 16. */
typedef struct Policy {
    uint32_t factors;
    uint32_t stride;
    bool layers;
    REAL temperature;
    const REAL *user_layer; /* factors x S, then a row of biases */
    const REAL *item_layer;
} Policy;

/* One draw: what it was made of, and what it left for the way back. */
typedef struct Draw {
    const REAL *user;        /* S */
    const REAL *const *item; /* count rows of S */
    uint32_t count;
    REAL *query;    /* S: x */
    REAL *point;    /* count x S: y */
    REAL *distance; /* count */
    REAL *chance;   /* count */
    REAL *const *item_gradient;
    REAL *user_gradient;
    REAL *user_layer_gradient;
    REAL *item_layer_gradient;
    REAL *scratch; /* 2 S */
} Draw;

#endif
