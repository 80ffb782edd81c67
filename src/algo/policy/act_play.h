/*
 * act_play.h: sessions of a world, played by a model or by anything else that acts.
 *
 * Session number i has its own luck, whoever acts and whatever is done: two players that are tried
 * in the same sessions are compared by what they do alone.
 */
#ifndef RECADV_ALGO_POLICY_ACT_PLAY_H
#define RECADV_ALGO_POLICY_ACT_PLAY_H

#include "algo/algorithm.h"
#include "algo/policy/act_environment.h"

/* Longest state of a player's. */
#define MOST_ACT_STATE 512

/* Who acts: as ActMethods.act, of which it gets the input, without `random`'s being NULL where
 * there is noise.  False: it cannot. */
typedef struct ActPlayer {
    bool (*act)(const void *arg, const ActInput *input, ActOutput *output);
    const void *arg;
    uint32_t state; /* floats, at most MOST_ACT_STATE */
    double explore;
} ActPlayer;

/* A player of a world's own, whose rule is known. */
typedef struct ActScript {
    const char *name;
    const char *summary;
    ActPlayer player;
} ActScript;

/* By its name; NULL: the world has no such player. */
extern const ActScript *ActScriptFind(const ActEnvironment *environment, const char *name);

/* The model must be one whose networks are of the world's shape. */
extern ActPlayer ActPlayerOfModel(const Model *model, double explore);

/* Weights by chance, all distributions alike likely; the shape stays. */
extern ActPlayer ActPlayerByChance(const ActShape *shape);

/* Is the model's shape the world's? */
extern bool ActFits(const Model *model, const ActEnvironment *environment);

/* A step as it was played. */
typedef struct ActStep {
    uint32_t step; /* from 0 on */
    uint32_t scenario;
    uint32_t kind; /* of visitor: see ActEnvironment */
    const float *observation;
    const float *before; /* the player's state, before and after the step; `before` is zero in the
                          * first one */
    const float *action;
    const float *after;
    double density; /* of the action; NaN: without noise */
    float reward;
    bool ended;
} ActStep;

typedef void (*ActSeen)(void *arg, const ActStep *step);

typedef struct ActEarned {
    double reward; /* of the session */
    uint32_t steps;
    bool failed; /* the player could not act; the session is cut off there */
} ActEarned;

/* Plays one; `seen` (NULL: nobody looks) gets each step.  Any thread; nothing is allocated. */
extern ActEarned ActPlaySession(const ActEnvironment *environment, const ActPlayer *player,
                                uint64_t seed, uint64_t session, ActSeen seen, void *arg);

#endif
