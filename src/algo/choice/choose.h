/*
 * choose.h: which algorithm suits the data, by short trainings that are validated.
 *
 * All candidates are trained for a little while and rank the same held-out interactions; the better
 * half is trained for longer, and the best is chosen (successive halving: Jamieson and Talwalkar
 * 2016), then single options of it.  Metric of all: NDCG@100 of rank/validation.h.
 */
#ifndef RECADV_ALGO_CHOICE_CHOOSE_H
#define RECADV_ALGO_CHOICE_CHOOSE_H

#include "algo/choice/trial.h"

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
    double budget;      /* of the search, in trainings */
    int effort;         /* index of effort_names: the preset that candidates have */
    bool search;
} ChoiceOptions;

extern const char *const effort_names[];

typedef struct Choice {
    const Algorithm *algorithm;
    void *options; /* of the training, from the host's arena, as all that follows */
    Trial *trial;  /* in order */
    int trials;
    const char *untried; /* why none was measured, of a static string; or NULL */
} Choice;

/* Is algorithms[i] tried on data with these columns? */
extern bool IsCandidate(const ChoiceOptions *options, int i, Columns columns);

/* Does any candidate want every row in order of time; does any learn from a stream? */
extern bool ChoiceWantsEvents(const ChoiceOptions *options, Columns columns);
extern bool ChoiceStreams(const ChoiceOptions *options, Columns columns);

/* The first that is named, though it needs columns that are not there; NULL: none. */
extern const Algorithm *ChoiceMisfit(const ChoiceOptions *options, Columns columns);

/*
 * The interactions come with what is held out, and with events if a candidate wants them.  `room`:
 * bytes that trials and the training may take; candidates that need more are left out.
 */
extern void Choose(const Host *host, const Interactions *data, const ChoiceOptions *options,
                   size_t room, Choice *choice);

/* Bytes of the users that are looked at: what Choose allocates beside the greatest training of a
 * candidate, than which no trial needs more. */
extern size_t ChooseSampleMemory(const ChoiceOptions *options, const Interactions *shape);

#endif
