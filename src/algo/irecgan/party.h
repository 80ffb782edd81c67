/*
 * party.h: visitors of a block who are still there, side by side, and what they and those who watch
 * them think: one step of a session after another.
 */
#ifndef RECADV_ALGO_IRECGAN_PARTY_H
#define RECADV_ALGO_IRECGAN_PARTY_H

#include "algo/irecgan/learner.h"

typedef struct Guest {
    Random random;
    uint32_t number; /* the caller's */
    uint32_t steps;  /* answers so far */
    uint32_t last;   /* what was clicked last, or NOTHING: by the last answer */
    Answer answer;   /* the last one */
    double opinion;  /* of the discriminator: the sum over the answers */
    bool leaves;
} Guest;

/* Memory of a worker. */
typedef struct Party {
    const Learner *l;
    uint32_t slate;
    bool judged;
    uint32_t rows;
    Guest guest[SLICE_ROWS];
    float *user, *agent, *judge; /* rows x their states */
    float *some;                 /* states of the agent that take a step */
    float *x, *top, *wish, *query, *price, *scratch;
    float *logits;   /* rows x pitch of the items */
    double *below;   /* items */
    uint32_t *shown; /* rows x slate */
    float *odds;     /* SLATE_AT_ONCE */
    JudgeWork work;
} Party;

extern void PartyTake(Store *store, const Learner *learner, uint32_t slate, uint32_t longest,
                      Party *party);

/* Somebody new: nothing has been clicked. */
extern void PartyInvite(Party *party, uint32_t number, const Random *random);

/* The agent's slates, drawn by its policy without replacement. */
extern void PartyShow(Party *party);

/* Everybody answers the slate in guest[].answer, is judged where that is wanted, takes the answer
 * in, and perhaps leaves. */
extern void PartyAnswer(Party *party);

/* Those who leave, or have given so many answers, are gone; the others stay in their order. */
extern void PartyEnd(Party *party, uint32_t most);

/* How real the session of the guest looks so far. */
extern float PartyReal(const Guest *guest);

/* Floats of all states of one guest, to and from. */
extern size_t PartyState(const Party *party);
extern void PartySave(const Party *party, uint32_t row, float *state);
extern void PartyLoad(Party *party, const Guest *guest, const float *state);

#endif
