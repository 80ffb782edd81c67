/* options.h: the options that nmrn and nmrn_gan share, and their presets. */
#ifndef RECADV_ALGO_NMRN_OPTIONS_H
#define RECADV_ALGO_NMRN_OPTIONS_H

#include "algo/nmrn/memory_network.h"

extern const char *const nmrn_memories[];
extern const char *const nmrn_addressings[];
extern const char *const nmrn_writes[];
extern const char *const nmrn_add_starts[];
extern const char *const nmrn_orders[];
extern const char *const nmrn_optimizers[];

extern const struct PresetValue nmrn_fast[];
extern const struct PresetValue nmrn_balanced[];
extern const struct PresetValue nmrn_best[];
extern const struct PresetValue nmrn_drift[];

#define NMRN_PAPER_NAME "Wang et al. 2018"

/* clang-format off */
#define NMRN_OPTIONS(most_epochs, decay) \
    {"memory", OPTION_CHOICE, NMRN_FIELD(memory), 0, 0, MEMORY_USER, nmrn_memories, \
     "user: each user has values of their own; shared: all users read and write the same ones", \
     "recadv, by validation; " NMRN_PAPER_NAME " share"}, \
    {"slots", OPTION_INTEGER, NMRN_FIELD(slots), 1, 1024, 1, NULL, \
     "slots of the memory", "recadv, by validation"}, \
    {"factors", OPTION_INTEGER, NMRN_FIELD(factors), 1, 1024, 64, NULL, \
     "width of the embeddings, keys and values", "recadv"}, \
    {"addressing", OPTION_CHOICE, NMRN_FIELD(addressing), 0, 0, ADDRESS_EUCLIDEAN, nmrn_addressings, \
     "how a user's row selects slots: euclidean: by distance to their keys; content: by cosine; " \
     "ntm: by cosine, interpolation with the last weights, shift and sharpening", \
     NMRN_PAPER_NAME "; Graves et al. 2014"}, \
    {"address_beta", OPTION_REAL, NMRN_FIELD(address_beta), 1e-3, 1000, 5, NULL, \
     "how sharply slots are selected (content and ntm learn it from there)", \
     "recadv; 1 in " NMRN_PAPER_NAME}, \
    {"hops", OPTION_INTEGER, NMRN_FIELD(hops), 1, 4, 1, NULL, \
     "readings, each from where the one before led", "Sukhbaatar et al. 2015; 1 in " NMRN_PAPER_NAME}, \
    {"query_weight", OPTION_REAL, NMRN_FIELD(query_weight), 0, 100, 0.5, NULL, \
     "weight of the user's own row beside what the memory answers", \
     "recadv, by validation; 0 in " NMRN_PAPER_NAME}, \
    {"write", OPTION_CHOICE, NMRN_FIELD(write), 0, 0, WRITE_CONVEX, nmrn_writes, \
     "convex: a slot moves towards what is written; erase_add: it fades, and what is written is added", \
     "recadv, by validation; " NMRN_PAPER_NAME " erase and add"}, \
    {"erase_bias", OPTION_REAL, NMRN_FIELD(erase_bias), -20, 20, -2, NULL, \
     "first value of the erase gate's bias: 0 forgets half of a slot per event, -2 an eighth, -4 a fiftieth", \
     "recadv"}, \
    {"add_start", OPTION_CHOICE, NMRN_FIELD(add_start), 0, 0, ADD_IDENTITY, nmrn_add_starts, \
     "first values of the add gate: identity writes the item's row; xavier: random", "recadv"}, \
    {"learn_start", OPTION_BOOL, NMRN_FIELD(learn_start), 0, 1, 1, NULL, \
     "learn the values that a memory starts with", "recadv"}, \
    {"item_bias", OPTION_BOOL, NMRN_FIELD(item_bias), 0, 1, 1, NULL, \
     "learn a number per item that is added to its scores", "recadv, by validation"}, \
    {"margin", OPTION_REAL, NMRN_FIELD(margin), 1e-6, 1000, 0.5, NULL, \
     "by how much an event's item should be nearer than others", NMRN_PAPER_NAME ", equation 9; the value is recadv's"}, \
    {"rank_weight", OPTION_BOOL, NMRN_FIELD(rank_weight), 0, 1, 0, NULL, \
     "weigh each loss by ln(rank + 1), the rank estimated from the draws", NMRN_PAPER_NAME}, \
    {"max_draws", OPTION_INTEGER, NMRN_FIELD(max_draws), 1, 10000, 50, NULL, \
     "items drawn, at most, to find one that comes within the margin", "recadv"}, \
    {"order", OPTION_CHOICE, NMRN_FIELD(order), 0, 0, ORDER_USER, nmrn_orders, \
     "training takes events user by user, users in random order, or all in order of time", \
     "recadv, by validation"}, \
    {"epochs", OPTION_INTEGER, NMRN_FIELD(epochs), 1, 1000000, most_epochs, NULL, \
     "passes over the history, at most", "recadv"}, \
    {"batch_size", OPTION_INTEGER, NMRN_FIELD(batch_size), 1, 4096, 64, NULL, \
     "events per step of the parameters, differentiated back through their writes; the memory is " \
     "written with each event", "recadv"}, \
    {"optimizer", OPTION_CHOICE, NMRN_FIELD(optimizer), 0, 0, 0, nmrn_optimizers, \
     "adagrad_row: one accumulator per embedding row; adagrad: one per element", "Duchi et al. 2011"}, \
    {"learning_rate", OPTION_REAL, NMRN_FIELD(learning_rate), 0, 1000, 0.1, NULL, "step size", "recadv"}, \
    {"accumulator_start", OPTION_REAL, NMRN_FIELD(accumulator), 1e-12, 1e6, 0.1, NULL, \
     "first value of the accumulators", "TensorFlow 1"}, \
    {"regularization", OPTION_REAL, NMRN_FIELD(regularization), 0, 1000, decay, NULL, \
     "weight decay of each row that a micro-batch touches", "recadv"}, \
    {"max_norm", OPTION_REAL, NMRN_FIELD(max_norm), 0, 1e6, 0, NULL, \
     "longest row of users and items; 0: no limit", "recadv"}, \
    {"clip", OPTION_REAL, NMRN_FIELD(clip), 0, 1e6, 0, NULL, \
     "largest norm of a micro-batch's gradient; 0: no limit", "recadv"}, \
    {"user_scale", OPTION_REAL, NMRN_FIELD(user_scale), 1e-6, 1000, 0.1, NULL, \
     "size of users' first rows; at 1 two random rows are about 1 apart", "recadv"}, \
    {"item_scale", OPTION_REAL, NMRN_FIELD(item_scale), 1e-6, 1000, 1, NULL, \
     "size of items' first rows", "recadv"}, \
    {"memory_scale", OPTION_REAL, NMRN_FIELD(memory_scale), 1e-6, 1000, 1, NULL, \
     "size of the first values of the memory's start", "recadv"}, \
    {"key_scale", OPTION_REAL, NMRN_FIELD(key_scale), 1e-6, 1000, 3, NULL, \
     "size of the keys' first values", "recadv"}, \
    {"freeze_keys", OPTION_BOOL, NMRN_FIELD(freeze_keys), 0, 1, 1, NULL, \
     "keep the keys as they are while streaming, so that slots keep their meaning", "recadv"}

/* What the paper says, and where it says nothing the plain reading of it. */
#define NMRN_PAPER \
    {"memory", MEMORY_SHARED}, {"slots", 32}, {"addressing", ADDRESS_EUCLIDEAN}, {"address_beta", 1}, \
    {"hops", 1}, {"query_weight", 0}, {"write", WRITE_ERASE_ADD}, {"erase_bias", -4}, \
    {"add_start", ADD_XAVIER}, {"learn_start", 0}, {"item_bias", 0}, {"margin", 1}, \
    {"rank_weight", 1}, {"user_scale", 1}, {"order", ORDER_TIME}, {"learning_rate", 0.05}

#define NMRN_DRIFT {"query_weight", 0}

#define NMRN_PRESETS(paper) \
    {"fast", "a narrow model, trained for a short time", nmrn_fast}, \
    {"balanced", "the defaults", nmrn_balanced}, \
    {"best", "a wide model, trained for a long time", nmrn_best}, \
    {"paper", "one memory for all users, as in " NMRN_PAPER_NAME, paper}, \
    {"drift", "for streams in which tastes change: what a user did last counts alone", nmrn_drift}

/* The members of both algorithms that are the same. */
#define NMRN_STREAM_METHODS \
    .write = NmrnWrite, .memory = NmrnLearnMemory, .open = NmrnOpen, .learn = NmrnLearn, \
    .close = NmrnClose, .slots = NmrnSlots, .slot = NmrnSlot

#define NMRN_METHODS \
    .options_size = sizeof(NmrnOptions), .metrics = RANKING_METRICS, .required = COLUMN_TIME, \
    .used = COLUMN_WEIGHT, .events = true, .learns_held = true, .memory = NmrnTrainMemory, .work = NmrnWork, .train = NmrnTrain, \
    .query_width = NmrnQueryWidth, .query = NmrnQuery, .items = NMRN_ITEM_PART, \
    .scalars = NMRN_SCALARS, .item_scalars = NmrnItemScalars, .finish = NmrnFinish, \
    .similarity = NmrnSimilarity, .compares = {true, true}, .fold_in = NmrnFoldIn, .explain = NmrnExplain, \
    .embedding = {NMRN_USER_PART, NMRN_ITEM_PART}
/* clang-format on */

#endif
