/*
 * game.h: what the generator draws, and how it follows its rewards.
 *
 * With p the softmax of a user's scores over all items, and i drawn n times from
 * q = (1 - m) p + m uniform(the user's items), the reward of a draw is
 * R = 2 (sigmoid(f_D(u, i)) - 1/2) p(i) / q(i), and the loss the mean of -R ln p(i), R being fixed.
 */
#ifndef RECADV_ALGO_IRGAN_GAME_H
#define RECADV_ALGO_IRGAN_GAME_H

#include "algo/irgan/irgan.h"

typedef struct IrganGame {
    const Host *host;
    const Interactions *data;
    const IrganOptions *options;
    Player generator, discriminator;
    uint32_t width; /* items, padded to whole vectors */
    uint64_t epoch; /* names the random numbers */
    float rate;

    const uint32_t *users; /* of the batch */
    uint32_t count;
    float *chance;   /* per user of the batch: p of each item, then the gradient by its score */
    float *step;     /* per user of the batch: the gradient of its row */
    double *sums;    /* of each thread, per item: sums of chances */
    uint32_t *drawn; /* per interaction: an item that was drawn for its user */
} IrganGame;

extern void IrganGameCreate(const Host *host, const Interactions *data, Model *model,
                            IrganGame *game);
extern void IrganGameRelease(const Host *host, IrganGame *game);
extern size_t IrganGameMemory(const Model *model, const Interactions *shape, int threads);

/* Draws as many items for each user as it has, by the softmax of scores over the temperature. */
extern void IrganGameDraw(IrganGame *game);

/* One step on these users, of at most generator_batch. */
extern void IrganGameStep(IrganGame *game, const uint32_t *users, uint32_t count);

/* gradient[]: p of each item becomes the gradient by its score of -sum of worth[i] ln p(i) */
extern void FollowRewards(const double *worth, uint32_t items, float *gradient);

#endif
