/*
 * mf.h: matrix factorisation, the base of bpr and amf.
 *
 * score(u, i) = p_u . q_i; P is users x factors, Q is items x factors, no biases.
 */
#ifndef RECADV_ALGO_MF_MF_H
#define RECADV_ALGO_MF_MF_H

#include "algo/learn/factors.h"
#include "algo/mf/triple.h"

#define MF_USER_PART FACTORS_USER_PART
#define MF_ITEM_PART FACTORS_ITEM_PART

typedef struct MfOptions {
    TrainOptions train;
    int64_t factors; /* 0: by the number of items */
    int64_t epochs;
    int64_t adv_epochs; /* 0 for bpr */
    double learning_rate;
    int optimizer;           /* Optimizer */
    double regularization;   /* below 0: chosen by validation */
    double epsilon;          /* norm; 0: the next */
    double relative_epsilon; /* share of the row's norm; 0: chosen by validation */
    double lambda;
    double init_std;
    int64_t adaptive_negatives; /* 0: the usual ones, or fewer by validation */
    int64_t batch_size;
    int64_t warm_epochs;
    bool reset_optimizer;
} MfOptions;

/* The regularization that was chosen: one number; 0: none was.  Where the option says which, there
 * is no such part. */
#define MF_REGULARIZATION_PART 3

/* Where it is to be chosen: what trials begin with, and what there is without them. */
#define PLAIN_REGULARIZATION    0.008
#define GREATEST_REGULARIZATION 1000

static inline bool ChoosesRegularization(const MfOptions *options)
{
    return options->regularization < 0;
}

/* As it is named, or what the model was trained with. */
extern double MfRegularization(const Host *host, const Model *model);

/* Candidates for a negative, where none are named and nothing is chosen. */
#define USUAL_NEGATIVES 4

/* Are fewer tried?  Where the decay is chosen, too: then a part of one number has what was. */
static inline bool ChoosesNegatives(const MfOptions *options)
{
    return options->adaptive_negatives == 0 && ChoosesRegularization(options);
}

/* As they are named, or what the model was trained with. */
extern uint32_t MfNegatives(const Host *host, const Model *model);
extern void MfKeepNegatives(const Model *model, uint32_t negatives);

/* Is the decay to be chosen, and is enough held out to choose by?  The rows of a warm start come
 * with one. */
extern bool MfTriesRegularization(const Model *model, const Interactions *data);

extern int MfTrialEpochs(const MfOptions *options);

/* Trials of the decay and of candidates for negatives: at most, and as many as there usually are.
 */
#define MF_DECAYS    7
#define MF_NEGATIVES 2

static inline int MfMostTrials(const MfOptions *options)
{
    return MF_DECAYS + (ChoosesNegatives(options) ? MF_NEGATIVES : 0);
}

static inline int MfUsualTrials(const MfOptions *options)
{
    return 3 + (ChoosesNegatives(options) ? 1 : 0);
}

/* Of the row's norm: tried first, and used where there is nothing to choose by. */
#define PLAIN_EPSILON 0.1

/* How far a perturbation moves a row. */
typedef struct Strength {
    float epsilon;
    bool relative; /* of the row's norm */
} Strength;

#define GREATEST_EPSILON 10 /* of the row's norm */

/* Is there an adversarial stage whose strength is not named?  Then a part of one number has the one
 * that stayed; 0: none did, and the model is that of BPR. */
static inline bool ChoosesStrength(const MfOptions *options)
{
    return options->adv_epochs > 0 && options->epsilon == 0 && options->relative_epsilon == 0;
}

/* As it is named, or where nothing is; 0 where there is no adversarial stage. */
extern Strength MfStrength(const MfOptions *options);

/* Of the model's own adversarial stage: what stayed, or what is named. */
extern Strength MfKeptStrength(const Host *host, const Model *model);
extern void MfKeepStrength(const Model *model, Strength strength);

/* How many strengths the adversarial stage is run with, each from the end of BPR. */
#define MF_MOST_STRENGTHS 2

extern int MfStrengths(const Model *model, const Interactions *data);

extern const char *const mf_optimizers[];

#define MF_FIELD(name) offsetof(MfOptions, name)

/* The common lines of the option lists; the includer defines the defaults that differ. */
/* clang-format off */
#define MF_OPTIONS \
    {"factors", OPTION_INTEGER, MF_FIELD(factors), 0, 4096, 0, NULL, \
     "width of the embeddings; 0: 64, or 128 where there are more than 5,000 items", \
     "64 as in the code of He et al. 2018; 128 by validation"}, \
    {"epochs", OPTION_INTEGER, MF_FIELD(epochs), 1, 1000000, MF_EPOCHS, NULL, \
     "passes of BPR over the interactions, at most", "recadv"}, \
    {"learning_rate", OPTION_REAL, MF_FIELD(learning_rate), 0, 1000, MF_LEARNING_RATE, NULL, \
     "step size", "recadv, by validation; He et al. 2018 use 0.05"}, \
    {"optimizer", OPTION_CHOICE, MF_FIELD(optimizer), 0, 0, OPTIMIZER_ADAGRAD_ROW, mf_optimizers, \
     "adagrad_row: one accumulator per embedding row; adagrad: one per element; sgd: none", \
     "Duchi et al. 2011; He et al. 2018 use adagrad"}, \
    {"regularization", OPTION_REAL, MF_FIELD(regularization), -1, GREATEST_REGULARIZATION, -1, NULL, \
     "weight of the squared norm of each row that a triple touches; below 0: chosen by validation", \
     "He et al. 2018, equation 2; the choice is recadv's"}, \
    {"init_std", OPTION_REAL, MF_FIELD(init_std), 1e-6, 1000, 0.01, NULL, \
     "standard deviation of the initial embeddings (normal, cut off at two)", \
     "code of He et al. 2018"}, \
    {"adaptive_negatives", OPTION_INTEGER, MF_FIELD(adaptive_negatives), 0, MAX_CANDIDATES, 0, NULL, \
     "candidates per negative, of which the one scored highest now is taken; 1: uniform; 0: 4, or 2 " \
     "or 1 where regularization is chosen as well and validation gains by it", \
     "Zhang et al. 2013 (dynamic negative sampling); the choice is recadv's"}, \
    {"batch_size", OPTION_INTEGER, MF_FIELD(batch_size), 1, 1000000, 1, NULL, \
     "1: one triple at a time, multi-threaded; more: mini-batches, on one thread", \
     "He et al. 2018, algorithm 1 and section 3.3.1"}, \
    {"warm_epochs", OPTION_INTEGER, MF_FIELD(warm_epochs), 1, 1000000, 60, NULL, \
     "with warm_start: bound on epochs (amf: adv_epochs) where there is a version to start from", \
     "recadv, by validation"}
/* clang-format on */

extern void MfLayout(Model *model);
extern void MfSettle(void *options, const Model *model);
extern size_t MfMemory(const Model *model, const Interactions *shape, int threads);
extern double MfWork(const Model *model, const Interactions *shape);
extern void MfTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report);
extern void MfFoldIn(const Host *host, const Model *history, const Model *sample, float *query);

/* The members of struct Algorithm that bpr and amf share. */
/* clang-format off */
#define MF_METHODS \
    .options_size = sizeof(MfOptions), .metrics = RANKING_METRICS, .used = COLUMN_WEIGHT, .learns_held = true, \
    .layout = MfLayout, .settle = MfSettle, .memory = MfMemory, .work = MfWork, .train = MfTrain, \
    FACTORS_METHODS, .explain = FactorsExplain, .fold_in = MfFoldIn, .perturb = FactorsPerturb
/* clang-format on */

#endif
