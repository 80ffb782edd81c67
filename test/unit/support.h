/* support.h: data sets, statistics and training runs that several subjects share. */
#ifndef RECADV_SUPPORT_H
#define RECADV_SUPPORT_H

#include <stddef.h>

#include "algo/algorithm.h"
#include "algo/als/als.h"
#include "algo/cdae/cdae.h"
#include "algo/irgan/irgan.h"
#include "algo/mf/mf.h"
#include "algo/neumf/neumf.h"
#include "algo/nmrn/memory_network.h"
#include "algo/rank/ranking.h"
#include "algo/sasrec/sasrec.h"
#include "algo/softmax/softmax.h"
#include "core/random.h"
#include "testhost.h"

/* A generator of the tests' own, apart from those that training uses. */
extern Random TestStream(uint64_t number);

/* Pearson's statistic of counts against equal expectation, and whether it is believable. */
extern double ChiSquare(const uint64_t *counts, size_t bins);
extern bool LooksUniform(const uint64_t *counts, size_t bins);

/* |a - b| <= tolerance * (|a| + |b|) + tiny */
extern bool Near(double a, double b, double tolerance, double tiny);

extern double Softplus(double x);

/* An array of pairs under construction, from the host's arena. */
extern Pairs PairsCreate(const Host *host, uint64_t room, bool times);
extern void PairsAdd(Pairs *pairs, uint32_t user, uint32_t item, double time);

/* Random pairs without times, about `per_user` of each user. */
extern Interactions RandomInteractions(const Host *host, uint32_t users, uint32_t items,
                                       uint32_t per_user, uint64_t stream);

/* Users u have every item of their block: u * blocks / users == i * blocks / items. */
extern Interactions BlockInteractions(const Host *host, uint32_t users, uint32_t items,
                                      uint32_t blocks);

/*
 * Users of `groups` tastes choose `per_user` items, nine in ten from their group's share of the
 * items, the first of a share more often than the last.
 */
extern Interactions TasteInteractions(const Host *host, uint32_t users, uint32_t items,
                                      uint32_t groups, uint32_t per_user, uint64_t stream);

/* Of each user with at least five interactions, and no other: where few choose for all. */
extern void HoldOutOfLong(const Host *host, Interactions *data, Holdout holdout);

/*
 * A stream in order of time: users of `groups` tastes, by number, choose items of their taste, none
 * more popular than another; from event `swap` on of the taste that is half of all further.
 */
typedef struct TasteStream {
    uint32_t users, items, groups, count;
    uint32_t *user, *item;
} TasteStream;

extern TasteStream TasteStreamCreate(const Host *host, uint32_t users, uint32_t items,
                                     uint32_t groups, uint32_t count, uint32_t swap,
                                     uint64_t stream);

/* The first `count` events, with all users and items; events are part of the result. */
extern Interactions TasteStreamData(const Host *host, const TasteStream *stream, uint32_t count);

/* A training run through the algorithm's interface. */
typedef struct Training {
    TestHost *t;
    const Interactions *data;
    union { /* large enough for every algorithm here */
        TrainOptions train;
        MfOptions mf;
        AlsOptions als;
        NmrnOptions nmrn;
        SoftmaxOptions softmax;
        SasrecOptions sasrec;
        NeumfOptions neumf;
        CdaeOptions cdae;
        IrganOptions irgan;
    } options;
    Model model;
    TrainReport report;
} Training;

/* settings: "name=value name=value ...", as a user would write them. */
extern void TrainingPrepare(TestHost *t, const Interactions *data, const char *algorithm,
                            const char *settings, Training *training);
extern Outcome TrainingRun(Training *training);

/* Both together; aborts the test run if training does not end well. */
extern void Train(TestHost *t, const Interactions *data, const char *algorithm,
                  const char *settings, Training *training);

/* On data that `make` makes, with a pool (0: none), all in memory of its own; the caller ends the
 * host. */
extern Training TrainFresh(TestHost *t, int threads, Interactions (*make)(const Host *host),
                           const char *algorithm, const char *settings);

/* Have two models the same bytes in every part? */
extern bool SameModel(const Model *a, const Model *b);

/* How a subject trains its algorithm on its data: see TrainFresh. */
typedef Training (*TrainWay)(TestHost *t, int threads, const char *settings);

/* Checks that the threads do not matter, and that the seed does. */
extern void CheckSameBytes(TrainWay train, const char *settings);

/* Checks that a warm start without steps keeps what there is; the data have something held out. */
extern void CheckWarmStart(TrainWay train, const char *settings);

/* Checks that visitors with some items of a taste (TasteInteractions) get higher scores, by this
 * margin, for its others than for those of other tastes. */
extern void CheckFoldInOfTastes(TrainWay train, const char *settings, uint32_t tastes,
                                double margin);

extern void SetOptions(const Algorithm *algorithm, void *options, const char *settings);

/*
 * Small models of all algorithms, with the default options and where others make another reader or
 * another learner: their number, and what makes number i.
 */
extern uint32_t SmallModels(void);
extern const Algorithm *SmallAlgorithm(uint32_t number);
extern const char *SmallSettings(uint32_t number);

/* Sets few factors, one epoch and the like, of those options that the algorithm has; then these. */
extern void SetSmall(const Algorithm *algorithm, void *options, const char *settings);

#endif
