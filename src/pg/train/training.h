/* training.h: one training run: what was asked, and what has come of it phase by phase. */
#ifndef RECADV_PG_TRAIN_TRAINING_H
#define RECADV_PG_TRAIN_TRAINING_H

#include "pg/train/collect.h"
#include "pg/model/recent.h"
#include "pg/model/source.h"
#include "pg/train/recorded.h"
#include "pg/train/warm.h"

#include "algo/choice/choose.h"

/* What was asked. */
typedef struct TrainRequest {
    const char *model;
    Source source;
    const char *algorithm_name;
    const char *options_text;   /* JSON, as given */
    const Algorithm *algorithm; /* NULL until checked, like all below */
    void *options;
    int threads;
    struct Tuning *tuning;        /* options are searched for (tuning.h); NULL: they are not */
    struct PolicyRequest *policy; /* it learns from a log of slates (policy.h); NULL: it does not */
} TrainRequest;

/* Seconds of each phase. */
typedef struct TrainPhases {
    double read;    /* rows into arrays, ids into hash tables */
    double map;     /* sorting ids and interactions */
    double compare; /* loading and ranking the version that serves; 0: not done */
    double choose;  /* trials; 0: the algorithm was named */
    double fit;     /* without evaluation */
    double evaluate;
    double write; /* known when the model has been written */
} TrainPhases;

/* Whether the new version is to serve, and by what: see promotion.h. */
typedef struct Promotion {
    int32 serving;        /* the version that serves; 0: none, or nothing is asked of the new one */
    uint64 held;          /* held-out interactions of the new training */
    uint32 compared;      /* held-out interactions that neither of the two has learnt */
    const char *measure;  /* what is compared; NULL: "ndcg" */
    double serving_value; /* of the version that serves, on them; NaN: not known */
    double value;         /* of the new one */
    Recorded recorded;    /* of the version that serves; a policy's value may be any number */
    char *problem;        /* why it could not be compared; or NULL */
    char *reason;         /* why the new version does not serve; NULL: it does */
} Promotion;

/* What came of it; all memory in `context`. */
typedef struct Training {
    MemoryContext context;
    BackendHost backend;
    TimestampTz started;
    Collected collected;
    const char *source_relation; /* qualified name; NULL: the source is a query */
    Model model;
    RecentCounts recent;
    TrainReport report;
    char *choice;                  /* how the algorithm was chosen, as JSON; NULL: it was named */
    char *chosen;                  /* why, for people; likewise */
    const Choice *made;            /* the trials; NULL: none in this run */
    WarmStart *warm;               /* NULL: none */
    WarmKnown known;               /* to it */
    Recorded base;                 /* what was measured of it */
    bool held_out;                 /* has been chosen */
    Holdout held_how;              /* never HOLDOUT_AUTO */
    uint64 held_users;             /* one interaction of each; not all algorithms keep them */
    struct PolicyTraining *policy; /* what was read of a log of slates (policy.h); or NULL */
    Promotion promotion;
    double seconds; /* of reading and fitting */
    TrainPhases phases;
} Training;

/* Those that the request names beside ids. */
extern Columns RequestColumns(const TrainRequest *request);

/* Prepares an empty training whose memory is a child of `parent`. */
extern void TrainingInit(Training *training, MemoryContext parent, const char *title);

/* Reads the source; needs SPI and an active snapshot. */
extern void TrainingRead(Training *training, const TrainRequest *request);

/* The same from rows that are collected already. */
extern void TrainingCollect(Training *training, const TrainRequest *request, Collector *collector);

/* Fails if the algorithm with its options needs times, and there are none. */
extern void CheckTime(const TrainRequest *request, bool times);

/*
 * With the option warm_start: loads the embeddings of the model's current version, or says why not.
 * Needs an active snapshot.
 */
extern void TrainingWarm(Training *training, const TrainRequest *request, Oid relid);

/* Chooses what validation goes by, once, and the same for the same ids and seed. */
extern void TrainingHoldOut(Training *training, const TrainRequest *request);

/* BackendHostRun, with names for the users and items in random choices: those of their ids. */
extern void TrainingKeysRun(Training *training, int threads, void (*work)(void *arg), void *arg);

/* Will what was collected be enough for an algorithm to learn a ranking from? */
extern bool TrainingIsRankable(Training *training, const TrainRequest *request);

/* Fits the model to what was collected; needs neither SPI nor a snapshot. */
extern void TrainingFit(Training *training, const TrainRequest *request);

/* Fails if an option that all algorithms have asks for times that are not there. */
extern void CheckHoldout(const TrainRequest *request, bool times);

/* Tells the client what it should know beside the result. */
extern void TrainingReport(const Training *training);

/* Appends the metrics of an epoch to a JSON object, each under its name. */
extern void DescribeMetrics(StringInfo json, const Algorithm *algorithm, const double *metric);

/* The same of what they were measured on: holdout, k, held_out_users; nothing before the choice. */
extern void DescribeHoldout(StringInfo json, const Algorithm *algorithm, const Training *training);

/* What else the training has measured. */
extern void DescribeFindings(StringInfo json, const TrainReport *report);

/* The same of a simulator: how often what it expects is seen; nothing where it was not measured. */
extern void DescribeCalibration(StringInfo json, const TrainReport *report);

/* Fails, with the advice to learn more slowly, unless all values are finite. */
extern void CheckModelFinite(const Model *model);

/* Best epoch, or NULL if the algorithm has none. */
extern const Epoch *TrainingBest(const Training *training);

/* Bytes that loading and ranking a version take that serves, if it is as large as this one. */
extern Size ComparingMemory(const Model *model, const Interactions *shape, int threads);

/* Interactions that are held out, at most. */
extern uint64 TrainingHeld(const TrainOptions *train, uint32 users, uint64 interactions);

/* Bytes that training needs at its peak, beside the source's dictionaries of long texts. */
extern Size TrainingMemory(const Algorithm *algorithm, const void *options, uint32 users,
                           uint32 items, uint64 interactions, Columns columns, int threads);

#endif
