/*
 * als.h: matrix factorisation by alternating least squares for implicit feedback (Hu, Koren and
 * Volinsky 2008), with the loss of Rendle, Krichene, Zhang and Koren 2021:
 *
 *     sum over interactions    c_ui (1 - p_u.q_i)^2
 *   + alpha  * sum over all    (p_u.q_i)^2
 *   + lambda * sum over users  (c_u + alpha |items|)^nu |p_u|^2,  and likewise over items
 *
 * with c_ui the interaction's weight by their mean, c_u the user's sum of them, alpha the option
 * unobserved_weight, lambda regularization and nu frequency_scaling.
 */
#ifndef RECADV_ALGO_ALS_ALS_H
#define RECADV_ALGO_ALS_ALS_H

#include "algo/learn/factors.h"

#define ALS_USER_PART    FACTORS_USER_PART
#define ALS_ITEM_PART    FACTORS_ITEM_PART
#define ALS_GRAM_PART    3 /* Q^T Q: with it a visitor's system is complete */
#define ALS_SETTING_PART 4 /* one row: the numbers that the model was trained with */

/* Columns of the part of settings. */
enum { SETTING_UNOBSERVED, SETTING_REGULARIZATION, SETTING_SCALING, SETTING_ITEMS, SETTINGS };

typedef struct AlsOptions {
    TrainOptions train;
    int64_t factors; /* 0: by the number of items */
    int64_t epochs;
    double unobserved_weight; /* 0: chosen by validation */
    double regularization;    /* 0: chosen by validation */
    double frequency_scaling;
    double init_std;
    int64_t warm_epochs;
} AlsOptions;

extern void AlsLayout(Model *model);
extern void AlsSettle(void *options, const Model *model);
extern size_t AlsMemory(const Model *model, const Interactions *shape, int threads);
extern double AlsWork(const Model *model, const Interactions *shape);
extern void AlsTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report);
extern void AlsFoldIn(const Host *host, const Model *history, const Model *sample, float *query);
extern void AlsExplain(const Host *host, const Model *history, const float *query, const Model *one,
                       float *out);

#endif
