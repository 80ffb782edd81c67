/* algorithm.c: the options of ma_rdpg, and its interface. */
#include "algo/ma_rdpg/ma_rdpg.h"
#include "algo/ma_rdpg/slice.h"
#include "algo/ma_rdpg/learner.h"
#include "algo/policy/act_worlds.h"

static const char *const communications[] = {"message", "shared", "independent", NULL};

#define FIELD(name) offsetof(MaOptions, name)
#define PAPER       "Feng et al. 2018"
#define MEASURED    "recadv, by simulation"

static const OptionSpec options[] = {
    {"environment", OPTION_CHOICE, FIELD(environment), 0, 0, 0, act_environment_choices,
     "a world to learn in, where there is no log", "recadv"},
    {"communication", OPTION_CHOICE, FIELD(communication), 0, 0, COMMUNICATE_MESSAGE,
     communications,
     "how scenarios work together: by messages and a critic of all, by that critic alone, or not "
     "at all: each has a critic of its own rewards",
     PAPER},
    {"message", OPTION_INTEGER, FIELD(message), 1, MOST_MESSAGE, 8, NULL, "numbers of a message",
     MEASURED "; 10 in " PAPER},
    {"hidden", OPTION_INTEGER, FIELD(hidden), 1, MOST_HIDDEN, 32, NULL,
     "width of both hidden layers of actors and critic", PAPER},
    {"iterations", OPTION_INTEGER, FIELD(iterations), 1, 100000000, 1000, NULL,
     "steps of learning, each on a batch of sessions", MEASURED},
    {"check_every", OPTION_INTEGER, FIELD(check_every), 1, 100000000, 100, NULL,
     "iterations after which the policy is tried in the world without noise; the best one is kept",
     "recadv"},
    {"check_sessions", OPTION_INTEGER, FIELD(check_sessions), 1, 1000000, 400, NULL,
     "sessions of such a trial: of the same visitors, with the same luck", "recadv"},
    {"batch", OPTION_INTEGER, FIELD(batch), 1, MOST_BATCH, 48, NULL,
     "sessions that are learnt in one iteration", MEASURED "; 100 in " PAPER},
    {"episodes", OPTION_INTEGER, FIELD(episodes), 1, 4096, 12, NULL,
     "sessions that are played in the world before each iteration", MEASURED},
    {"buffer", OPTION_INTEGER, FIELD(buffer), 1, 100000000, 10000, NULL,
     "sessions of the world that are remembered to learn from", PAPER},
    {"session_steps", OPTION_INTEGER, FIELD(session_steps), 1, MOST_STEPS, 100, NULL,
     "of longer sessions of a log so many steps are learnt, the first ones", "recadv"},
    {"gamma", OPTION_REAL, FIELD(gamma), 0, 1, 0.9, NULL,
     "what the reward of the next step is worth now", PAPER},
    {"actor_rate", OPTION_REAL, FIELD(actor_rate), 0, 1, 5e-4, NULL,
     "RMSProp's learning rate of the actors", MEASURED "; 1e-3 in " PAPER},
    {"actor_start", OPTION_INTEGER, FIELD(actor_start), 0, 100000000, 150, NULL,
     "iterations in which the critic learns alone", MEASURED},
    {"critic_rate", OPTION_REAL, FIELD(critic_rate), 0, 1, 2e-3, NULL,
     "RMSProp's learning rate of the critic", MEASURED "; 1e-5 in " PAPER},
    {"message_rate", OPTION_REAL, FIELD(message_rate), 0, 1, 4e-3, NULL,
     "RMSProp's learning rate of the messages", MEASURED},
    {"decay", OPTION_REAL, FIELD(decay), 0, 0.999999, 0.9, NULL,
     "share of RMSProp's mean square that stays in each step", "Hinton 2012, lecture 6e"},
    {"tau", OPTION_REAL, FIELD(tau), 0, 1, 0.02, NULL,
     "share by which targets follow; 1: there are none", MEASURED "; none in " PAPER},
    {"message_q", OPTION_REAL, FIELD(message_q), 0, 100, 0, NULL,
     "weight of the critic's value in what messages maximise, beside the critic's error",
     MEASURED "; 1 in " PAPER},
    {"explore_start", OPTION_REAL, FIELD(explore_start), 0, 10, 2, NULL,
     "deviation of the normal noise on the logits of actions, in the world, at first", MEASURED},
    {"explore_iterations", OPTION_INTEGER, FIELD(explore_iterations), 0, 100000000, 300, NULL,
     "iterations with that noise", MEASURED},
    {"explore", OPTION_REAL, FIELD(explore), 0, 10, 0.5, NULL, "deviation of the noise after that",
     MEASURED},
    {"logit_decay", OPTION_REAL, FIELD(logit_decay), 0, 1000, 0.003, NULL,
     "weight of the mean square of an action's centred logits, which keeps it from corners that it "
     "cannot leave",
     MEASURED},
    {"cloning", OPTION_REAL, FIELD(cloning), 0, 1e6, 0.01, NULL,
     "weight of the squared distance from the actions of the log, in units of their variance: "
     "beyond what they have tried nothing is known",
     MEASURED},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue fast[] = {{"iterations", 600}, {NULL, 0}};
static const struct PresetValue best[] = {
    {"iterations", 2000}, {"check_sessions", 2000}, {NULL, 0}};
static const struct PresetValue paper[] = {
    {"message", 10},
    {"batch", 100},
    {"actor_rate", 1e-3},
    {"actor_start", 0},
    {"critic_rate", 1e-5},
    {"tau", 1},
    {"message_rate", 1e-3},
    {"message_q", 1},
    {"explore_start", 0.1},
    {"explore", 0.1},
    {"logit_decay", 0},
    {"cloning", 0},
    {NULL, 0},
};

static const Preset presets[] = {
    {"fast", "fewer iterations", fast},
    {"balanced", "the defaults", balanced},
    {"best", "more iterations, and longer checks", best},
    {"paper", "as published, in " PAPER, paper},
    {NULL, NULL, NULL},
};

static const ActEnvironment *EnvironmentOf(const void *options_of)
{
    return ActEnvironmentAt(((const MaOptions *)options_of)->environment);
}

static double Discount(const void *options_of)
{
    return ((const MaOptions *)options_of)->gamma;
}

/* There are no queries: nothing is asked but acts. */
static uint32_t NoQuery(const Model *model)
{
    (void)model;
    return 0;
}

static const ActMethods acts = {
    .environment = EnvironmentOf,
    .state = MaState,
    .act = MaAct,
    .value = MaValue,
    .discount = Discount,
};

static const PolicyMethods methods = {.acts = &acts, .memory = MaMemory, .train = MaTrain};

const Algorithm ma_rdpg_algorithm = {
    .name = "ma_rdpg",
    .summary = "rankings of several scenarios that cooperate by messages",
    .options = options,
    .presets = presets,
    .options_size = sizeof(MaOptions),
    .metrics = {{"reward", "reward", 0}, {"depth", "depth", 0}},
    .layout = MaLayout,
    .query_width = NoQuery,
    .policy = &methods,
};
