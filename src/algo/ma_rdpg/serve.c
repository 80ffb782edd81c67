/* serve.c: shape of the model, its acts, and what it expects of them. */
#include <math.h>

#include "algo/ma_rdpg/ma_rdpg.h"
#include "algo/ma_rdpg/mind.h"

_Static_assert(sizeof(Real) == sizeof(float), "states are floats");

void MaNetworks(const Model *model, Networks *networks)
{
    const MaOptions *o = model->options;

    NetworksOf(&(NetworkShape){model->acts, (Communication)o->communication, (uint32_t)o->message,
                               (uint32_t)o->hidden},
               networks);
}

Weights MaWeights(const Model *model)
{
    return (Weights){model->part[MA_ACTORS].data, model->part[MA_CRITICS].data,
                     model->parts > MA_LSTM ? model->part[MA_LSTM].data : NULL};
}

void MaLayout(Model *model)
{
    Networks n;

    MaNetworks(model, &n);
    ModelAddPack(model, "actors", &n.actors);
    ModelAddPack(model, "critics", &n.critics);
    ModelAddPart(model, "norm", AXIS_SHARED, 2 * n.scenarios + 1, n.observed);
    if (n.message > 0)
        ModelAddPack(model, "messages", &n.lstm);
}

/* The message, and what its cells hold. */
uint32_t MaState(const Model *model)
{
    const MaOptions *o = model->options;

    return o->communication == COMMUNICATE_MESSAGE ? 2 * (uint32_t)o->message : 0;
}

typedef struct Message {
    Real h[MOST_MESSAGE];
    Real c[MOST_MESSAGE];
} __attribute__((aligned(64))) Message;

typedef struct Session {
    Networks n;
    Mind mind;
    Message message;
    Real o[MOST_OBSERVED] __attribute__((aligned(64)));
    Sight sight;
} Session;

static void Open(const Model *model, const ActInput *input, Session *s)
{
    s->message = (Message){{0}, {0}};
    MaNetworks(model, &s->n);
    s->mind = (Mind){&s->n, MaWeights(model), model->part[MA_NORM].data};
    NetworksSee(&s->n, s->mind.norm, input->scenario, input->observation, s->o);
    for (uint32_t k = 0; k < s->n.message && input->state != NULL; k++) {
        s->message.h[k] = input->state[k];
        s->message.c[k] = input->state[s->n.message + k];
    }
    s->sight = (Sight){input->scenario, s->o, s->message.h};
}

static bool AreFinite(const float *values, uint32_t count)
{
    float sum = 0;

    for (uint32_t k = 0; k < count; k++)
        sum += 0 * values[k];
    return sum == 0;
}

/* Normal noise, and the density of its part that moves an action: what all logits share does not.
 */
static double Explore(const ActInput *input, uint32_t width, double *noise)
{
    double mean = 0, squares = 0, variance = input->explore * input->explore;

    for (uint32_t k = 0; k < width; k++) {
        noise[k] = input->explore * RandomNormal(input->random);
        mean += noise[k] / width;
    }
    for (uint32_t k = 0; k < width; k++)
        squares += (noise[k] - mean) * (noise[k] - mean);
    return exp(-squares / (2 * variance) - (width - 1) * log(2 * M_PI * variance) / 2);
}

bool MaAct(const Model *model, const ActInput *input, ActOutput *output)
{
    bool noisy = input->explore > 0;
    double noise[MOST_ACTION];
    Session s;
    Message next = {{0}, {0}};
    uint32_t width, message;

    Open(model, input, &s);
    width = s.n.width[input->scenario];
    message = s.n.message;
    output->density = noisy ? Explore(input, width, noise) : (double)NAN;
    MindAct(&s.mind, &s.sight, noisy ? noise : NULL, output->action);
    MindHear(&s.mind, &s.sight, output->action, s.message.c, next.h, next.c);
    RealCopy(next.h, message, output->state);
    RealCopy(next.c, message, output->state + message);
    return AreFinite(output->action, width) && AreFinite(output->state, 2 * message);
}

double MaValue(const Model *model, const ActInput *input)
{
    Session s;
    Real action[MOST_ACTION];
    double unit = (double)*PartRow(&model->part[MA_NORM], 2 * (size_t)model->acts->scenarios);

    Open(model, input, &s);
    if (s.n.alone)
        return (double)NAN;
    MindAct(&s.mind, &s.sight, NULL, action);
    return unit * (double)MindJudge(&s.mind, &s.sight, action);
}
