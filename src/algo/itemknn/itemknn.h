/*
 * itemknn.h: the nearest neighbours of each item (Sarwar et al. 2001; Deshpande and Karypis 2004).
 *
 * Two items are alike where the same users have them.  A user's score of an item adds up how alike
 * those of the item's neighbours are that the user has.  Users have no rows: a query is made of
 * their interactions.
 */
#ifndef RECADV_ALGO_ITEMKNN_H
#define RECADV_ALGO_ITEMKNN_H

#include "algo/rank/validation.h"

/* Rows of the first hold the neighbours of an item, best first, those of the second how alike each
 * is; 0: there are no more. */
enum { KNN_NEIGHBOR_PART = POPULARITY_PART + 1, KNN_SIMILARITY_PART };

/* Neighbours are stored as floats, which are exact so far. */
#define KNN_MOST_ITEMS (1u << 24)

/* The first one: chosen by what is held out. */
typedef enum Weighting { WEIGH_CHOSEN, WEIGH_NONE, WEIGH_TFIDF, WEIGH_BM25 } Weighting;

typedef struct KnnOptions {
    TrainOptions train;
    int64_t neighbors; /* 0: chosen by what is held out */
    double shrink;     /* below 0: chosen by what is held out */
    int weighting;     /* Weighting */
    int64_t recent;
} KnnOptions;

/*
 * What is chosen from; where nothing can be measured, the former.  Stored models whose options say
 * 0 have as many columns as the latter: it must stay what it is.
 */
#define KNN_FEW_NEIGHBORS  100
#define KNN_MANY_NEIGHBORS 200

/* Columns of the parts: room for the most neighbours that can be chosen. */
static inline uint32_t KnnColumns(const KnnOptions *options)
{
    return options->neighbors > 0 ? (uint32_t)options->neighbors : KNN_MANY_NEIGHBORS;
}

/*
 * The matrix of weighted interactions, by item and by user.  For cosines, each item's values are
 * divided by the largest of them, so that no sum of squares leaves the range of a float.
 */
typedef struct Vectors {
    uint64_t *offset; /* items + 1: where an item's users start */
    uint32_t *user;   /* of each item, ascending */
    float *by_item;   /* value for each of them */
    float *by_user;   /* value for each interaction, in the order of the data */
    float *largest;   /* of each item, what its values are divided by; or NULL */
    double *norm;     /* of each item's vector, so divided; NULL: no cosines are wanted */
    double square;    /* mean of all squared values, before the division */
} Vectors;

/* `held`: do interactions that are held out count, too? */
extern void VectorsBuild(const Host *host, const Interactions *data, Weighting weighting, bool held,
                         Vectors *vectors);
extern void VectorsRelease(const Host *host, Vectors *vectors);

/* Bytes that building allocates. */
extern size_t VectorsMemory(uint64_t interactions, uint32_t items);

/*
 * The options with nothing left to choose: those of the first trial, unless a later one gains
 * more than a standard error in NDCG@100 of the held-out interactions, or, with more neighbours,
 * what IsGain() wants.  Trials are entered into the history, which has room for KNN_MOST_TRIALS,
 * and change the model.  `measured` gets the metrics of the chosen trial, where trials rank all
 * that is held out.
 */
extern KnnOptions KnnChoose(const Host *host, const Interactions *data, Model *model,
                            TrainReport *report, Epoch *measured);
extern int KnnTrials(const KnnOptions *options, const Interactions *shape);

/* How many held-out interactions a trial ranks; is there more to rank than trials do? */
extern uint64_t KnnTrialCases(const Interactions *shape);
extern bool KnnValidates(const KnnOptions *options, const Interactions *shape);

#define KNN_MOST_TRIALS 5

/* Finds the neighbours; `held`: from all interactions, also those that are held out. */
extern void KnnBuild(const Host *host, const Interactions *data, Model *model,
                     const KnnOptions *options, bool held);

/* Fills the metrics of an epoch. */
extern void KnnMeasure(const Host *host, const Model *model, Validation *validation,
                       TrainReport *report, Epoch *epoch);

/* Enters what was measured as the next row of the history, of so many, and tells of it. */
extern void KnnEnter(const Host *host, const Model *model, TrainReport *report, Epoch epoch,
                     int rows);

/* Members of struct Algorithm. */
extern void KnnLayout(Model *model);
extern void KnnSettle(void *options, const Model *model);
extern size_t KnnMemory(const Model *model, const Interactions *shape, int threads);
extern double KnnWork(const Model *model, const Interactions *shape);
extern void KnnTrain(const Host *host, const Interactions *data, Model *model, TrainReport *report);
extern uint32_t KnnQueryWidth(const Model *model);
extern HistoryNeed KnnHistory(const void *options);
extern void KnnQuery(const Model *view, const QueryInput *input, float *query);
extern void KnnScore(const Model *view, const float *query, float *out);
extern void KnnSimilarity(const Model *one, const Model *view, Axis axis, float *out);
extern void KnnExplain(const Host *host, const Model *history, const float *query, const Model *one,
                       float *out);

#endif
