/*
 * algorithm.h: the one interface of all learning algorithms.
 *
 * A model is a list of matrices (parts).  Each part has rows per user, per item, or a number of
 * its own; storage and serving move parts without knowing what they mean.  A score of a user for
 * an item is made in three steps: the user's rows become one query vector, its inner product with a
 * row of the item, and what the algorithm makes of that product.  Larger scores are better.
 */
#ifndef RECADV_ALGO_ALGORITHM_H
#define RECADV_ALGO_ALGORITHM_H

#include "algo/options.h"
#include "core/history.h"
#include "core/host.h"
#include "core/interactions.h"

typedef enum Axis { AXIS_USER, AXIS_ITEM, AXIS_SHARED } Axis;

/* rows x columns floats; rows start every `stride` floats: a multiple of 16, the rest zero; or 1.
 */
typedef struct Part {
    const char *name; /* of a static string */
    Axis axis;
    uint32_t rows;
    uint32_t columns;
    uint32_t stride;
    bool written;  /* by StreamMethods.write, where an event is only noted, not yet learnt */
    bool learning; /* for training and streaming alone: where a model serves, `data` may be NULL */
    float *data;   /* 64-byte aligned; NULL until allocated */
} Part;

/* Is the part one of the axis that serving reads? */
static inline bool PartServes(const Part *part, Axis axis)
{
    return part->axis == axis && !part->learning;
}

#define MAX_PARTS   32
#define MAX_SCALARS 4

typedef struct Algorithm Algorithm;

/*
 * A model, or a view of one: in a view, parts of an axis hold only some of its rows (one user,
 * one block of items), and `users` and `items` tell how many.
 */
typedef struct Model {
    const Algorithm *algorithm;
    const void *options; /* the algorithm's own struct */
    uint32_t users;
    uint32_t items;
    bool warm; /* some rows are from an earlier model */
    int parts;
    Part part[MAX_PARTS];
} Model;

/* Part 0 of every model: interactions per item (1 column); it serves users that are unknown. */
#define POPULARITY_PART 0

/* One epoch of the learning curve; ndcg and hr are NaN where the epoch was not evaluated. */
typedef struct Epoch {
    int epoch;
    const char *stage; /* of a static string */
    double loss;       /* mean over triples */
    double ndcg;       /* NDCG@100 on the held-out interactions */
    double hr;         /* HR@100 on the held-out interactions */
    double seconds;    /* since the start of training */
} Epoch;

typedef struct TrainReport {
    Epoch *history; /* one entry per epoch run */
    int epochs;     /* entries in history */
    int best;       /* index of the epoch that the model is from; -1 without epochs */
    const char *stop_reason;
    double evaluate_seconds; /* of the whole training */
    char warning[256];       /* something the user should know; empty: nothing */
} TrainReport;

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
    void (*write)(const Model *view, uint32_t user, uint32_t item);

    /* Bytes that open() allocates. */
    size_t (*memory)(const Model *model);

    /*
     * A learner of events that come in order of time.  Between events, rows may be added to
     * the model and entries to the history.  `events` learnt before this one name the random
     * draws.  learn() notes the event at once; parameters follow at the end of each micro-batch,
     * and at close().  The history must not yet hold the event.
     */
    Learner *(*open)(const Host *host, Model *model, const History *history, uint64_t events);
    void (*learn)(Learner *learner, uint32_t user, uint32_t item);
    void (*close)(Learner *learner);

    /* Number of memory slots, and one of them. */
    uint32_t (*slots)(const Model *model);
    Slot (*slot)(const Model *model, uint32_t slot);
} StreamMethods;

typedef enum Perturbation { PERTURB_RANDOM, PERTURB_ADVERSARIAL } Perturbation;

struct Algorithm {
    const char *name;
    const char *summary;
    const OptionSpec *options; /* beside train_options; ends with name == NULL */
    const Preset *presets;     /* of those options; or NULL */
    size_t options_size;

    /* Appends the model's parts (without data) for model->users, model->items and options. */
    void (*layout)(Model *model);

    /* Bytes that train() allocates beside the model and the interactions; SIZE_MAX: too many. */
    size_t (*memory)(const Model *model, const Interactions *shape, int threads);

    /*
     * Fills the parts, which come zeroed but for the rows of a warm start: those are kept as a
     * starting point.  `report->history` comes from the host's arena.
     */
    void (*train)(const Host *host, const Interactions *data, Model *model, TrainReport *report);

    /* Floats of a query: the stride of the part `items`, or 0 if the query is not used. */
    uint32_t (*query_width)(const Model *model);

    /* Query of user row `row` of the view's user parts. */
    void (*query)(const Model *view, uint32_t row, float *query);

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
    int items;        /* index of an item part */
    uint32_t scalars; /* per item; at most MAX_SCALARS */
    void (*item_scalars)(const Model *view, float *out);
    void (*finish)(const Model *model, const float *query, const float *scalars, size_t pitch,
                   uint32_t count, float *products);

    /*
     * out[i]: how alike the only row of the axis in `one` and row i of the view are; larger is
     * closer.  NULL: rows cannot be compared.
     */
    void (*similarity)(const Model *one, const Model *view, Axis axis, float *out);

    /*
     * The query of a user who was not trained, from the items of `history` (at least one; for an
     * algorithm that streams in order of time, with repeats), items being as they are.  `sample`
     * holds items spread evenly over the others; it may be empty. NULL: the model scores all users
     * alike.
     */
    void (*fold_in)(const Host *host, const Model *history, const Model *sample, float *query);

    /*
     * out[h]: what item h of `history`, the items of the user with this query, says for the only
     * item of `one`.  NULL: the model cannot tell.
     */
    void (*explain)(const Host *host, const Model *history, const float *query, const Model *one,
                    float *out);

    /* The part that is the embedding of a user, and of an item, by Axis; 0: there is none. */
    int embedding[2];

    /*
     * Moves every embedding row by `epsilon` in place: at random, or along the worst-case
     * direction of the training loss (He et al. 2018, section 2.3).  NULL: nothing to perturb.
     */
    void (*perturb)(const Host *host, const Interactions *data, Model *model, Perturbation kind,
                    double epsilon, uint64_t seed);

    /* NULL: learns by training alone. */
    const StreamMethods *stream;
};

/* One file each; listed in registry.c. */
extern const Algorithm popularity_algorithm;
extern const Algorithm bpr_algorithm;
extern const Algorithm amf_algorithm;
extern const Algorithm nmrn_algorithm;
extern const Algorithm nmrn_gan_algorithm;

/* All algorithms, NULL-terminated, and a search by name (NULL if unknown). */
extern const Algorithm *const algorithms[];
extern const Algorithm *AlgorithmFind(const char *name);

/* What is trained where no algorithm is named. */
extern const Algorithm *const default_algorithm;

/* Declares all parts of a model: the popularity and the algorithm's own. */
extern void ModelLayout(Model *model, const Algorithm *algorithm, const void *options,
                        uint32_t users, uint32_t items);

/* For layout(): appends a part. */
extern void ModelAddPart(Model *model, const char *name, Axis axis, uint32_t rows,
                         uint32_t columns);

/* The same with one float per row, without padding: never read as a vector. */
extern void ModelAddColumn(Model *model, const char *name, Axis axis, uint32_t rows);

/* Bytes of all parts, SIZE_MAX if they do not fit. */
extern size_t ModelMemory(const Model *model);

/* Allocates all parts, zeroed. */
extern void ModelAllocate(const Host *host, Model *model);

/* Allocates all parts with room for more rows than they have: see ModelAddUser. */
extern void ModelAllocateRoom(const Host *host, Model *model, uint32_t users, uint32_t items);

/* Moves the rows into memory with such room. */
extern void ModelMakeRoom(const Host *host, Model *model, uint32_t users, uint32_t items);

/*
 * Adds a row to every user (item) part and starts it; there must be room; returns its index.  An
 * algorithm that does not stream leaves it zero.
 */
extern uint32_t ModelAddUser(Model *model, uint64_t key);
extern uint32_t ModelAddItem(Model *model, uint64_t key);

/* The model as a view of all its rows needs no call; these narrow it. */
extern void ModelViewItems(const Model *model, uint32_t first, uint32_t count, Model *view);

/* Items that stand for all others when a user is folded in. */
#define FOLD_IN_SAMPLE 1024

/* out[q * view->items + i]: scores of `count` queries for all items of the view; 64-byte aligned.
 * A single query gets the bytes that the selection of the best items gives. */
extern void ModelScore(const Model *view, const float *queries, uint32_t count, float *out);

/* Counts interactions per item into the popularity part. */
extern void ModelCountPopularity(const Host *host, const Interactions *data, Model *model);

/* Is every value of the part finite? */
extern bool PartIsFinite(const Part *part);

extern void ReportAddEpoch(TrainReport *report, Epoch epoch);

#endif
