/* agent.c: states of the agent, and the gradient of its policy. */
#include "algo/irecgan/agent.h"

#ifndef RECADV_DOUBLE
#include "core/exponential.h"
#endif

void AgentNetSet(uint32_t factors, uint32_t hidden, uint32_t layers, AgentNet *net)
{
    *net = (AgentNet){.factors = factors, .hidden = hidden};
    net->lstm = RecurrentAdd(&net->pack, layers, factors, hidden);
}

void AgentNetStart(const AgentNet *net, Random *random, Real *parameters)
{
    RecurrentStart(&net->lstm, &net->pack, random, parameters);
}

size_t AgentWorkSet(const AgentNet *net, size_t answers, Real *memory, AgentWork *work)
{
    size_t x = answers * Pitch(net->factors);
    size_t tape = Pitch(RecurrentTape(&net->lstm, SLICE_ROWS, answers));

    if (memory != NULL)
        *work = (AgentWork){memory, memory + x, memory + 2 * x, memory + 2 * x + tape};
    return 2 * x + tape + (answers + SLICE_ROWS) * Pitch(net->hidden);
}

void AgentQuery(const AgentNet *net, const Real *state, Real *query)
{
    RealClear(query, QueryReals(net));
    RealCopy(state, net->hidden, query);
    query[net->hidden] = 1;
}

void AgentQueries(const AgentNet *net, const Real *parameters, const Real *clicked,
                  const Slice *slice, AgentWork *work, Real *query)
{
    uint32_t inputs = UnrollInputs(&slice->unroll);
    size_t pitch = Pitch(net->factors);
    const Real *states;

    for (uint32_t i = 0; i < inputs; i++)
        RealCopy(clicked + slice->input[i] * pitch, pitch, work->x + i * pitch);
    states =
        RecurrentForward(&net->lstm, &net->pack, parameters, &slice->unroll, work->x, work->tape);
    for (uint32_t i = 0; i < slice->count; i++)
        AgentQuery(net, states + slice->before[i] * Pitch(net->hidden),
                   query + i * QueryReals(net));
}

/* values become exponentials below the greatest, whose logarithm it returns. */
static Real Exponentials(size_t columns, Real *values)
{
#ifdef RECADV_DOUBLE
    Real greatest = values[0];

    for (size_t j = 1; j < columns; j++)
        greatest = values[j] > greatest ? values[j] : greatest;
    for (size_t j = 0; j < columns; j++)
        values[j] = exp(values[j] - greatest);
    return greatest;
#else
    for (size_t j = columns; j < Pitch(columns); j++)
        values[j] = -INFINITY;
    return ExponentialsBelow(values, (uint32_t)Pitch(columns), 1);
#endif
}

static Real Sum(size_t columns, const Real *values)
{
    Real lane[VECTOR_LANES] = {0}, sum = 0;

    for (size_t j = 0; j < columns; j++)
        lane[j % VECTOR_LANES] += values[j];
    for (size_t l = 0; l < VECTOR_LANES; l++)
        sum += lane[l];
    return sum;
}

Real PolicyLoss(size_t columns, size_t target, Real weight, Real scale, Real *logits)
{
    Real own = logits[target], greatest = Exponentials(columns, logits);
    Real sum = Sum(columns, logits), factor = scale * weight / sum;

    for (size_t j = 0; j < columns; j++)
        logits[j] *= factor;
    for (size_t j = columns; j < Pitch(columns); j++)
        logits[j] = 0;
    logits[target] -= scale * weight;
    return weight * (log(sum) + greatest - own);
}

void AgentBack(const AgentNet *net, const Real *parameters, const Slice *slice, const Real *dquery,
               AgentWork *work, Real *gradient)
{
    size_t pitch = Pitch(net->hidden), query = QueryReals(net);
    size_t states = slice->unroll.first[slice->unroll.steps];

    RealClear(work->dstate, states * pitch);
    for (uint32_t i = 0; i < slice->count; i++)
        RealCopy(dquery + i * query, net->hidden, work->dstate + slice->before[i] * pitch);
    RecurrentBackward(&net->lstm, &net->pack, parameters, &slice->unroll, work->x, work->tape,
                      work->dstate, gradient, work->dx);
}
