/* act_play.c: plays a session of a world. */
#include "algo/policy/act_play.h"

#include <math.h>
#include <string.h>

static bool ModelActs(const void *model, const ActInput *input, ActOutput *output)
{
    const Model *m = model;

    return m->algorithm->policy->acts->act(m, input, output);
}

ActPlayer ActPlayerOfModel(const Model *model, double explore)
{
    return (ActPlayer){.act = ModelActs,
                       .arg = model,
                       .state = model->algorithm->policy->acts->state(model),
                       .explore = explore};
}

static bool ChanceActs(const void *shape, const ActInput *input, ActOutput *output)
{
    uint32_t width = ((const ActShape *)shape)->scenario[input->scenario].action;
    double sum = 0;

    for (uint32_t k = 0; k < width; k++) {
        output->action[k] = (float)-log(1 - RandomUniform(input->random));
        sum += (double)output->action[k];
    }
    for (uint32_t k = 0; k < width; k++)
        output->action[k] = (float)((double)output->action[k] / sum);
    return sum > 0;
}

ActPlayer ActPlayerByChance(const ActShape *shape)
{
    return (ActPlayer){.act = ChanceActs, .arg = shape, .explore = 1};
}

bool ActFits(const Model *model, const ActEnvironment *environment)
{
    const ActShape *m = model->acts, *e = &environment->shape;

    return m != NULL && m->scenarios == e->scenarios &&
           memcmp(m->scenario, e->scenario, m->scenarios * sizeof(ActWidths)) == 0;
}

const ActScript *ActScriptFind(const ActEnvironment *environment, const char *name)
{
    for (const ActScript *s = environment->scripts; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

/* --- a session */

typedef struct Session {
    const ActEnvironment *environment;
    const ActPlayer *player;
    Random luck;  /* of the world */
    Random noise; /* of the player */
    float observation[MOST_OBSERVED];
    float action[MOST_ACTION];
    float state[2][MOST_ACT_STATE]; /* before a step and after it, by turns */
    char visit[ACT_SESSION_BYTES] __attribute__((aligned(64)));
} Session;

static void Start(Session *s, uint64_t seed, uint64_t session)
{
    RandomSeed(&s->luck, seed, RANDOM_VISITOR, session, 0);
    RandomSeed(&s->noise, seed, RANDOM_NOISE, session, 0);
    memset(s->state[0], 0, sizeof(s->state[0]));
    s->environment->reset(s->visit, &s->luck);
}

/* One step; false: the player cannot act. */
static bool Play(Session *s, ActStep *step)
{
    const ActEnvironment *e = s->environment;
    float *before = s->state[step->step % 2], *after = s->state[(step->step + 1) % 2];
    bool noisy = s->player->explore > 0;
    ActOutput output = {s->action, after, (double)NAN};
    ActInput input = {.observation = s->observation,
                      .state = step->step == 0 ? NULL : before,
                      .explore = s->player->explore,
                      .random = noisy ? &s->noise : NULL};

    input.scenario = e->observe(s->visit, &s->luck, s->observation);
    input.kind = e->kind(s->visit);
    if (!s->player->act(s->player->arg, &input, &output))
        return false;
    *step = (ActStep){.step = step->step,
                      .scenario = input.scenario,
                      .kind = input.kind,
                      .observation = s->observation,
                      .before = before,
                      .action = s->action,
                      .after = after,
                      .density = output.density};
    step->ended = !e->step(s->visit, &s->luck, s->action, &step->reward);
    return true;
}

ActEarned ActPlaySession(const ActEnvironment *environment, const ActPlayer *player, uint64_t seed,
                         uint64_t session, ActSeen seen, void *arg)
{
    Session s = {.environment = environment, .player = player};
    ActEarned earned = {0};
    ActStep step = {0};

    Start(&s, seed, session);
    while (!step.ended) {
        step.step = earned.steps;
        if (!Play(&s, &step)) {
            earned.failed = true;
            return earned;
        }
        earned.reward += (double)step.reward;
        earned.steps++;
        if (seen != NULL)
            seen(arg, &step);
    }
    return earned;
}
