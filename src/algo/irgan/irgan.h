/*
 * irgan.h: a generator and a discriminator of items that learn from each other (Wang et al. 2017,
 * "IRGAN", pointwise).
 *
 * Both score by f(u, i) = p_u . q_i + b_i, each with numbers of its own.  The discriminator tells
 * what users have from what the generator draws; the generator draws items by the softmax of its
 * scores, and is rewarded for those that the discriminator takes for a user's.  The generator
 * starts from pairwise ranking against the hardest of a few items, and is what serves.
 */
#ifndef RECADV_ALGO_IRGAN_IRGAN_H
#define RECADV_ALGO_IRGAN_IRGAN_H

#include "algo/learn/factors.h"

/* The first two are those of factors.h; those of the discriminator are for learning alone. */
enum {
    IRGAN_USER_PART = FACTORS_USER_PART,
    IRGAN_ITEM_PART = FACTORS_ITEM_PART,
    IRGAN_BIAS_PART,
    IRGAN_JUDGE_USER_PART,
    IRGAN_JUDGE_ITEM_PART,
    IRGAN_JUDGE_BIAS_PART,
};

typedef struct IrganOptions {
    TrainOptions train;
    int64_t factors;
    int64_t candidates;
    int64_t epochs;
    double learning_rate;
    double last_rate;
    double regularization;
    int64_t adv_epochs;
    int64_t discriminator_epochs;
    int64_t generator_epochs;
    int64_t generator_batch;
    double adv_learning_rate;
    double discriminator_regularization;
    double temperature;
    double positives;
    int64_t warm_epochs;
} IrganOptions;

/* The numbers of one player. */
typedef struct Player {
    Part *user, *item, *bias;
} Player;

extern Player IrganGenerator(Model *model);
extern Player IrganDiscriminator(Model *model);
extern float PlayerScore(const Player *player, uint32_t user, uint32_t item);

extern void IrganLayout(Model *model);
extern void IrganItemScalars(const Model *view, float *out);
extern void IrganFinish(const Model *model, const float *query, const float *scalars, size_t pitch,
                        uint32_t count, float *products);
extern void IrganFoldIn(const Host *host, const Model *history, const Model *sample, float *query);

extern size_t IrganMemory(const Model *model, const Interactions *shape, int threads);
extern double IrganWork(const Model *model, const Interactions *shape);
extern void IrganTrain(const Host *host, const Interactions *data, Model *model,
                       TrainReport *report);

/* First numbers are uniform within this of 0. */
#define IRGAN_START 0.05

#endif
