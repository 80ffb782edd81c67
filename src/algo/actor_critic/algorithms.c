/* algorithms.c: the options of each algorithm, and what makes it one of the learner. */
#include "algo/actor_critic/actor_critic.h"

static const char *const encoders[] = {"mean", "attention", NULL};

#define FIELD(name) offsetof(AcOptions, name)
#define HAC_PAPER   "Liu et al. 2023"

/* clang-format off */
#define SHAPE_OPTIONS                                                                              \
    {"factors", OPTION_INTEGER, FIELD(factors), 1, MOST_FACTORS, 16, NULL,                         \
     "numbers of an item's row, and of a visitor's state", "recadv; 32 in the code of " HAC_PAPER}, \
    {"history", OPTION_INTEGER, FIELD(history), 1, MOST_HISTORY, 10, NULL,                         \
     "a visitor's last clicks that the state is made of", "recadv; 50 in the code of " HAC_PAPER}, \
    {"encoder", OPTION_CHOICE, FIELD(encoder), 0, 0, STATE_MEAN, encoders,                          \
     "what makes a state of the last clicks: their mean and a small network, or attention",        \
     "recadv, by simulation; attention in " HAC_PAPER},                                             \
    {"layers", OPTION_INTEGER, FIELD(layers), 1, TRANSFORMER_LAYERS, 1, NULL,                          \
     "of attention", "recadv; 2 in the code of " HAC_PAPER},                                        \
    {"row_deviation", OPTION_REAL, FIELD(row_deviation), 0, 10, 0.1, NULL,                         \
     "of the normal numbers that items' rows start from; without pretrain 0.3 is better",          \
     "recadv, by simulation"},                                                                     \
    {"slate", OPTION_INTEGER, FIELD(slate), 0, MOST_SLATE, 0, NULL,                                \
     "items that simulated visitors are shown at a time; 0: as many as slates of the log have in the mean", \
     "recadv; 10 in " HAC_PAPER}

#define PRETRAIN_OPTIONS                                                    \
    {"pretrain", OPTION_BOOL, FIELD(pretrain), 0, 1, 1, NULL,                                      \
     "begin with what supervised learning makes of the log", "recadv, by simulation"},             \
    {"pretrain_iterations", OPTION_INTEGER, FIELD(pretrain_iterations), 1, 10000000, 1000, NULL,   \
     "bound on batches of the log; held-out sessions tell when to stop", "recadv, by simulation"}, \
    {"pretrain_rate", OPTION_REAL, FIELD(pretrain_rate), 0, 1, 1e-3, NULL,                         \
     "Adam's learning rate on the log", "recadv, by simulation"},                                  \
    {"pretrain_decay", OPTION_REAL, FIELD(pretrain_decay), 0, 1, 1e-4, NULL,                       \
     "weight decay on the log", "recadv, by simulation"}

#define PLAY_OPTIONS(standard)                                                                     \
    {"iterations", OPTION_INTEGER, FIELD(iterations), 1, 100000000, standard, NULL,                \
     "steps of learning in the simulator, each after a slate in every session",                    \
     "recadv, by simulation; 50000 in " HAC_PAPER},                                                \
    {"check_every", OPTION_INTEGER, FIELD(check_every), 1, 100000000, 250, NULL,                   \
     "iterations after which the policy is tried without noise; the best one is kept", "recadv"},  \
    {"check_sessions", OPTION_INTEGER, FIELD(check_sessions), 1, 1000000, 300, NULL,               \
     "sessions of such a trial: of the same visitors, with the same luck", "recadv"},              \
    {"batch", OPTION_INTEGER, FIELD(batch), 1, 4096, 32, NULL,                                     \
     "slates that are learnt in one iteration", "recadv, by simulation; 64 in " HAC_PAPER},        \
    {"sessions", OPTION_INTEGER, FIELD(sessions), 1, 4096, 16, NULL,                               \
     "visitors at a time", "recadv, by simulation; 32 in the code of " HAC_PAPER},                 \
    {"weight_decay", OPTION_REAL, FIELD(weight_decay), 0, 1, 0, NULL,                              \
     "weight decay in the simulator", "1e-5 in the code of " HAC_PAPER}

#define REPLAY_OPTIONS                                                                             \
    {"buffer", OPTION_INTEGER, FIELD(buffer), 1, 100000000, 10000, NULL,                           \
     "slates that are remembered to learn from", "recadv, by simulation; 100000 in " HAC_PAPER},   \
    {"learning_starts", OPTION_INTEGER, FIELD(learning_starts), 1, 100000000, 1000, NULL,          \
     "slates to be remembered before anything is learnt", "recadv, by simulation"},                \
    {"noise", OPTION_REAL, FIELD(noise), 0, 10, 0.1, NULL,                                         \
     "deviation of the normal noise on the hyper-action, which is cut off at 1",                   \
     HAC_PAPER}

#define CRITIC_OPTIONS                                                                             \
    {"critic_rate", OPTION_REAL, FIELD(critic_rate), 0, 1, 1e-3, NULL,                             \
     "Adam's learning rate of the critic", "code of " HAC_PAPER},                                  \
    {"gamma", OPTION_REAL, FIELD(gamma), 0, 1, 0.9, NULL,                                          \
     "what the reward of the next step is worth now", HAC_PAPER},                \
    {"tau", OPTION_REAL, FIELD(tau), 0, 1, 0.01, NULL,                                             \
     "share by which targets follow", "code of " HAC_PAPER},                                       \
    {"critic_hidden", OPTION_INTEGER, FIELD(critic_hidden), 1, 4096, 64, NULL,                     \
     "width of the critic's first hidden layer; the second has 64",                                \
     "recadv, by simulation; 256 in the code of " HAC_PAPER},                                      \
    {"critic_dropout", OPTION_REAL, FIELD(critic_dropout), 0, 0.9, 0, NULL,                        \
     "share of the critic's hidden numbers that is dropped while it learns",                       \
     "0.2 in the code of " HAC_PAPER},                                                             \
    {"critic_norm", OPTION_BOOL, FIELD(critic_norm), 0, 1, 0, NULL,                                \
     "layer norm after each hidden layer of the critic", "code of " HAC_PAPER},                    \
    {"compat_bootstrap", OPTION_BOOL, FIELD(compat_bootstrap), 0, 1, 0, NULL,                      \
     "the published code's fault, to see what it does: what follows counts only where nothing "    \
     "follows", "code of " HAC_PAPER}

#define ACTOR_RATE(rate)                                                                           \
    {"actor_rate", OPTION_REAL, FIELD(actor_rate), 0, 1, rate, NULL,                               \
     "Adam's learning rate of the encoder and the items' rows, by the critic",                     \
     "recadv, by simulation"}

#define SUPERVISION_RATE                                                                           \
    {"supervision_rate", OPTION_REAL, FIELD(supervision_rate), 0, 1, 1e-3, NULL,                   \
     "Adam's learning rate of the encoder and the items' rows, by the answers of visitors",        \
     "recadv, by simulation; 1e-5 to 5e-4 in " HAC_PAPER}
/* clang-format on */

#define OPTIONS_END                                                                                \
    {                                                                                              \
        NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL                                            \
    }

static const OptionSpec hac_options[] = {
    SHAPE_OPTIONS,
    PLAY_OPTIONS(2000),
    PRETRAIN_OPTIONS,
    REPLAY_OPTIONS,
    CRITIC_OPTIONS,
    ACTOR_RATE(1e-4),
    {"supervision", OPTION_BOOL, FIELD(supervision), 0, 1, 1, NULL,
     "learn from the answer to each item of a slate, too", HAC_PAPER},
    SUPERVISION_RATE,
    {"lambda_hyper", OPTION_REAL, FIELD(lambda_hyper), 0, 1000, 0.1, NULL,
     "weight of the distance between a hyper-action and the mean of its slate", HAC_PAPER},
    OPTIONS_END,
};

static const OptionSpec ddpg_options[] = {
    SHAPE_OPTIONS,  PLAY_OPTIONS(2000), PRETRAIN_OPTIONS, REPLAY_OPTIONS,
    CRITIC_OPTIONS, ACTOR_RATE(1e-3),   OPTIONS_END,
};

static const OptionSpec td3_options[] = {
    SHAPE_OPTIONS,
    PLAY_OPTIONS(2000),
    PRETRAIN_OPTIONS,
    REPLAY_OPTIONS,
    CRITIC_OPTIONS,
    ACTOR_RATE(1e-4),
    {"delay", OPTION_INTEGER, FIELD(delay), 1, 1000, 2, NULL,
     "steps of the critics for each of the actor and of the targets", "Fujimoto et al. 2018"},
    {"smoothing", OPTION_REAL, FIELD(smoothing), 0, 10, 0.2, NULL,
     "deviation of the noise on the target's hyper-action", "Fujimoto et al. 2018"},
    {"smoothing_limit", OPTION_REAL, FIELD(smoothing_limit), 0, 10, 0.5, NULL,
     "where that noise is cut off", "Fujimoto et al. 2018"},
    OPTIONS_END,
};

static const OptionSpec a2c_options[] = {
    SHAPE_OPTIONS,  PLAY_OPTIONS(3000), PRETRAIN_OPTIONS,
    CRITIC_OPTIONS, ACTOR_RATE(3e-4),   OPTIONS_END,
};

static const OptionSpec pg_ra_options[] = {
    SHAPE_OPTIONS,
    PLAY_OPTIONS(2000),
    PRETRAIN_OPTIONS,
    REPLAY_OPTIONS,
    CRITIC_OPTIONS,
    ACTOR_RATE(1e-4),
    {"inverse_rate", OPTION_REAL, FIELD(inverse_rate), 0, 1, 1e-5, NULL,
     "Adam's learning rate of the inverse model, and by it of the items' rows",
     "recadv, by simulation"},
    OPTIONS_END,
};

static const OptionSpec sl_options[] = {
    SHAPE_OPTIONS,  PLAY_OPTIONS(2000), PRETRAIN_OPTIONS,
    REPLAY_OPTIONS, SUPERVISION_RATE,   OPTIONS_END,
};

/* --- presets */

static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue fast[] = {{"iterations", 1000}, {NULL, 0}};
static const struct PresetValue best[] = {
    {"factors", 32}, {"iterations", 6000}, {"batch", 64}, {"check_sessions", 1000}, {NULL, 0}};

/* What the paper and its code say of all algorithms; where they differ, the paper. */
#define PAPER_VALUES                                                                               \
    {"factors", 32}, {"history", 50}, {"encoder", STATE_ATTENTION}, {"layers", 2},                 \
        {"iterations", 50000}, {"batch", 64}, {"sessions", 32}, {"weight_decay", 1e-5},            \
    {                                                                                              \
        "pretrain", 0                                                                              \
    }

#define PAPER_REPLAY                                                                               \
    {"buffer", 100000},                                                                            \
    {                                                                                              \
        "learning_starts", 2000                                                                    \
    }

#define PAPER_CRITIC                                                                               \
    {"critic_hidden", 256}, {"critic_dropout", 0.2},                                               \
    {                                                                                              \
        "critic_norm", 1                                                                           \
    }

static const struct PresetValue hac_paper[] = {PAPER_VALUES,         PAPER_REPLAY,
                                               PAPER_CRITIC,         {"supervision_rate", 5e-5},
                                               {"actor_rate", 1e-4}, {NULL, 0}};
static const struct PresetValue critic_paper[] = {
    PAPER_VALUES, PAPER_REPLAY, PAPER_CRITIC, {"actor_rate", 1e-4}, {NULL, 0}};
static const struct PresetValue a2c_paper[] = {
    PAPER_VALUES, PAPER_CRITIC, {"actor_rate", 3e-5}, {NULL, 0}};
static const struct PresetValue sl_paper[] = {
    PAPER_VALUES, PAPER_REPLAY, {"supervision_rate", 5e-5}, {NULL, 0}};

#define PRESETS(paper)                                                                             \
    {                                                                                              \
        {"fast", "a short time in the simulator", fast}, {"balanced", "the defaults", balanced},   \
            {"best", "wider, and a long time in the simulator", best},                             \
            {"paper", "the schedule of " HAC_PAPER, paper}, {NULL, NULL, NULL},                    \
    }

static const Preset hac_presets[] = PRESETS(hac_paper);
static const Preset critic_presets[] = PRESETS(critic_paper);
static const Preset a2c_presets[] = PRESETS(a2c_paper);
static const Preset sl_presets[] = PRESETS(sl_paper);

/* --- algorithms */

static const PolicyMethods methods = {.memory = AcMemory, .train = AcTrain};
static const PolicyMethods methods_with_visitors = {
    .needs_simulator = true, .memory = AcMemory, .train = AcTrain};

/* clang-format off */
#define ACTOR_CRITIC(policy_methods)                                                               \
    .options_size = sizeof(AcOptions),                                                             \
    .metrics = {{"reward", "reward", 0}, {"depth", "depth", 0}},                                   \
    .layout = AcLayout, .query_width = AcQueryWidth, .history = AcHistory, .query = AcQuery,       \
    .items = AC_ITEM_PART, .similarity = AcSimilarity, .compares = {false, true},                  \
    .embedding = {0, AC_ITEM_PART}, .policy = &policy_methods
/* clang-format on */

const Algorithm hac_algorithm = {
    .name = "hac",
    .summary = "hyper-actor critic: a critic and the visitors' answers teach one policy",
    .options = hac_options,
    .presets = hac_presets,
    ACTOR_CRITIC(methods_with_visitors),
};

const Algorithm ddpg_algorithm = {
    .name = "ddpg",
    .summary = "policy that follows the gradient of a critic",
    .options = ddpg_options,
    .presets = critic_presets,
    ACTOR_CRITIC(methods_with_visitors),
};

const Algorithm td3_algorithm = {
    .name = "td3",
    .summary = "policy that follows the gradient of the more careful of two critics",
    .options = td3_options,
    .presets = critic_presets,
    ACTOR_CRITIC(methods_with_visitors),
};

const Algorithm a2c_algorithm = {
    .name = "a2c",
    .summary = "policy gradient with the advantage over what a state is worth",
    .options = a2c_options,
    .presets = a2c_presets,
    ACTOR_CRITIC(methods_with_visitors),
};

const Algorithm pg_ra_algorithm = {
    .name = "pg_ra",
    .summary = "ddpg whose items learn from the transitions that they led to",
    .options = pg_ra_options,
    .presets = critic_presets,
    ACTOR_CRITIC(methods_with_visitors),
};

const Algorithm sl_algorithm = {
    .name = "sl",
    .summary = "supervised learning of the visitors' answers, from the log or in the simulator",
    .options = sl_options,
    .presets = sl_presets,
    ACTOR_CRITIC(methods),
};

const Switches *AcSwitches(const Algorithm *algorithm)
{
    static const struct {
        const Algorithm *algorithm;
        Switches switches;
    } all[] = {
        {&hac_algorithm, {.critics = 1, .aligns = true}},
        {&ddpg_algorithm, {.critics = 1, .stored_action = true}},
        {&td3_algorithm, {.critics = 2, .stored_action = true}},
        {&a2c_algorithm, {.critics = 1, .values = true}},
        {&pg_ra_algorithm, {.critics = 1, .stored_action = true, .inverse = true}},
        {&sl_algorithm, {.critics = 0}},
    };
    int i = 0;

    while (all[i].algorithm != algorithm)
        i++;
    return &all[i].switches;
}
