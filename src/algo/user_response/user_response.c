/* user_response.c: options and members of the simulator. */
#include "algo/user_response/user_response.h"

#include "algo/policy/environment.h"

#define FIELD(name) offsetof(ResponseOptions, name)

static const OptionSpec response_options[] = {
    {"factors", OPTION_INTEGER, FIELD(factors), 1, 512, 16, NULL, "width of the embeddings",
     "Liu et al. 2023, official code"},
    {"history", OPTION_INTEGER, FIELD(history), 1, VISITOR_HISTORY, 10, NULL,
     "clicks that an answer depends on: the last so many", "recadv, by validation"},
    {"epochs", OPTION_INTEGER, FIELD(epochs), 1, 10000, 20, NULL,
     "passes over the log, at most: two without a gain on what is held out are the last",
     "recadv, by validation"},
    {"learning_rate", OPTION_REAL, FIELD(learning_rate), 0, 1000, 0.005, NULL, "step size of Adam",
     "recadv, by validation"},
    {"batch_size", OPTION_INTEGER, FIELD(batch_size), 1, 1000000, 256, NULL,
     "answers that are learnt in one step, in whole slates", "recadv, by validation"},
    {"item_regularization", OPTION_REAL, FIELD(item_regularization), 0, 1000, 0.0002, NULL,
     "weight decay of what is learnt of items", "recadv, by validation"},
    {"session_regularization", OPTION_REAL, FIELD(session_regularization), 0, 1000, 0.001, NULL,
     "weight decay of what is learnt of sessions", "recadv, by validation"},
    {"held_out", OPTION_REAL, FIELD(held_out), 0, 0.5, 0.1, NULL,
     "share of the steps that is held out to choose the number of epochs and to measure: the last "
     "ones of sessions that are long enough, or else whole sessions; 0: none",
     "recadv"},
    {"records", OPTION_INTEGER, FIELD(records), 1, 1000000, 1000, NULL,
     "steps of the log, spread evenly, from which simulated visitors start", "recadv"},
    VISITOR_OPTIONS(FIELD(rules)),
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const PolicyMethods methods = {
    .simulator = &response_methods,
    .memory = ResponseMemory,
    .train = ResponseTrain,
};

const Algorithm user_response_algorithm = {
    .name = "user_response",
    .summary = "simulated visitors: how likely an item is clicked, by a log of slates",
    .options = response_options,
    .options_size = sizeof(ResponseOptions),
    .metrics = {{"auc", "AUC", 0}, {"slate_auc", "AUC within slates", 0}},
    .layout = ResponseLayout,
    .query_width = ResponseQueryWidth,
    .history = ResponseHistory,
    .query = ResponseQuery,
    .items = RESPONSE_ITEM_PART,
    .embedding = {0, RESPONSE_ITEM_PART},
    .policy = &methods,
};
