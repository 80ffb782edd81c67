/*
 * answers.h: how likely an item is clicked, learnt from a log of slates: what estimates of a
 * policy's value fall back on where the log is thin.
 *
 *     logit P(click on i) = base + bias_i + taste_i . mean of clicked_h
 *
 * over the last clicks h before the step.  An answer depends on neither an item's place in the
 * slate nor on its neighbours.  It is learnt in folds of sessions: each fold has a model that has
 * not seen its sessions.
 */
#ifndef RECADV_ALGO_POLICY_ANSWERS_H
#define RECADV_ALGO_POLICY_ANSWERS_H

#include "algo/policy/past.h"
#include "core/host.h"
#include "core/slates.h"

/* Floats of an item's rows, and clicks that count. */
#define ANSWER_FACTORS 16
#define ANSWER_CLICKS  10

#define ANSWER_FOLDS 5

/* What one fold's model has learnt from the other folds. */
typedef struct Answers {
    float base;
    float *bias;    /* items */
    float *taste;   /* items x ANSWER_FACTORS */
    float *clicked; /* the same */
    double *worth;  /* items: mean reward of a click */
    double nothing; /* mean reward of an item without one */
    float *state;   /* items x 3: sums of squared gradients */
} Answers;

typedef struct FoldedAnswers {
    const Host *host;
    const Slates *log;
    const Past *past;
    uint32_t folds;
    uint32_t *fold; /* of each session */
    Answers answers[ANSWER_FOLDS];
    uint64_t seed;
} FoldedAnswers;

/* The last clicks before a step, oldest first; items of the log. */
typedef struct AnswerHistory {
    uint32_t items[ANSWER_CLICKS];
    uint32_t count;
} AnswerHistory;

/*
 * The reward of each item of a step, which sums to `reward` times their number: 1 for a click and
 * -NO_CLICK for none where that is what the step was worth; any other reward goes in equal parts to
 * what was clicked, or to all where nothing was.
 */
extern void CreditItems(const bool *clicked, uint32_t count, float reward, double *credit);

/* Learns all folds, on all threads.  `past` may be NULL. */
extern void AnswersLearn(const Host *host, const Slates *log, const Past *past, uint64_t seed,
                         FoldedAnswers *folded);
extern void AnswersRelease(const Host *host, FoldedAnswers *folded);
extern size_t AnswersMemory(const Slates *shape);

/* The model for a session of the log. */
static inline const Answers *AnswersFor(const FoldedAnswers *folded, uint32_t session)
{
    return &folded->answers[folded->fold[session]];
}

/* Any thread, from here on. */
/*
 * From step to step of a session: what is known before the step, and what it adds.  Begin a session
 * with zeros.
 */
extern void AnswerHistoryBefore(const Past *past, uint64_t step, AnswerHistory *history);
extern void AnswerHistoryAfter(const Slates *log, const Past *past, uint64_t step,
                               AnswerHistory *history);

/* mean: of the clicked rows; zeros without any. */
extern void AnswersMean(const Answers *answers, const AnswerHistory *history, float *mean);

/* The expected reward of an item; NO_ITEM: one that the log does not have. */
extern double AnswersReward(const Answers *answers, const float *mean, uint32_t item);

#endif
