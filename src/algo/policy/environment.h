/*
 * environment.h: visitors who answer slates: a simulator of answers, and the rules of a session.
 *
 * A visitor starts from a record of the log (what somebody had clicked), answers each slate by
 * chance, and leaves when patience runs out (Liu et al. 2023): it starts at 20 and falls by (1 - r)
 * k + 1 with every slate of k items and reward r, which is 1.1 for each item that is not clicked
 * and 1 for the slate; below 1 the visitor leaves.  So a session of depth T and return R satisfies
 * 19 < k (T - R) + T <= 19 + 1.1 k + 1, and no session has more slates than its patience.
 *
 * Visitors who choose (SimulatorMethods.answered) click one item of a slate at most, and leave by
 * chance as well; a slate costs 1 of their patience, an item without a click nothing; boredom takes
 * from the log odds of an item against none.
 *
 * All chance comes from (seed, session, step, item): the same sessions meet the same luck whatever
 * policy they are shown, and whatever thread plays them.  An answer depends neither on the item's
 * place nor on its neighbours.
 */
#ifndef RECADV_ALGO_POLICY_ENVIRONMENT_H
#define RECADV_ALGO_POLICY_ENVIRONMENT_H

#include "algo/algorithm.h"
#include "algo/policy/click_world.h"

/* Items that a visitor clicked last, which policies and simulators look at. */
#define VISITOR_HISTORY 50

/* Patience at the start, and what is left of it when a visitor leaves. */
#define VISITOR_PATIENCE 20.0
#define LEAST_PATIENCE   1.0

/* Of the options of the rules. */
#define MOST_PATIENCE         10000.0
#define MOST_VISITOR_CLUSTERS 1000

/* The rules as options of a struct that has a VisitorRules at `offset`. */
/* clang-format off */
#define VISITOR_OPTIONS(offset)                                                                    \
    {"no_repeat", OPTION_BOOL, (offset) + offsetof(VisitorRules, no_repeat), 0, 1, 0, NULL,        \
     "visitors are shown an item once a session", "recadv"},                                       \
    {"boredom", OPTION_REAL, (offset) + offsetof(VisitorRules, boredom), 0, 1000, 0, NULL,         \
     "visitors get bored: taken from the log odds of a click, times the share of the last ten "    \
     "clicks that are of the item's cluster", "recadv"},                                           \
    {"boredom_clusters", OPTION_INTEGER, (offset) + offsetof(VisitorRules, boredom_clusters), 2,   \
     MOST_VISITOR_CLUSTERS, 20, NULL, "clusters of items for boredom", "recadv"},                  \
    {"bait", OPTION_REAL, (offset) + offsetof(VisitorRules, bait), 0, 1000, 0, NULL,               \
     "patience that a click costs on an item that is bait: in every second cluster, beginning "    \
     "with the one that is clicked most readily", "recadv"},                                       \
    {"bait_clusters", OPTION_INTEGER, (offset) + offsetof(VisitorRules, bait_clusters), 2,         \
     MOST_VISITOR_CLUSTERS, 8, NULL, "clusters of items for bait", "recadv"},                      \
    {"patience", OPTION_REAL, (offset) + offsetof(VisitorRules, patience), LEAST_PATIENCE,         \
     MOST_PATIENCE, VISITOR_PATIENCE, NULL,                                                        \
     "of a visitor at the start: a slate costs 1 of it, an item without a click 1.1",              \
     "Liu et al. 2023, section 4.1.2"}
/* clang-format on */

typedef struct Environment Environment;

/*
 * A visitor between two slates; plain memory, of VisitorSize() bytes, that may be copied; 64-byte
 * aligned.  What patience is left is counted, not added up, so that no rounding gathers.
 */
typedef struct Visitor {
    uint64_t session; /* names the chance */
    uint64_t misses;  /* items shown and not clicked */
    uint64_t baited;  /* clicks on bait */
    double reward;    /* of all steps so far */
    uint32_t step;    /* slates answered */
    uint32_t clicks;  /* in `history`, oldest first; indexes of the simulator's items */
    uint32_t history[VISITOR_HISTORY];
    bool ended;
    float state[] __attribute__((aligned(64))); /* the simulator's own; then which items were
                                                   shown, where that matters */
} Visitor;

/* What the simulator's own options say. */
extern VisitorRules SimulatorRules(const Algorithm *simulator, const void *options);

/* Of a simulator that has all its parts in memory; `rules` are copied.  Main thread. */
extern Environment *EnvironmentOpen(const Host *host, const Model *simulator,
                                    const VisitorRules *rules, uint64_t seed);

/*
 * Visitors of a made-up world instead, whose rules are its own: its items are all there are, a
 * click is a reward of 1, and who has clicked so often is not followed any further.
 */
extern Environment *EnvironmentOfWorld(const Host *host, const ClickWorld *world,
                                       uint32_t most_clicks, uint64_t seed);

extern void EnvironmentClose(const Host *host, Environment *environment);
extern size_t EnvironmentMemory(const Model *simulator, const VisitorRules *rules);

extern size_t VisitorSize(const Environment *environment);

/* The same, of an environment that is not open yet. */
extern size_t VisitorSizeOf(const Model *simulator, const VisitorRules *rules);

extern uint32_t EnvironmentItems(const Environment *environment);

/* Slates of the longest possible session. */
extern uint32_t EnvironmentDepth(const Environment *environment);

/* Number i of an array of visitors. */
static inline Visitor *VisitorAt(const Environment *environment, void *visitors, size_t i)
{
    return (Visitor *)((char *)visitors + i * VisitorSize(environment));
}

/* Any thread, from here on. */
extern void VisitorStart(const Environment *environment, uint64_t session, Visitor *visitor);

extern double VisitorPatience(const Environment *environment, const Visitor *visitor);

/* out[i]: the probability that item shown[i] would be clicked now; NO_ITEM: one that the simulator
 * does not know. */
extern void VisitorProbabilities(const Environment *environment, const Visitor *visitor,
                                 const uint32_t *shown, uint32_t count, float *out);

/* A click, for who follows a session that has been played; NO_ITEM: none. */
extern void VisitorRemember(Visitor *visitor, uint32_t item);

/* The answer to a slate of at least one item, each once: clicked[i], and the reward of the step. */
extern float VisitorAnswer(const Environment *environment, Visitor *visitor, const uint32_t *shown,
                           uint32_t count, bool *clicked);

/* Of a made-up world. */
static inline uint32_t VisitorWorldState(const Visitor *visitor)
{
    return (uint32_t)visitor->state[0];
}

/* May the item be shown to this visitor (rule no_repeat)? */
extern bool VisitorMaySee(const Environment *environment, const Visitor *visitor, uint32_t item);

/* For tests: the item's cluster by boredom, and whether it is bait. */
extern uint32_t EnvironmentCluster(const Environment *environment, uint32_t item);
extern bool EnvironmentIsBait(const Environment *environment, uint32_t item);

#endif
