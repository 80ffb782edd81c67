/* toy_simulator.h: visitors whose answers can be written down: the log odds of an item are a number
 * of its own, and a mood that their clicks change. */
#ifndef RECADV_TOY_SIMULATOR_H
#define RECADV_TOY_SIMULATOR_H

#include "algo/policy/environment.h"
#include "testhost.h"

#define TOY_RECORDS 7

/* Parts: log odds by item, and two numbers by which items are alike. */
enum { TOY_ODDS_PART = POPULARITY_PART + 1, TOY_ALIKE_PART };

typedef struct Toy {
    TrainOptions options;
    Model model;
} Toy;

/* All log odds are 0, all items alike. */
extern void ToyCreate(TestHost *t, uint32_t items, Toy *toy);
extern void ToySetOdds(Toy *toy, uint32_t item, float odds);

/* What the mood is after these clicks. */
extern float ToyMood(const uint32_t *items, uint32_t count);

#endif
