/* irecgan.c: options, presets and members. */
#include "algo/irecgan/irecgan.h"

#define FIELD(name) offsetof(IrecganOptions, name)

#define PAPER "Bai et al. 2019"

static const OptionSpec irecgan_options[] = {
    {"factors", OPTION_INTEGER, FIELD(factors), 1, MOST_FACTORS, 16, NULL,
     "width of the rows of clicked items", "recadv, by simulation; 50 in " PAPER},
    {"hidden", OPTION_INTEGER, FIELD(hidden), 1, MOST_HIDDEN, 32, NULL,
     "width of the states of the agent and of the visitors",
     "recadv, by simulation; 512 in the code of " PAPER},
    {"layers", OPTION_INTEGER, FIELD(layers), 1, MOST_LSTM_LAYERS, 1, NULL, "of LSTM",
     "recadv; 2 in the code of " PAPER},
    {"history", OPTION_INTEGER, FIELD(history), 1, MOST_STEPS, MOST_STEPS, NULL,
     "a visitor's last clicks that a state is made of; longer sessions are learnt in pieces",
     "recadv; 40 in the code of " PAPER},
    {"batch", OPTION_INTEGER, FIELD(batch), 1, MOST_BATCH, 32, NULL,
     "sessions that are learnt in one step", PAPER},
    {"epochs", OPTION_INTEGER, FIELD(epochs), 1, 100000, 8, NULL,
     "bound on passes of the agent over the log; held-out sessions tell when to stop",
     "recadv, by simulation; 50 in the code of " PAPER},
    {"learning_rate", OPTION_REAL, FIELD(learning_rate), 0, 1, 0.01, NULL,
     "Adam's learning rate of the agent", "recadv, by simulation; 1e-4 in the code of " PAPER},
    {"weight_decay", OPTION_REAL, FIELD(weight_decay), 0, 1, 0, NULL, "weight decay of Adam",
     "recadv"},
    {"gamma", OPTION_REAL, FIELD(gamma), 0, 1, 0.9, NULL,
     "what is earned with the next slate is worth now", PAPER},
    {"click_weight", OPTION_REAL, FIELD(click_weight), 0, 1000, 1, NULL,
     "what a click is worth by itself", PAPER},
    {"reward_weight", OPTION_REAL, FIELD(reward_weight), 0, 1000, 3, NULL,
     "what a usual reward is worth, where the log has rewards that its clicks do not explain",
     PAPER},
    {"baseline", OPTION_REAL, FIELD(baseline), 0, 1, 0.5, NULL,
     "share of the mean return that is taken from each: 1 where any outcome follows a logged "
     "click, 0 where only successes are logged",
     "recadv, by simulation; 0 in " PAPER},
    {"samples", OPTION_INTEGER, FIELD(samples), 1, MOST_EXACT_ITEMS, 1000, NULL,
     "items that stand for all in the agent's softmax where there are more than 10000", "recadv"},
    {"user_epochs", OPTION_INTEGER, FIELD(user_epochs), 1, 100000, 20, NULL,
     "bound on passes of the visitors' model over the log; held-out sessions tell when to stop",
     "recadv, by simulation; 50 in the code of " PAPER},
    {"user_rate", OPTION_REAL, FIELD(user_rate), 0, 1, 0.005, NULL,
     "Adam's learning rate of the visitors' model",
     "recadv, by simulation; 5e-4 in the code of " PAPER},
    {"purchase_weight", OPTION_REAL, FIELD(purchase_weight), 0, 1000, 1, NULL,
     "weight of purchases in the likelihood of the visitors' answers", PAPER},
    {"rounds", OPTION_INTEGER, FIELD(rounds), 0, 100000, 8, NULL,
     "times that sessions are simulated, and learnt together with the log; 0: the log alone",
     "recadv, by simulation"},
    {"sessions", OPTION_INTEGER, FIELD(sessions), 1, 1000000, 250, NULL,
     "sessions that are simulated in a round", "recadv, by simulation; 200 in the code of " PAPER},
    {"slate", OPTION_INTEGER, FIELD(slate), 0, MOST_SLATE, 0, NULL,
     "items of a simulated slate; 0: as many as slates of the log have in the mean",
     "recadv; 10 in " PAPER},
    {"pool", OPTION_INTEGER, FIELD(pool), 1, 10000000, 2000, NULL,
     "simulated sessions that are kept to be learnt again; at least those of one round",
     "recadv; 6000 in the code of " PAPER},
    {"discriminator", OPTION_BOOL, FIELD(discriminator), 0, 1, 0, NULL,
     "weigh what simulated sessions earn, and teach, by how real they look to a third network",
     "recadv, by simulation; true in " PAPER},
    {"discriminator_epochs", OPTION_INTEGER, FIELD(discriminator_epochs), 1, 1000, 3, NULL,
     "passes of the discriminator in a round", "code of " PAPER},
    {"discriminator_rate", OPTION_REAL, FIELD(discriminator_rate), 0, 1, 0.001, NULL,
     "Adam's learning rate of the discriminator", "recadv; 1e-4 in the code of " PAPER},
    {"rollouts", OPTION_INTEGER, FIELD(rollouts), 1, 1000, 2, NULL,
     "sequels by which the discriminator judges the beginning of a session",
     "recadv, by simulation; 5 in the code of " PAPER},
    {"check_sessions", OPTION_INTEGER, FIELD(check_sessions), 1, 1000000, 300, NULL,
     "where a simulator is named: sessions of its visitors that tell after which round the agent "
     "is best",
     "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue fast[] = {
    {"epochs", 4}, {"user_epochs", 8}, {"rounds", 0}, {NULL, 0}};
static const struct PresetValue best[] = {{"factors", 32}, {"hidden", 64}, {NULL, 0}};
static const struct PresetValue paper[] = {{"factors", 50},
                                           {"hidden", 512},
                                           {"layers", 2},
                                           {"history", 40},
                                           {"epochs", 50},
                                           {"user_epochs", 50},
                                           {"learning_rate", 1e-4},
                                           {"user_rate", 5e-4},
                                           {"baseline", 0},
                                           {"rounds", 27},
                                           {"sessions", 200},
                                           {"slate", 10},
                                           {"pool", 6000},
                                           {"discriminator", 1},
                                           {"discriminator_rate", 1e-4},
                                           {"rollouts", 5},
                                           {NULL, 0}};

static const Preset presets[] = {
    {"fast", "a few passes over the log, and no simulated sessions", fast},
    {"balanced", "the defaults", balanced},
    {"best", "wider", best},
    {"paper", "the settings of " PAPER " and of its code", paper},
    {NULL, NULL, NULL},
};

static const PolicyMethods methods = {
    .simulator = &irecgan_visitors,
    .recommends = true,
    .memory = IrecganMemory,
    .train = IrecganTrain,
};

const Algorithm irecgan_algorithm = {
    .name = "irecgan",
    .summary = "policy that learns from the returns of logged clicks, and the visitors of the log",
    .options = irecgan_options,
    .presets = presets,
    .options_size = sizeof(IrecganOptions),
    .metrics = {{"reward", "reward", 0}, {"depth", "depth", 0}},
    .layout = IrecganLayout,
    .query_width = IrecganQueryWidth,
    .history = IrecganHistory,
    .query = IrecganQuery,
    .items = IR_ITEM_PART,
    .similarity = IrecganSimilarity,
    .compares = {false, true},
    .embedding = {0, IR_ITEM_PART},
    .policy = &methods,
};
