/*
 * steps.h: steps of plain gradient descent on a player's numbers, one pair of items after the
 * other.
 *
 *     ranking       -ln sigmoid(f(u, i) - f(u, j))
 *     judgement     -ln sigmoid(f(u, i)) - ln sigmoid(-f(u, j))
 *
 * each with l / 2 times the squares of the rows and biases that it reads: u, i, j.
 */
#ifndef RECADV_ALGO_IRGAN_STEPS_H
#define RECADV_ALGO_IRGAN_STEPS_H

#include "algo/irgan/irgan.h"

typedef struct StepSize {
    float rate;
    float regularization; /* l */
} StepSize;

/* Returns the loss without the squares. */
extern double RankingStep(const Player *player, StepSize size, uint32_t user, uint32_t item,
                          uint32_t other);
extern double JudgementStep(const Player *player, StepSize size, uint32_t user, uint32_t item,
                            uint32_t other);

/* Of `candidates` items that the user does not have, drawn, the one with the highest score; or
 * NO_ITEM. */
extern uint32_t HardestNegative(const Player *player, const Interactions *data, uint32_t user,
                                int64_t candidates, Random *random);

#endif
