/*
 * choose.h: which algorithm suits the data, by short trainings that are validated.
 *
 * All candidates are trained for a little while and rank the same held-out interactions; the better
 * half is trained for longer, and the best is chosen (successive halving: Jamieson and Talwalkar
 * 2016).  Metric of all: NDCG@100 of rank/validation.h.
 */
#ifndef RECADV_ALGO_CHOICE_CHOOSE_H
#define RECADV_ALGO_CHOICE_CHOOSE_H

#include "algo/algorithm.h"

/* A name with options for requests alone: no model is of it, and the list of algorithms has it not.
 */
extern const Algorithm choosing;

static inline bool IsChoosing(const Algorithm *algorithm)
{
    return algorithm == &choosing;
}

typedef struct ChoiceOptions {
    TrainOptions train;
    int64_t candidates; /* a bit for each of the list of algorithms; 0: those that are usual */
    bool search;
} ChoiceOptions;

typedef struct Trial {
    const Algorithm *algorithm;
    int round; /* from 1 on */
    double metric;
    double seconds;
} Trial;

typedef struct Choice {
    const Algorithm *algorithm;
    Trial *trial; /* from the host's arena, in order */
    int trials;
    const char *untried; /* why there are none, of a static string; or NULL */
} Choice;

/* Is algorithms[i] tried on data with these columns? */
extern bool IsCandidate(const ChoiceOptions *options, int i, Columns columns);

/* Does any candidate want every row in order of time; does any learn from a stream? */
extern bool ChoiceWantsEvents(const ChoiceOptions *options, Columns columns);
extern bool ChoiceStreams(const ChoiceOptions *options, Columns columns);

/* The first that is named, though it needs columns that are not there; NULL: none. */
extern const Algorithm *ChoiceMisfit(const ChoiceOptions *options, Columns columns);

/* The interactions come with what is held out, and with events if a candidate wants them. */
extern void Choose(const Host *host, const Interactions *data, const ChoiceOptions *options,
                   Choice *choice);

/* Bytes that Choose allocates. */
extern size_t ChooseMemory(const ChoiceOptions *options, const Interactions *shape, int threads);

/* Those of them that hold the users that are looked at. */
extern size_t ChooseSampleMemory(const ChoiceOptions *options, const Interactions *shape);

#endif
