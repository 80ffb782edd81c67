/*
 * algorithm.h: the one interface of all learning algorithms.
 *
 * A score of a user for an item is made in two steps: what is known of the user becomes a query,
 * and the query meets the item's row.  For most algorithms the second step is an inner product and
 * what the algorithm makes of it (`finish`), which allows exact selection without scoring
 * everything; any other form is `score`.  Larger scores are better.
 *
 * Members that may be NULL (or 0) say so; all others must be there.
 */
#ifndef RECADV_ALGO_ALGORITHM_H
#define RECADV_ALGO_ALGORITHM_H

#include "algo/model.h"
#include "algo/options.h"
#include "core/acts.h"
#include "core/history.h"
#include "core/random.h"
#include "core/slates.h"

#define MAX_SCALARS 4

/* A number that tells how good an epoch is: 0 or more, larger is better. */
typedef struct Metric {
    const char *name;  /* in stored documents and results: "ndcg" */
    const char *label; /* for people: "NDCG@100" */
    int cutoff;        /* of the ranking that it looks at; 0: it looks at all of it */
} Metric;

/* Each algorithm has two; the first decides which epoch is the best. */
#define METRICS 2

/* Of algorithms that are validated by ranking the held-out interactions: see rank/validation.h. */
#define RANKING_METRICS                                                                            \
    {                                                                                              \
        {"ndcg", "NDCG@100", 100},                                                                 \
        {                                                                                          \
            "hr", "HR@100", 100                                                                    \
        }                                                                                          \
    }

/* One epoch of the learning curve. */
typedef struct Epoch {
    int epoch;
    const char *stage;      /* of a static string */
    double loss;            /* mean over triples, or what the algorithm says; NaN: it has none */
    double metric[METRICS]; /* NaN where the epoch was not validated */
    double compared;        /* NDCG of data->compared alone, likewise */
    double seconds;         /* since the start of training */
} Epoch;

/* Something else that training has measured; without a name: nothing. */
typedef struct Finding {
    const char *name; /* in stored documents and results, of a static string */
    double value;     /* NaN: it could not be measured */
} Finding;

#define FINDINGS 6

/* Of the held-out answers to which a simulator gave a probability between i / 10 and (i + 1) / 10.
 */
#define CALIBRATION_BINS 10
typedef struct CalibrationBin {
    uint64_t answers;
    double expected; /* mean probability */
    double seen;     /* share that was clicked */
} CalibrationBin;

typedef struct TrainReport {
    Epoch *history; /* one entry per epoch run */
    int epochs;     /* entries in history */
    int best;       /* index of the epoch that the model is from; -1 without epochs */
    const char *stop_reason;
    double evaluate_seconds; /* of the whole training */
    char warning[256];       /* something the user should know; empty: nothing */
    char note[256];          /* the same, where nothing is wrong */
    Finding finding[FINDINGS];
    CalibrationBin calibration[CALIBRATION_BINS]; /* no answers in any: it was not measured */
} TrainReport;

/* Which of a user's interactions a query is made of. */
typedef struct HistoryNeed {
    bool ordered;   /* in order of time, with repeats; otherwise ascending and distinct */
    uint32_t limit; /* ordered: the last so many */
} HistoryNeed;

#define NO_ROW UINT32_MAX

/* What a query may be made of; an algorithm looks at what it asks for. */
typedef struct QueryInput {
    uint32_t row; /* the user's, in the user parts of the view; NO_ROW: there is none */
    const uint32_t
        *items; /* the user's interactions: their item's index, as `history` wants them */
    uint32_t count;
    const Model *rows;    /* a view of these items, in their order; NULL: the view has all items */
    const float *context; /* numbers that come with the question, `context_width` of them; NULL:
                           * none came, as in rankings of what has been */
} QueryInput;

/* Row of interaction h in an item part. */
static inline const float *InputRow(const Model *view, const QueryInput *input, int part,
                                    uint32_t h)
{
    return input->rows != NULL ? PartRow(&input->rows->part[part], h)
                               : PartRow(&view->part[part], input->items[h]);
}

/* Where one slot of a model's memory stands; vectors have the model's query width. */
typedef struct Slot {
    double usage;   /* mean weight of the slot in reading and writing; all slots sum to 1 */
    double entropy; /* of the weights, mean, divided by ln(slots): 0 one slot, 1 all alike */
    double erase;   /* mean share of the slot that one event forgets */
    const float *key;
    const float *value;
} Slot;

typedef struct Learner Learner;

/* What an algorithm adds that learns event by event. */
typedef struct StreamMethods {
    /*
     * First values of row `row`, which is zero; `key` stands for the id.  Of other parts than the
     * axis's own only shared ones are read; parts for learning may be missing.
     */
    void (*start_user)(const Model *view, uint32_t row, uint64_t key);
    void (*start_item)(const Model *view, uint32_t row, uint64_t key);

    /* Notes one event in the parts that are `written`, with the parameters as they are. */
    void (*write)(const Model *view, const Event *event);

    /* Bytes that open() allocates. */
    size_t (*memory)(const Model *model);

    /*
     * A learner of events that come in order of time.  Between events, rows may be added to
     * the model and entries to the history.  `events` learnt before this one name the random
     * draws.  learn() notes the event at once; parameters follow at the end of each micro-batch,
     * and at close().  The history must not yet hold the event.
     */
    Learner *(*open)(const Host *host, Model *model, const History *history, uint64_t events);
    void (*learn)(Learner *learner, const Event *event);
    void (*close)(Learner *learner);

    /* Number of memory slots, and one of them; NULL, both: it keeps none. */
    uint32_t (*slots)(const Model *model);
    Slot (*slot)(const Model *model, uint32_t slot);
} StreamMethods;

/* What a policy, or a simulator, learns from. */
typedef struct PolicyData {
    const Slates *slates;           /* NULL: it learns from acts */
    const Model *simulator;         /* all of it, to be trained against; NULL: the log alone */
    const uint32_t *simulator_item; /* of each item of the log, in the simulator; or NO_ITEM */
    const Acts *acts; /* NULL: it learns from slates, or in the environment that options name */
} PolicyData;

/* How visitors differ from the plain ones (policy/environment.h); all 0: they do not. */
typedef struct VisitorRules {
    bool no_repeat; /* an item is shown once a session: policies must not repeat it */
    double boredom; /* taken from the logit, times the share of the last ten clicks that are of the
                       item's cluster */
    int64_t boredom_clusters; /* of items alike; 0: 20 */
    double bait;              /* patience that a click on bait costs */
    int64_t bait_clusters; /* of items alike, every second of which is bait, from the one with the
                              greatest mean probability on; 0: 8 */
    double patience;       /* at the start; 0: 20 */
} VisitorRules;

/*
 * How visitors answer slates.  A visitor's state is of state() floats, 64-byte aligned; items are
 * the simulator's indexes, NO_ITEM one that it does not know.  Any thread; nothing is allocated.
 */
typedef struct SimulatorMethods {
    /* What the simulator's own options say; NULL: visitors are plain. */
    VisitorRules (*rules)(const void *options);

    uint32_t (*state)(const Model *simulator);

    /* Records of the log from which visitors start, at least one, and the state that one of them
     * gives; items[] gets what was clicked last, oldest first, at most `limit`; returns how many.
     */
    uint32_t (*records)(const Model *simulator);
    uint32_t (*start)(const Model *simulator, uint32_t record, float *state, uint32_t *items,
                      uint32_t limit);

    /* out[i]: the log odds that shown[i] is clicked; of visitors who choose: against no click at
     * all. */
    void (*respond)(const Model *simulator, const float *state, const uint32_t *shown,
                    uint32_t count, float *out);

    /*
     * NULL: each item of a slate is answered by itself, and visitors leave when their patience runs
     * out.  Otherwise they choose: one item of a slate at most, by a softmax of the log odds and of
     * 0 for none; then this gives the state after that answer (NO_ITEM: none was clicked) and the
     * probability that the visitor leaves.
     */
    float (*answered)(const Model *simulator, float *state, uint32_t item);

    /* Of those who do not choose.  The state after these clicks; items[0 .. count): all that the
     * visitor clicked last, these included, oldest first. */
    void (*advance)(const Model *simulator, float *state, const uint32_t *items, uint32_t count);
} SimulatorMethods;

typedef struct ActEnvironment ActEnvironment;

/* What an action is made of. */
typedef struct ActInput {
    uint32_t scenario;        /* below model->acts->scenarios */
    const float *observation; /* as many finite numbers as the scenario says */
    const float *state;       /* what the act before it left, ActMethods.state floats, finite; NULL:
                               * the session starts here */
    double explore;           /* deviation of the normal noise on the logits; 0: none */
    Random *random;           /* of that noise; NULL without */
    uint32_t kind;            /* of visitor: for players of a world's own who know it */
} ActInput;

typedef struct ActOutput {
    float *action;  /* a distribution, as wide as the scenario says */
    float *state;   /* ActMethods.state floats; may be those of the input */
    double density; /* of the action where there is noise: of its centred log ratios, among those
                     * with a sum of 0; NaN without noise */
} ActOutput;

/*
 * What an algorithm has that chooses weights for the rankings of several scenarios.  Its models
 * have neither users nor items, but the shape of the acts (model->acts); ModelLayoutActs lays them
 * out.  Its queries are NULL.
 */
typedef struct ActMethods {
    /* The world that options name, in which it learns without a log; NULL: it needs one. */
    const ActEnvironment *(*environment)(const void *options);

    /* Floats of what is carried from one act of a session to the next; may be 0. */
    uint32_t (*state)(const Model *model);

    /* A pure function.  Any thread; nothing is allocated.  False: the networks give no number, so
     * they, or the input, are beyond use; the output is then undefined. */
    bool (*act)(const Model *model, const ActInput *input, ActOutput *output);

    /* What the model expects of the rest of the session, discounted, if its own action is taken
     * now and later; NaN: it cannot tell.  `explore` and `random` do not matter. */
    double (*value)(const Model *model, const ActInput *input);

    /* What the reward of the next step is worth now. */
    double (*discount)(const void *options);
} ActMethods;

/*
 * What an algorithm has that learns from a log of slates, or of acts (recadv_train_policy).  Its
 * models have no users; its queries are made of histories: the items that were clicked last.
 * `train`, `memory` and `work` of Algorithm are NULL.
 */
typedef struct PolicyMethods {
    const ActMethods *acts;            /* NULL: it learns from slates */
    const SimulatorMethods *simulator; /* NULL: it is a policy */
    bool recommends;                   /* it is one, too, beside the simulator */
    bool needs_simulator;              /* it cannot learn from a log alone */

    /* Bytes that train() allocates beside the model and the data; SIZE_MAX: too many. */
    size_t (*memory)(const Model *model, const PolicyData *shape, int threads);

    /* As Algorithm.train. */
    void (*train)(const Host *host, const PolicyData *data, Model *model, TrainReport *report);
} PolicyMethods;

typedef enum PerturbationKind { PERTURB_RANDOM, PERTURB_ADVERSARIAL } PerturbationKind;

/* Moves each embedding row, by epsilon or, where `relative`, by that share of the row's norm. */
typedef struct Perturbation {
    PerturbationKind kind;
    double epsilon;
    bool relative;
} Perturbation;

struct Algorithm {
    const char *name;
    const char *summary;
    const OptionSpec *options; /* beside CommonOptions(); ends with name == NULL */
    const Preset *presets;     /* of those options; or NULL */
    size_t options_size;
    Metric metrics[METRICS];

    /*
     * What it reads beside users and items: columns that must be named; those of the interactions
     * that train() uses where they are, which are all that it gets; and whether it wants every row
     * in order of time, with time and weight, too (data->events).
     */
    Columns required;
    Columns used;
    bool events;

    /* Does train() learn the held-out interactions, too, once it has validated?  (Not for a model
     * that is a trial.) */
    bool learns_held;

    /* Is the model its popularity alone?  That counts what is held out, too. */
    bool counts_held;

    /* Options that came after the first stored models, and what is true of a model whose document
     * does not have them (ends with option == NULL; NULL: there are none). */
    const struct PresetValue *before;

    /*
     * For a choice among algorithms by validation: is it tried where none is named, and which
     * options make a training short: numbers of epochs, and values of what is 0 by default and then
     * chosen by validation (ends with option == NULL; NULL: it is).
     */
    bool candidate;
    const struct PresetValue *trial;

    /*
     * About how many nanoseconds train() takes on one core, from the numbers of the shape, so that
     * trials can be planned without a clock and be the same everywhere.  NULL: next to none.
     */
    double (*work)(const Model *model, const Interactions *shape);

    /* Single options that a choice tries once the algorithm is the best, unless they make the model
     * smaller, and what a search for options goes over where nothing is said; each ends with
     * option == NULL.  NULL: none. */
    const struct PresetValue *variants;
    const OptionRange *space;

    /* Appends the model's parts (without data) for model->users, model->items and options. */
    void (*layout)(Model *model);

    /*
     * Options that layout() decides by the numbers of users and items become what it has decided
     * for the model: with them, layout() gives the same widths for any numbers.  ModelSettle()
     * calls it before a model is trained.  NULL: nothing is left open, as in policies.
     */
    void (*settle)(void *options, const Model *model);

    /* Bytes that train() allocates beside the model and the interactions; SIZE_MAX: too many. */
    size_t (*memory)(const Model *model, const Interactions *shape, int threads);

    /*
     * Fills the parts, which come zeroed but for the rows of a warm start: those are kept as a
     * starting point.  `report->history` comes from the host's arena.  learn/loop.h has the epochs.
     */
    void (*train)(const Host *host, const Interactions *data, Model *model, TrainReport *report);

    /*
     * Floats of a query: the stride of the part `items`, or as many as score() wants; 0: there are
     * no queries, all users have the same scores.  Of a view the same: what depends on the number
     * of items goes by model_items.
     */
    uint32_t (*query_width)(const Model *model);

    /* The interactions that a query is made of; NULL: none, but the user's row. */
    HistoryNeed (*history)(const void *options);

    /* Floats that come with the question; NULL: none.  No function of SQL passes any yet. */
    uint32_t (*context_width)(const Model *model);

    /*
     * A query.  Any thread; must not allocate; fills all of it, whatever stood there.  An algorithm
     * with a history or a context is asked about users without a row, too.
     */
    void (*query)(const Model *view, const QueryInput *input, float *query);

    /*
     * out[i]: the score for item i of the view, which is ViewItem(view, i) of the model.  It must
     * depend on nothing but the query and the item, so not on the view.  Item parts of the view,
     * the popularity among them, have rows for its items alone.  Any thread.  NULL: scores
     * are made of inner products, by the next four members.
     */
    void (*score)(const Model *view, const float *query, float *out);

    /*
     * A score is made of the inner product of the query and the item's row in the part `items`
     * (where queries have no floats: of the row's only float):
     *
     *     score = finish(query, inner product, the item's scalars)
     *
     * finish() == NULL: the inner product is the score.  Otherwise it turns `count` inner products
     * into scores in place.  Scalar s of entry i is scalars[s * pitch + i]; item_scalars() derives
     * them from the item parts of a view (out[s * view->items + i]).
     *
     * Exact selection without scoring everything rests on this: as computed, in single precision, a
     * score must never fall as its inner product rises, and must depend on nothing but the query,
     * the product and the item's scalars, so not on the entry's place or on `count`.  Sums,
     * products with constants of one sign, sqrtf, fmaxf keep their order under rounding.
     */
    int items;                                           /* index of an item part */
    uint32_t scalars;                                    /* per item; at most MAX_SCALARS */
    void (*item_scalars)(const Model *view, float *out); /* NULL without scalars */
    void (*finish)(const Model *model, const float *query, const float *scalars, size_t pitch,
                   uint32_t count, float *products);

    /*
     * out[i]: how alike the only row of the axis in `one` and row i of the view are; larger is
     * closer, NOT_ALIKE: not at all, the row is left out.  NULL: rows cannot be compared;
     * `compares` tells which axes can.
     */
    void (*similarity)(const Model *one, const Model *view, Axis axis, float *out);
    bool compares[2]; /* by Axis */

    /*
     * The query of a user who was not trained, from the items of `history` (at least one; for an
     * algorithm that streams in order of time, with repeats), items being as they are.  `sample`
     * holds items spread evenly over the others; it may be empty.  NULL: where queries are made of
     * a history, query() does it; otherwise the model scores all users alike.
     */
    void (*fold_in)(const Host *host, const Model *history, const Model *sample, float *query);

    /*
     * out[h]: what item h of `history` says for the only item of `one`; ViewItem() tells which
     * items they are.  `history` has all items of the user with this query, ascending, also where
     * queries are made of the last few.  NULL: the model cannot tell.
     */
    void (*explain)(const Host *host, const Model *history, const float *query, const Model *one,
                    float *out);

    /* The part that is the embedding of a user, and of an item, by Axis; 0: there is none. */
    int embedding[2];

    /*
     * Moves every embedding row in place: at random, or along the worst-case
     * direction of the training loss (He et al. 2018, section 2.3).  NULL: nothing to perturb.
     */
    void (*perturb)(const Host *host, const Interactions *data, Model *model, Perturbation how,
                    uint64_t seed);

    /* NULL: learns by training alone. */
    const StreamMethods *stream;

    /* NULL: it learns from interactions. */
    const PolicyMethods *policy;
};

#define NOT_ALIKE __builtin_nanf("")

/* Learns from a log of slates, or of acts (recadv_train_policy), not from interactions. */
static inline bool IsPolicy(const Algorithm *algorithm)
{
    return algorithm->policy != NULL;
}

/* Answers slates as visitors would. */
static inline bool IsSimulator(const Algorithm *algorithm)
{
    return IsPolicy(algorithm) && algorithm->policy->simulator != NULL;
}

/* Chooses weights in scenarios; its models have no items. */
static inline bool ReadsActs(const Algorithm *algorithm)
{
    return IsPolicy(algorithm) && algorithm->policy->acts != NULL;
}

/* Its models are policies: they are there to recommend. */
static inline bool Recommends(const Algorithm *algorithm)
{
    return IsPolicy(algorithm) && (!IsSimulator(algorithm) || algorithm->policy->recommends);
}

/* The options that it understands beside its own. */
static inline const OptionSpec *CommonOptions(const Algorithm *algorithm)
{
    return IsPolicy(algorithm) ? policy_options : train_options;
}

/* All algorithms, NULL-terminated, those that learn from a log of slates last, and a search by name
 * (NULL if unknown). */
extern const Algorithm *const algorithms[];
extern const Algorithm *AlgorithmFind(const char *name);

/* The names of those that learn from interactions, in the same order, NULL-terminated. */
extern const char *const algorithm_names[];

/* What is trained where no algorithm is named, and none can be chosen: by the aggregate. */
extern const Algorithm *const default_algorithm;

/* What takes any data, also those that others can learn nothing from. */
extern const Algorithm *const fallback_algorithm;

/* Declares all parts of a model: the popularity and the algorithm's own. */
extern void ModelLayout(Model *model, const Algorithm *algorithm, const void *options,
                        uint32_t users, uint32_t items);

/* The same of an algorithm that reads acts; the shape is sound, and stays as long as the model. */
extern void ModelLayoutActs(Model *model, const Algorithm *algorithm, const void *options,
                            const ActShape *shape);

/* What the options of the model's algorithm leave open becomes what it is in the model. */
extern void ModelSettle(const Model *model, void *options);

/*
 * Adds a row to every user (item) part and starts it; there must be room; returns its index.  An
 * algorithm that does not stream leaves it zero.
 */
extern uint32_t ModelAddUser(Model *model, uint64_t key);
extern uint32_t ModelAddItem(Model *model, uint64_t key);

/* Does a query come from the order of a user's interactions? */
static inline bool WantsOrder(const Algorithm *algorithm, const void *options)
{
    return algorithm->history != NULL && algorithm->history(options).ordered;
}

/* Does training, or serving, want every row in order of time? */
static inline bool WantsEvents(const Algorithm *algorithm, const void *options)
{
    return algorithm->events || WantsOrder(algorithm, options);
}

/* Columns without which these options cannot be trained. */
static inline Columns RequiredColumns(const Algorithm *algorithm, const void *options)
{
    return algorithm->required | (WantsEvents(algorithm, options) ? COLUMN_TIME : 0);
}

/* Are users told apart?  If not, what serves one serves strangers, too. */
static inline bool IsPersonal(const Model *model)
{
    return model->algorithm->query_width(model) > 0;
}

/* Do scores come from inner products with item rows, so that codes can bound them? */
static inline bool HasProducts(const Model *model)
{
    return model->algorithm->score == NULL && IsPersonal(model);
}

/* Items that stand for all others when a user is folded in. */
#define FOLD_IN_SAMPLE 1024

/* out[q * view->items + i]: scores of `count` queries for all items of the view; 64-byte aligned.
 * A single query gets the bytes that the selection of the best items gives. */
extern void ModelScore(const Model *view, const float *queries, uint32_t count, float *out);

#endif
