/* steps.c: steps on one user and two items. */
#include "algo/irgan/steps.h"

#include "algo/learn/negative.h"
#include "algo/net/loss.h"
#include "core/vector.h"

float PlayerScore(const Player *player, uint32_t user, uint32_t item)
{
    float product;

    DotRows(PartRow(player->user, user), PartRow(player->item, item), 1, player->item->stride,
            &product);
    return product + *PartRow(player->bias, item);
}

typedef struct Step {
    float rate, regularization;
    float pull, push; /* gradients of the loss by the scores of the two items */
    uint32_t stride;
} Step;

#define VECTOR_KERNELS "algo/irgan/steps_kernels.h"
#include "core/vector_targets.h"

VECTOR_TABLE(StepThree, (const Step *s, float *user, float *item, float *other));

/* Of one and the same item both gradients apply, after each other. */
static void Apply(const Player *player, StepSize size, uint32_t user, uint32_t item, uint32_t other,
                  float pull, float push)
{
    Step step = {size.rate, size.regularization, pull, push, player->user->stride};
    float *bias = PartRow(player->bias, item), *other_bias = PartRow(player->bias, other);

    StepThreeVariants[VectorLevel()](&step, PartRow(player->user, user),
                                     PartRow(player->item, item), PartRow(player->item, other));
    *bias -= size.rate * (pull + size.regularization * *bias);
    *other_bias -= size.rate * (push + size.regularization * *other_bias);
}

double RankingStep(const Player *player, StepSize size, uint32_t user, uint32_t item,
                   uint32_t other)
{
    float margin = PlayerScore(player, user, item) - PlayerScore(player, user, other);
    float pull = -RealSigmoid(-margin);

    Apply(player, size, user, item, other, pull, -pull);
    return (double)RealSoftplus(-margin);
}

double JudgementStep(const Player *player, StepSize size, uint32_t user, uint32_t item,
                     uint32_t other)
{
    float own = PlayerScore(player, user, item), drawn = PlayerScore(player, user, other);

    Apply(player, size, user, item, other, RealSigmoid(own) - 1, RealSigmoid(drawn));
    return (double)(RealSoftplus(-own) + RealSoftplus(drawn));
}

uint32_t HardestNegative(const Player *player, const Interactions *data, uint32_t user,
                         int64_t candidates, Random *random)
{
    uint32_t best = NO_ITEM;
    float most = 0;

    for (int64_t c = 0; c < candidates; c++) {
        uint32_t item = UniformNegative(data, user, random);
        float score = item == NO_ITEM ? 0 : PlayerScore(player, user, item);

        if (best == NO_ITEM || score > most) {
            best = item;
            most = score;
        }
    }
    return best;
}
