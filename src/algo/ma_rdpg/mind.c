/* mind.c: one row at a time through the networks. */
#include "algo/ma_rdpg/mind.h"

#include "algo/net/loss.h"

/* At most 20 kB, as shapes and options are limited: serving allocates nothing. */
#define STACK(count) ZeroReals(__builtin_alloca_with_align((count) * sizeof(Real), 512), count)

static Real *ZeroReals(void *memory, size_t count)
{
    RealClear(memory, count);
    return memory;
}

void MindAct(const Mind *mind, const Sight *sight, const double *noise, Real *a)
{
    const Networks *n = mind->n;
    const Mlp *actor = &n->actor[sight->scenario];
    uint32_t width = n->width[sight->scenario];
    Real *input = STACK(ActorPitch(n)), *tape = STACK(MlpTape(actor, 1));

    RealCopy(sight->o, n->observed, input);
    RealCopy(sight->h, n->message, input + n->observed);
    MlpForward(actor, &n->actors, mind->weights.actors, input, 1, NULL, tape);
    for (uint32_t k = 0; k < width && noise != NULL; k++)
        tape[k] += (Real)noise[k];
    SoftmaxForward(tape, 1, width, tape);
    RealCopy(tape, width, a);
}

/* [o; a] */
static void Hear(const Networks *n, const Sight *sight, const Real *a, Real *heard)
{
    RealCopy(sight->o, n->observed, heard);
    RealCopy(a, n->width[sight->scenario], heard + n->observed + n->first[sight->scenario]);
}

Real MindJudge(const Mind *mind, const Sight *sight, const Real *a)
{
    const Networks *n = mind->n;
    const Mlp *critic = &n->critic[CriticOf(n, sight->scenario)];
    Real *input = STACK(CriticPitch(n)), *tape = STACK(MlpTape(critic, 1));

    Hear(n, sight, a, input);
    RealCopy(sight->h, n->message, input + n->observed + n->actions);
    MlpForward(critic, &n->critics, mind->weights.critics, input, 1, NULL, tape);
    return tape[0];
}

void MindHear(const Mind *mind, const Sight *sight, const Real *a, const Real *c, Real *h_next,
              Real *c_next)
{
    const Networks *n = mind->n;
    Real *heard = STACK(HeardPitch(n)), *gates = STACK(LstmGates(n->message));
    LstmShape shape = {1, (size_t)n->observed + n->actions, n->message};

    if (n->message == 0)
        return;
    Hear(n, sight, a, heard);
    LstmForward(shape, LstmOf(n, mind->weights.lstm),
                &(LstmStep){heard, sight->h, c, gates, h_next, c_next});
}
