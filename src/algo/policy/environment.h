/*
 * environment.h: visitors who answer slates: a simulator of answers, and the rules of a session.
 *
 * A visitor starts from a record of the log (what somebody had clicked), answers each slate by
 * chance, and leaves when patience runs out (Liu et al. 2023): it starts at 20 and falls by (1 - r)
 * k + 1 with every slate of k items and reward r; below 1 the visitor leaves.  So a session of
 * depth T and return R satisfies 19 <= k (T - R) + T <= 19 + 1.1 k + 1, up to rounding.
 *
 * All chance comes from (seed, session, step): the same sessions meet the same luck whatever policy
 * they are shown, and whatever thread plays them.
 */
#ifndef RECADV_ALGO_POLICY_ENVIRONMENT_H
#define RECADV_ALGO_POLICY_ENVIRONMENT_H

#include "algo/algorithm.h"

/* Items that a visitor clicked last, which policies and simulators look at. */
#define VISITOR_HISTORY 50

/* How visitors differ from the plain ones; all 0: they do not. */
typedef struct VisitorRules {
    bool no_repeat; /* an item is shown once a session: policies must not repeat it */
    double boredom; /* taken from the logit, times the share of the last ten that are of the item's
                       cluster */
    uint32_t boredom_clusters; /* of items alike; 0: 20 */
    double bait;               /* patience that a click on bait costs */
    uint32_t bait_clusters; /* every second of so many clusters by mean probability is bait; 0: 8 */
    double patience;        /* at the start; 0: 20 */
} VisitorRules;

typedef struct Environment Environment;

/* A visitor between two slates; plain memory, of VisitorSize() bytes, that may be copied. */
typedef struct Visitor {
    uint64_t session; /* names the chance */
    uint32_t step;    /* slates answered */
    uint32_t clicks;  /* in `history`, oldest first; indexes of the simulator's items */
    uint32_t history[VISITOR_HISTORY];
    double patience;
    double reward; /* of all steps so far */
    bool ended;
    float state[]; /* the simulator's own */
} Visitor;

/* Of a simulator that has all its parts in memory; `rules` are copied.  Main thread. */
extern Environment *EnvironmentOpen(const Host *host, const Model *simulator,
                                    const VisitorRules *rules, uint64_t seed);
extern size_t EnvironmentMemory(const Model *simulator);
extern size_t VisitorSize(const Environment *environment);
extern uint32_t EnvironmentItems(const Environment *environment);

/* Any thread, from here on. */
extern void VisitorStart(const Environment *environment, uint64_t session, Visitor *visitor);

/* out[i]: the probability that item shown[i] would be clicked now; NO_ITEM: one that the simulator
 * does not know. */
extern void VisitorProbabilities(const Environment *environment, const Visitor *visitor,
                                 const uint32_t *shown, uint32_t count, float *out);

/* The answer to a slate of at least one item: clicked[i], and the reward of the step. */
extern float VisitorAnswer(const Environment *environment, Visitor *visitor, const uint32_t *shown,
                           uint32_t count, bool *clicked);

/* May the item be shown to this visitor (rule no_repeat)? */
extern bool VisitorMaySee(const Environment *environment, const Visitor *visitor, uint32_t item);

#endif
