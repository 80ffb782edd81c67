/* check.c: plays sessions of the simulator's visitors. */
#include "algo/irecgan/check.h"

#include "algo/policy/model_policy.h"

static uint64_t Sessions(const Check *check)
{
    return (uint64_t)((const IrecganOptions *)check->model->options)->check_sessions;
}

static VisitorRules RulesOf(const Check *check)
{
    const Model *simulator = check->data->simulator;

    return SimulatorRules(simulator->algorithm, simulator->options);
}

void IrCheckOpen(Check *check)
{
    const IrecganOptions *o = check->model->options;
    VisitorRules rules;

    if (check->data->simulator == NULL)
        return;
    rules = RulesOf(check);
    check->environment =
        EnvironmentOpen(check->host, check->data->simulator, &rules, (uint64_t)o->train.seed);
}

void IrCheckClose(Check *check)
{
    if (check->environment != NULL)
        EnvironmentClose(check->host, check->environment);
}

static ModelPolicy PolicyOf(const Check *check, bool by_chance)
{
    const IrecganOptions *o = check->model->options;

    if (by_chance)
        return (ModelPolicy){.environment = check->environment, .seed = (uint64_t)o->train.seed};
    return (ModelPolicy){.environment = check->environment,
                         .model = check->model,
                         .simulator_item = check->data->simulator_item,
                         .seed = (uint64_t)o->train.seed};
}

RolloutResult IrCheckRun(const Check *check, bool by_chance)
{
    ModelPolicy shown = PolicyOf(check, by_chance);
    Policy policy = ModelPolicyOpen(check->host, &shown, check->slate);
    RolloutResult result = RolloutRun(check->host, &(Rollout){.environment = check->environment,
                                                              .policy = &policy,
                                                              .sessions = Sessions(check),
                                                              .k = check->slate});

    ModelPolicyClose(check->host, &shown);
    return result;
}

/* Of the agent's policy and of the one by chance, which are never there at once, the larger. */
size_t IrCheckMemory(const Check *check, int threads)
{
    const Model *simulator = check->data->simulator;
    ModelPolicy shown = {.model = check->model};
    VisitorRules rules;
    size_t playing;

    if (simulator == NULL)
        return 0;
    rules = RulesOf(check);
    playing = SizeAdd(ModelPolicyMemory(&shown, check->slate, threads),
                      SizeMultiply(simulator->items, sizeof(uint32_t))); /* its items there */
    playing = SizeLarger(playing, RandomPolicyMemory(simulator->items, threads));
    playing = SizeAdd(playing, RolloutMemoryOf(simulator, &rules, check->slate, Sessions(check)));
    return SizeAdd(EnvironmentMemory(simulator, &rules), playing);
}
