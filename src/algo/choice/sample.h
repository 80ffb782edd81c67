/* sample.h: the interactions of some of the users, for trials that need not see them all. */
#ifndef RECADV_ALGO_CHOICE_SAMPLE_H
#define RECADV_ALGO_CHOICE_SAMPLE_H

#include "core/interactions.h"

/* Held-out interactions that tell trials apart. */
#define WANTED_HELD 1000.0

/*
 * All interactions of a random choice of users that makes about `most` of them, with what is held
 * out of theirs; all items stay.  Where there are no more, the arrays of `data` itself.  Without
 * `events` those are left out.
 */
extern void SampleUsers(const Host *host, const Interactions *data, uint64_t most, uint64_t seed,
                        bool events, Interactions *sample);
extern void SampleRelease(const Host *host, const Interactions *data, Interactions *sample);

/* Bytes of a sample. */
extern size_t SampleMemory(const Interactions *shape, uint64_t most, bool events);

#endif
