/*
 * agent.h: what recommends, A (Bai et al. 2019, section 3.2): a softmax over all items.
 *
 *     s_t = LSTM(s_t-1, e of what was clicked), s_0 = 0
 *     pi(i) = softmax over all items of w_i s + b_i
 *
 * A row of the items is w_i and then b_i; a query is s and then 1.
 */
#ifndef RECADV_ALGO_IRECGAN_AGENT_H
#define RECADV_ALGO_IRECGAN_AGENT_H

#include "algo/irecgan/slice.h"

typedef struct AgentNet {
    Pack pack;
    Recurrent lstm;
    uint32_t factors, hidden;
} AgentNet;

extern void AgentNetSet(uint32_t factors, uint32_t hidden, uint32_t layers, AgentNet *net);
extern void AgentNetStart(const AgentNet *net, Random *random, Real *parameters);

/* Reals of a query, and from one to the next. */
static inline size_t QueryReals(const AgentNet *net)
{
    return Pitch((size_t)net->hidden + 1);
}

typedef struct AgentWork {
    Real *x, *dx; /* inputs x factors */
    Real *tape;
    Real *dstate; /* states x hidden */
} AgentWork;

/* As UserWorkSet. */
extern size_t AgentWorkSet(const AgentNet *net, size_t answers, Real *memory, AgentWork *work);

/* query: clicks x QueryReals; clicked: all x factors */
extern void AgentQueries(const AgentNet *net, const Real *parameters, const Real *clicked,
                         const Slice *slice, AgentWork *work, Real *query);

/* A query of a state of so many. */
extern void AgentQuery(const AgentNet *net, const Real *state, Real *query);

/*
 * -weight ln of what the softmax of `columns` logits gives the target; logits become the gradient,
 * times `scale`; columns of no candidate are -inf.
 */
extern Real PolicyLoss(size_t columns, size_t target, Real weight, Real scale, Real *logits);

/* dquery: clicks x QueryReals; gradient: of the pack, added to; work->dx has the inputs'. */
extern void AgentBack(const AgentNet *net, const Real *parameters, const Slice *slice,
                      const Real *dquery, AgentWork *work, Real *gradient);

#endif
