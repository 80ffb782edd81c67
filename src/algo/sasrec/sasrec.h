/*
 * sasrec.h: next-item recommendation by self-attention over a user's last items (Kang and McAuley
 * 2018, "SASRec").
 *
 * An item's row stands for it where it has been taken, and where it is recommended: a query is what
 * the encoder (net/transformer.h) gives at the last item, a score its inner product with the row.
 */
#ifndef RECADV_ALGO_SASREC_SASREC_H
#define RECADV_ALGO_SASREC_SASREC_H

#include "algo/learn/factors.h"
#include "algo/net/transformer.h"

enum {
    SASREC_NETWORK_PART = 1,              /* a pack: see SasrecEncoder */
    SASREC_ITEM_PART = FACTORS_ITEM_PART, /* so that items are compared as in factors.h */
};

/* A query works on the stack: see SasrecQuery. */
#define SASREC_MOST_FACTORS 256
#define SASREC_MOST_LENGTH  200

typedef enum SasrecLoss { SASREC_SOFTMAX, SASREC_BCE } SasrecLoss;
typedef enum SasrecWindows { WINDOWS_ALL, WINDOWS_LAST } SasrecWindows;

typedef struct SasrecOptions {
    TrainOptions train;
    int64_t factors;
    int64_t blocks;
    int64_t heads;
    int64_t length;
    double dropout;
    int loss; /* SasrecLoss */
    int64_t negatives;
    int windows; /* SasrecWindows */
    int64_t epochs;
    int64_t batch_size;
    double learning_rate;
    double last_rate;
    double regularization;
    int64_t warm_epochs;
} SasrecOptions;

/* The network of these options; and the pack that it lies in. */
extern Transformer SasrecEncoder(const SasrecOptions *options, Pack *pack);

extern void SasrecLayout(Model *model);
extern uint32_t SasrecQueryWidth(const Model *model);
extern HistoryNeed SasrecHistory(const void *options);
extern void SasrecQuery(const Model *view, const QueryInput *input, float *query);

extern size_t SasrecMemory(const Model *model, const Interactions *shape, int threads);
extern double SasrecWork(const Model *model, const Interactions *shape);
extern void SasrecTrain(const Host *host, const Interactions *data, Model *model,
                        TrainReport *report);

/* Epochs of all stages, at most; `held`: something is held out. */
extern int SasrecEpochs(const Model *model, bool held);

/* Negatives of a batch that the softmax shares: fewer where there are few items. */
extern uint32_t SasrecNegatives(const SasrecOptions *options, uint32_t items);

#endif
