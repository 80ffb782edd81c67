/* irgan.c: options, and the entry in the list of algorithms. */
#include "algo/irgan/irgan.h"

#define FIELD(name) offsetof(IrganOptions, name)
#define PAPER       "Wang et al. 2017"
#define CODE        "the code of " PAPER

static const OptionSpec irgan_options[] = {
    {"factors", OPTION_INTEGER, FIELD(factors), 1, 1024, 32, NULL,
     "numbers of a user and of an item, for each player", "recadv; 5 in " CODE},
    {"candidates", OPTION_INTEGER, FIELD(candidates), 1, 64, 5, NULL,
     "items that are drawn before the players meet, of which the hardest one is learnt", CODE},
    {"epochs", OPTION_INTEGER, FIELD(epochs), 1, 1000000, 60, NULL,
     "passes over the interactions before the players meet", "recadv; 80 in " CODE},
    {"learning_rate", OPTION_REAL, FIELD(learning_rate), 0, 1000, 0.05, NULL,
     "step size in these passes, at the start", CODE},
    {"last_rate", OPTION_REAL, FIELD(last_rate), 0, 1, 0.02, NULL,
     "step size at their end, as a share of that", "recadv; 1 in " CODE},
    {"regularization", OPTION_REAL, FIELD(regularization), 0, 1000, 0.02, NULL,
     "weight decay of each row that a step of these passes reads", "recadv; 0.1 in " CODE},
    {"adv_epochs", OPTION_INTEGER, FIELD(adv_epochs), 0, 1000000, 10, NULL,
     "rounds of the two players", "recadv; 15 in " CODE},
    {"discriminator_epochs", OPTION_INTEGER, FIELD(discriminator_epochs), 0, 10000, 20, NULL,
     "passes over the interactions, in a round, that the discriminator learns; draws are made anew "
     "for every fifth",
     "recadv; 100 in " CODE},
    {"generator_epochs", OPTION_INTEGER, FIELD(generator_epochs), 0, 10000, 5, NULL,
     "passes over the users, in a round, that the generator learns", "recadv; 50 in " CODE},
    {"generator_batch", OPTION_INTEGER, FIELD(generator_batch), 1, 1024, 16, NULL,
     "users that the generator learns in one step", "recadv; 1 in " CODE},
    {"adv_learning_rate", OPTION_REAL, FIELD(adv_learning_rate), 0, 1000, 0.01, NULL,
     "step size of both players", "recadv; 0.001 in " CODE},
    {"discriminator_regularization", OPTION_REAL, FIELD(discriminator_regularization), 0, 1000,
     0.02, NULL, "weight decay of each row that a step of the discriminator reads",
     "recadv; in effect 0.2 in " CODE},
    {"temperature", OPTION_REAL, FIELD(temperature), 0.01, 100, 0.2, NULL,
     "what the generator's scores are divided by when it draws for the discriminator", CODE},
    {"positives", OPTION_REAL, FIELD(positives), 0, 0.99, 0.2, NULL,
     "share of the generator's own draws that are of the user's items", CODE},
    {"warm_epochs", OPTION_INTEGER, FIELD(warm_epochs), 1, 1000000, 10, NULL,
     "with warm_start: bound on epochs where there is a version to start from", "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue fast[] = {{"epochs", 20}, {"adv_epochs", 3}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"epochs", 100}, {"adv_epochs", 30}, {NULL, 0}};
static const struct PresetValue paper[] = {{"factors", 5},
                                           {"epochs", 80},
                                           {"last_rate", 1},
                                           {"regularization", 0.1},
                                           {"adv_epochs", 15},
                                           {"discriminator_epochs", 100},
                                           {"generator_epochs", 50},
                                           {"generator_batch", 1},
                                           {"adv_learning_rate", 0.001},
                                           {"discriminator_regularization", 0.2},
                                           {NULL, 0}};

static const Preset presets[] = {
    {"fast", "few rounds, trained for a short time", fast},
    {"balanced", "the defaults", balanced},
    {"best", "many rounds, trained for a long time", best},
    {"paper", "as in " CODE ", for MovieLens 100K", paper},
    {NULL, NULL, NULL},
};

static const struct PresetValue trial[] = {{"epochs", 10}, {"adv_epochs", 1}, {NULL, 0}};

static const OptionRange space[] = {
    {"factors", 8, 128, true},
    {"learning_rate", 0.01, 0.1, true},
    {"regularization", 0.002, 0.2, true},
    {NULL, 0, 0, false},
};

const Algorithm irgan_algorithm = {
    .name = "irgan",
    .summary = "a generator of items against a discriminator of them",
    .options = irgan_options,
    .options_size = sizeof(IrganOptions),
    .metrics = RANKING_METRICS,
    .used = COLUMN_WEIGHT,
    .learns_held = true,
    .presets = presets,
    .trial = trial,
    .work = IrganWork,
    .space = space,
    .layout = IrganLayout,
    .memory = IrganMemory,
    .train = IrganTrain,
    .scalars = 1,
    .item_scalars = IrganItemScalars,
    .finish = IrganFinish,
    .fold_in = IrganFoldIn,
    FACTORS_METHODS,
};
