/* check.c: plays sessions of the simulator's visitors. */
#include "algo/irecgan/check.h"

#include "algo/policy/model_policy.h"

/* What a policy by chance takes of a thread beside its items, at most. */
#define ROOM 1024

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

static size_t Larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Of a policy there are its items as the simulator has them, by chance the simulator's items for
 * each thread. */
size_t IrCheckMemory(const Check *check, int threads)
{
    const Model *simulator = check->data->simulator;
    ModelPolicy shown = {.model = check->model};
    VisitorRules rules;
    size_t playing, items;

    if (simulator == NULL)
        return 0;
    rules = RulesOf(check);
    items = SizeMultiply(simulator->items, sizeof(uint32_t));
    playing = SizeAdd(ModelPolicyMemory(&shown, check->slate, threads), items);
    playing = Larger(playing, SizeMultiply((size_t)threads, SizeAdd(items, ROOM)));
    playing = SizeAdd(playing, RolloutMemoryOf(simulator, &rules, check->slate, Sessions(check)));
    return SizeAdd(EnvironmentMemory(simulator, &rules), playing);
}
