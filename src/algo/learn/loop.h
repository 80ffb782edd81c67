/*
 * loop.h: the epochs of a training: validation, patience, and the way back to the best epoch.
 *
 * An algorithm names its epoch and what it learns; the loop runs the epochs, stage by stage, checks
 * that what was learnt is finite, measures now and then, keeps a copy of the best epoch, stops
 * when nothing gets better and fills the report.
 */
#ifndef RECADV_ALGO_LEARN_LOOP_H
#define RECADV_ALGO_LEARN_LOOP_H

#include "algo/rank/validation.h"

/* When a stage is measured: now and then, so that the best can be kept, or once, where its schedule
 * is one unit, or after every epoch. */
typedef enum LoopMeasures { MEASURE_OFTEN, MEASURE_AT_END, MEASURE_ALWAYS } LoopMeasures;

typedef struct Loop {
    /* Set by the caller before LoopOpen. */
    const Host *host;
    const Interactions *data; /* NULL only with `measure` */
    Model *model;
    TrainReport *report;
    int epochs;      /* planned, over all stages */
    uint32_t learnt; /* a bit for each part that epochs change and that serving needs */
    void *trainer;   /* passed to the following */
    double (*epoch)(void *trainer, int number); /* one pass; returns its mean loss */
    /* The name of the stage that an epoch belongs to, and what is due before it; or NULL.  Numbers
     * are from 1 on, of both. */
    const char *(*stage)(void *trainer, int number);
    /* Fails if the model is beyond repair, though finite; NULL: there is no such thing. */
    void (*check)(void *trainer, int number);
    /* Makes the model one that can be validated, knowing no held-out item; NULL: it is one. */
    void (*prepare)(void *trainer);
    /*
     * Fills metric[METRICS] of the model as it is; NULL: NDCG and HR of the held-out interactions,
     * if there are any (rank/validation.h).  Where the first is NaN, the epoch was not measured.
     */
    void (*measure)(void *trainer, double *metric);

    LoopMeasures measures;

    /* The loop's own. */
    Validation validation;
    float
        *best[MAX_PARTS]; /* copies at the best epoch; NULL: nothing is validated, or not learnt */
    bool kept;            /* the copies hold an epoch: none, as long as every metric is NaN */
    double start;
    int before; /* epochs of trainings that are over */
} Loop;

/* Sets up validation and copies; the clock of the report starts. */
extern void LoopOpen(Loop *loop);
extern void LoopClose(Loop *loop);

/* Another training begins, as if there had been none: epochs are numbered from 1 on again. */
extern void LoopRestart(Loop *loop);

typedef struct Stage {
    double metric; /* the first one, of the best epoch; -1 where nothing is known of any */
    double last;   /* of the last epoch that ran; NaN: it was not measured */
    int epochs;    /* up to the best epoch */
} Stage;

/*
 * Runs at most so many epochs; with validation, stops when they no longer help and goes back to the
 * best of them.  `name`: a static string; NULL: loop->stage has a name for each epoch.
 */
extern Stage LoopStage(Loop *loop, const char *name, int epochs);

/*
 * The same, but an epoch that is no gain over `beat` (IsGain) is not kept: the model is then what
 * an earlier stage has kept.  Without validation, as LoopStage.
 */
extern Stage LoopStageAgainst(Loop *loop, const char *name, int epochs, double beat);

/*
 * Runs so many epochs on all interactions, the held-out ones included, which the trainer has been
 * given.  Nothing is left to validate by: the report keeps the best validated epoch.
 */
extern void LoopLearnAll(Loop *loop, const char *name, int epochs);

/* Bytes that LoopOpen and the validation allocate; `shape` is NULL with `measure`. */
extern size_t LoopMemory(const Model *model, const Interactions *shape, int threads,
                         uint32_t learnt, int64_t epochs);

/* Largest absolute value of a part; fails, naming the epoch, if one is not finite. */
extern float LoopCheckPart(const Loop *loop, const Part *part, int number);

/* Fails if no user lacks an item: nothing can be ranked. */
extern bool IsRankable(const Interactions *data);
extern void CheckRankable(const Host *host, const Interactions *data);

/* Is the row, or are all, as they were allocated?  Rows of a warm start are not zero. */
extern bool RowIsZero(const Part *part, size_t row);
extern bool PartIsZero(const Part *part);

/* Epochs of a training: fewer after a warm start. */
static inline int MainEpochs(const Model *model, int64_t epochs, int64_t warm_epochs)
{
    return (int)(model->warm && warm_epochs < epochs ? warm_epochs : epochs);
}

/* One part in `share` of them, rounded up. */
static inline int EpochShare(int64_t epochs, int share)
{
    return (int)((epochs + share - 1) / share);
}

/* A bit of `learnt`. */
#define LEARNT(part) (1u << (part))

#endif
