/*
 * memory_network.h: recommendation from a key-value memory that is written event by event (Wang et
 * al. 2018).
 *
 * A user's row asks the memory's keys, the values answer with a point, and items near that point
 * are recommended.  The base of nmrn and nmrn_gan.
 */
#ifndef RECADV_ALGO_NMRN_MEMORY_NETWORK_H
#define RECADV_ALGO_NMRN_MEMORY_NETWORK_H

#include "algo/algorithm.h"
#include "algo/nmrn/memory.h"
#include "core/random.h"

typedef enum MemoryOwner { MEMORY_USER, MEMORY_SHARED } MemoryOwner;
typedef enum AddStart { ADD_IDENTITY, ADD_XAVIER } AddStart;
typedef enum CandidateKind { CANDIDATES_ALL, CANDIDATES_IMPOSTORS } CandidateKind;
typedef enum LossForm { LOSS_HINGE, LOSS_SOFTMAX } LossForm;
typedef enum TrainOrder { ORDER_USER, ORDER_TIME } TrainOrder;

typedef struct NmrnOptions {
    TrainOptions train;
    int memory; /* MemoryOwner */
    int64_t slots;
    int64_t factors;
    int addressing; /* Addressing */
    double address_beta;
    int64_t hops;
    double query_weight;
    int write; /* WriteForm */
    double erase_bias;
    int add_start; /* AddStart */
    bool learn_start;
    bool item_bias;
    double margin;
    bool rank_weight;
    int64_t max_draws;
    int order; /* TrainOrder */
    int64_t epochs;
    int64_t batch_size;
    int optimizer; /* index into nmrn_optimizers */
    double learning_rate;
    double accumulator;
    double regularization;
    double max_norm;
    double clip;
    double user_scale;
    double item_scale;
    double memory_scale;
    double key_scale;
    bool freeze_keys;
    int64_t candidates; /* of the generator; 0: there is none */
    int candidate_kind; /* CandidateKind */
    int64_t generator_factors;
    bool generator_layers;
    double temperature;
    double generator_rate;
    bool normalize_reward;
    int64_t pre_epochs;
    int64_t recent;
    int loss; /* LossForm; of nmrn alone, as are the next ones */
    int64_t negatives;
    double softmax_temperature;
} NmrnOptions;

#define NMRN_FIELD(name) offsetof(NmrnOptions, name)

enum {
    NMRN_USER_PART = 1,
    NMRN_ITEM_PART,
    NMRN_BIAS_PART,   /* one per item */
    NMRN_MEMORY_PART, /* slots x stride, of each user or of all */
    NMRN_WEIGHT_PART, /* keys, start of the memory, gates, heads: see WeightRow */
    NMRN_SLOT_PART,   /* per slot: see SlotColumn */
    NMRN_USER_STATE,  /* accumulators */
    NMRN_ITEM_STATE,
    NMRN_BIAS_STATE,
    NMRN_WEIGHT_STATE,
    NMRN_ATTENTION_PART, /* weights of each user's last event; only with addressing "ntm" */
};

/* What the score of an item takes beside the inner product. */
enum { NMRN_SQUARE, NMRN_BIAS, NMRN_SCALARS };

/* Running means over events; the last is how many events they are of, at most SLOT_EVENTS. */
typedef enum SlotColumn {
    SLOT_USAGE,
    SLOT_ENTROPY,
    SLOT_ERASE,
    SLOT_COUNT,
    SLOT_COLUMNS
} SlotColumn;

#define SLOT_EVENTS 10000

/* First row of each group in the weight part. */
typedef struct WeightRows {
    size_t key, start, gate, head, recent, count;
} WeightRows;

extern WeightRows NmrnWeightRows(const NmrnOptions *options);
extern MemoryShape NmrnShape(const NmrnOptions *options);

/* The shared parameters, to read with; scratch comes from the caller. */
extern Net NmrnNet(const Model *model, float *scratch);

/* The memory that a user reads and writes. */
extern float *NmrnBank(const Model *model, uint32_t user);

/* The user's weights of the last event, NULL where nobody asks. */
extern float *NmrnAttention(const Model *model, uint32_t user);

/* What a temperature may be, and what it is where nothing can be measured. */
#define LEAST_TEMPERATURE    0.01f
#define GREATEST_TEMPERATURE 100.0f
#define PLAIN_TEMPERATURE    0.3f

/* The part that keeps the temperature, with the softmax loss; and what it keeps. */
extern int NmrnTemperaturePart(const NmrnOptions *options);
extern float NmrnTemperature(const Model *model);

/* Brings a user's memory (or that of all) back to its start. */
extern void NmrnResetBank(const Model *model, uint32_t user);
extern void NmrnResetAttention(const Model *model, uint32_t user);

/* The members of struct Algorithm and struct StreamMethods. */
extern void NmrnLayout(Model *model);
extern size_t NmrnTrainMemory(const Model *model, const Interactions *shape, int threads);
/* Epochs of all stages, at most; `held`: something is held out. */
extern int NmrnEpochs(const Model *model, bool held);
extern double NmrnWork(const Model *model, const Interactions *shape);
extern void NmrnTrain(const Host *host, const Interactions *data, Model *model,
                      TrainReport *report);
extern uint32_t NmrnQueryWidth(const Model *model);
extern void NmrnQuery(const Model *view, const QueryInput *input, float *query);
extern void NmrnItemScalars(const Model *view, float *out);
extern void NmrnFinish(const Model *model, const float *query, const float *scalars, size_t pitch,
                       uint32_t count, float *products);

extern void NmrnSimilarity(const Model *one, const Model *view, Axis axis, float *out);
extern void NmrnFoldIn(const Host *host, const Model *history, const Model *sample, float *query);
extern void NmrnExplain(const Host *host, const Model *history, const float *query,
                        const Model *one, float *out);

extern void NmrnStartUser(const Model *view, uint32_t row, uint64_t key);
extern void NmrnStartItem(const Model *view, uint32_t row, uint64_t key);
extern void NmrnWrite(const Model *view, const Event *event);
extern size_t NmrnLearnMemory(const Model *model);
extern Learner *NmrnOpen(const Host *host, Model *model, const History *history, uint64_t events);
extern void NmrnLearn(Learner *learner, const Event *event);
extern void NmrnClose(Learner *learner);
extern uint32_t NmrnSlots(const Model *model);
extern Slot NmrnSlot(const Model *model, uint32_t slot);

/* First values of the shared parameters. */
extern void NmrnStartWeights(Model *model);

#endif
