/* losses.c: losses of one slate. */
#include "algo/actor_critic/losses.h"

#include "algo/net/loss.h"

static Real Dot(const Real *a, const Real *b, size_t pitch)
{
    Real lane[VECTOR_LANES] = {0}, sum = 0;

    for (size_t k = 0; k < pitch; k += VECTOR_LANES)
        for (size_t l = 0; l < VECTOR_LANES; l++)
            lane[l] += a[k + l] * b[k + l];
    for (size_t l = 0; l < VECTOR_LANES; l++)
        sum += lane[l];
    return sum;
}

void SlateMean(const Real *items, size_t factors, ShownSlate slate, Real *mean)
{
    size_t pitch = Pitch(factors);

    RealClear(mean, pitch);
    for (uint32_t i = 0; i < slate.count; i++)
        for (size_t k = 0; k < pitch; k++)
            mean[k] += items[slate.items[i] * pitch + k];
    for (size_t k = 0; k < pitch; k++)
        mean[k] /= (Real)slate.count;
}

Real SupervisionLoss(const Real *items, size_t factors, ShownSlate slate, const bool *label,
                     const Real *z, Real weight, Real *dz, Real *factor)
{
    size_t pitch = Pitch(factors);
    Real loss = 0, share = weight / (Real)slate.count;

    RealClear(dz, pitch);
    for (uint32_t i = 0; i < slate.count; i++) {
        const Real *row = items + slate.items[i] * pitch;
        Real odds = Dot(row, z, pitch), clicked = (Real)label[i];

        loss += BceForward(&odds, &clicked, 1, share, &factor[i]);
        for (size_t k = 0; k < pitch; k++)
            dz[k] += factor[i] * row[k];
    }
    return share * loss;
}

Real AlignmentLoss(const Real *items, size_t factors, ShownSlate slate, const Real *z, Real weight,
                   Real *delta)
{
    size_t pitch = Pitch(factors);
    Real loss = 0, share = weight / (Real)factors;

    SlateMean(items, factors, slate, delta);
    for (size_t k = 0; k < pitch; k++) {
        Real difference = z[k] - delta[k];

        loss += difference * difference;
        delta[k] = 2 * share * difference;
    }
    return share * loss;
}

void SoftmaxTileSums(const Real *logits, size_t count, Real *greatest, Real *sum)
{
    Real most = logits[0], total = 0;

    for (size_t i = 1; i < count; i++)
        most = logits[i] > most ? logits[i] : most;
    for (size_t i = 0; i < count; i++)
        total += exp(logits[i] - most);
    *greatest = most;
    *sum = total;
}

void SoftmaxTileGradient(Real *logits, size_t first, size_t count, ShownSlate slate, Real log_sum,
                         Real weight)
{
    Real all = weight * (Real)slate.count;

    for (size_t i = 0; i < count; i++)
        logits[i] = all * exp(logits[i] - log_sum);
    for (uint32_t i = 0; i < slate.count; i++)
        if (slate.items[i] >= first && slate.items[i] - first < count)
            logits[slate.items[i] - first] -= weight;
}
