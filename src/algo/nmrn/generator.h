/*
 * generator.h: the sampler of negatives that learns which items the memory finds hard
 * (Wang et al. 2018): rows of its own for users and items, trained by policy gradient.
 */
#ifndef RECADV_ALGO_NMRN_GENERATOR_H
#define RECADV_ALGO_NMRN_GENERATOR_H

#include "algo/learn/row_numbers.h"
#include "algo/nmrn/memory_network.h"

typedef struct Generator Generator;

/* Appends the generator's parts. */
extern void GeneratorLayout(Model *model);

/* First values. */
extern void GeneratorStartUser(const Model *view, uint32_t row, uint64_t key);
extern void GeneratorStartItem(const Model *view, uint32_t row, uint64_t key);
extern void GeneratorStartWeights(Model *model);

/* Bytes that GeneratorCreate allocates. */
extern size_t GeneratorMemory(const NmrnOptions *options, uint32_t size);

extern Generator *GeneratorCreate(const Host *host, Model *model, uint32_t size);
extern void GeneratorRelease(Generator *generator);

/*
 * Chooses one of `count` candidates for the user; number: of the user in the micro-batch.  Rewarded
 * tells the generator how good the choice was.
 */
extern uint32_t GeneratorChoose(Generator *generator, uint32_t user, uint32_t number,
                                const uint32_t *candidates, uint32_t count, Random *random);
extern void GeneratorReward(Generator *generator, uint32_t chosen, float reward);

/* Learns from the micro-batch's rewards; users: rows by number. */
extern void GeneratorStep(Generator *generator, const RowNumbers *users);

#endif
