/* networks.c: shapes, places and first values of the networks. */
#include "algo/ma_rdpg/networks.h"

static void Measure(const ActShape *acts, Networks *n)
{
    n->scenarios = acts->scenarios;
    n->observed = WidestObservation(acts);
    n->widest = WidestAction(acts);
    for (uint32_t s = 0; s < n->scenarios; s++) {
        n->seen[s] = acts->scenario[s].observation;
        n->width[s] = acts->scenario[s].action;
        n->first[s] = n->actions;
        n->actions += n->width[s];
    }
}

static void AddActors(Networks *n, uint32_t hidden)
{
    for (uint32_t s = 0; s < n->scenarios; s++) {
        uint32_t width[] = {n->observed + n->message, hidden, hidden, n->width[s]};

        n->actor[s] = MlpAdd(&n->actors, MA_LAYERS, width, false, 0);
    }
}

static void AddCritics(Networks *n, uint32_t hidden)
{
    uint32_t width[] = {n->observed + n->actions + n->message, hidden, hidden, 1};

    for (uint32_t c = 0; c < (n->alone ? n->scenarios : 1); c++)
        n->critic[c] = MlpAdd(&n->critics, MA_LAYERS, width, false, 0);
}

static void AddLstm(Networks *n)
{
    uint32_t gates = (uint32_t)LstmGates(n->message);

    n->input = PackAdd(&n->lstm, n->observed + n->actions, gates);
    n->recurrent = PackAdd(&n->lstm, n->message, gates);
    n->bias = PackAdd(&n->lstm, 1, gates);
}

void NetworksOf(const NetworkShape *shape, Networks *networks)
{
    Networks *n = networks;

    memset(n, 0, sizeof(*n));
    Measure(shape->acts, n);
    n->alone = shape->communication == COMMUNICATE_NOTHING;
    n->message = shape->communication == COMMUNICATE_MESSAGE ? shape->message : 0;
    AddActors(n, shape->hidden);
    AddCritics(n, shape->hidden);
    if (n->message > 0)
        AddLstm(n);
}

static Random StreamOf(uint64_t seed, uint64_t network, uint64_t number)
{
    Random random;

    RandomSeed(&random, seed, RANDOM_INIT_WEIGHT, network, number);
    return random;
}

void NetworksStart(const Networks *networks, uint64_t seed, const Weights *weights)
{
    const Networks *n = networks;
    Random random;

    for (uint32_t s = 0; s < n->scenarios; s++) {
        random = StreamOf(seed, 0, s);
        MlpStart(&n->actor[s], &n->actors, &random, weights->actors);
    }
    for (uint32_t c = 0; c < (n->alone ? n->scenarios : 1); c++) {
        random = StreamOf(seed, 1, c);
        MlpStart(&n->critic[c], &n->critics, &random, weights->critics);
    }
    if (n->message > 0) {
        LstmGradients lstm = LstmGradientsOf(n, weights->lstm);

        random = StreamOf(seed, 2, 0);
        LstmStart((size_t)n->observed + n->actions, n->message, &random, lstm.input, lstm.recurrent,
                  lstm.bias);
    }
}

LstmWeights LstmOf(const Networks *networks, const Real *lstm)
{
    const Pack *pack = &networks->lstm;

    return (LstmWeights){lstm + pack->matrix[networks->input].first,
                         lstm + pack->matrix[networks->recurrent].first,
                         lstm + pack->matrix[networks->bias].first};
}

LstmGradients LstmGradientsOf(const Networks *networks, Real *lstm)
{
    const Pack *pack = &networks->lstm;

    return (LstmGradients){lstm + pack->matrix[networks->input].first,
                           lstm + pack->matrix[networks->recurrent].first,
                           lstm + pack->matrix[networks->bias].first};
}

void NetworksSee(const Networks *networks, const float *norm, uint32_t scenario,
                 const float *observation, Real *o)
{
    const float *mean = norm + 2 * (size_t)scenario * Pitch(networks->observed);
    const float *inverse = mean + Pitch(networks->observed);
    uint32_t seen = networks->seen[scenario];

    for (uint32_t k = 0; k < seen; k++) {
        double x = ((double)observation[k] - (double)mean[k]) * (double)inverse[k];

        /* A norm that is not finite must not look like an observation that is far away. */
        x = !isfinite(x)           ? (double)NAN
            : x > MOST_DEVIATIONS  ? MOST_DEVIATIONS
            : x < -MOST_DEVIATIONS ? -MOST_DEVIATIONS
                                   : x;
        o[k] = (Real)x;
    }
    for (uint32_t k = seen; k < networks->observed; k++)
        o[k] = 0;
}
