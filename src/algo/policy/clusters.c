/* clusters.c: centres that start at rows far from one another, then move to the middle of the rows
 * that are nearest to them. */
#include "algo/policy/clusters.h"

#include <float.h>
#include <string.h>

#include "core/random.h"
#include "core/shares.h"

#define ROUNDS     20
#define POLL_EVERY 64 /* rows: with 1000 clusters of 512 columns some 30 million products */

typedef struct Clustering {
    const Host *host;
    const Part *part;
    uint32_t clusters;
    uint32_t *cluster;
    double *centre; /* clusters x columns */
    double *sum;    /* the same */
    uint64_t *rows; /* of each cluster */
    double *far;    /* of each row: squared distance from the nearest centre so far */
} Clustering;

size_t ClusterMemory(const Part *part, uint32_t clusters)
{
    size_t centres = SizeMultiply(SizeMultiply(clusters, part->columns), 2 * sizeof(double));

    return SizeAdd(SizeAdd(centres, SizeMultiply(clusters, sizeof(uint64_t))),
                   SizeMultiply(part->rows, sizeof(double)));
}

static double SquareDistance(const Clustering *c, uint32_t row, uint32_t cluster)
{
    const float *values = PartRow(c->part, row);
    const double *centre = c->centre + (size_t)cluster * c->part->columns;
    double sum = 0;

    for (uint32_t k = 0; k < c->part->columns; k++)
        sum += (values[k] - centre[k]) * (values[k] - centre[k]);
    return sum;
}

static void PlaceCentre(const Clustering *c, uint32_t cluster, uint32_t row)
{
    double *centre = c->centre + (size_t)cluster * c->part->columns;

    for (uint32_t k = 0; k < c->part->columns; k++)
        centre[k] = PartRow(c->part, row)[k];
}

/* Returns the sum of the distances from the nearest centre, this one included. */
static double Approach(const Clustering *c, uint32_t cluster)
{
    double total = 0;

    for (uint32_t r = 0; r < c->part->rows; r++) {
        double distance = SquareDistance(c, r, cluster);

        c->far[r] = cluster == 0 || distance < c->far[r] ? distance : c->far[r];
        total += c->far[r];
        if (r % POLL_EVERY == 0)
            HostPoll(c->host);
    }
    return total;
}

/* A row, with a probability that grows by the square of its distance. */
static uint32_t DrawFar(const Clustering *c, double total, Random *random)
{
    return ShareAt(c->far, c->part->rows, RandomUniform(random) * total);
}

static void StartCentres(const Clustering *c)
{
    Random random;

    RandomSeed(&random, 0, RANDOM_CLUSTER, 0, 0);
    PlaceCentre(c, 0, RandomBelow(&random, c->part->rows));
    for (uint32_t k = 1; k < c->clusters; k++)
        PlaceCentre(c, k, DrawFar(c, Approach(c, k - 1), &random));
}

/* The first of equals. */
static uint32_t Nearest(const Clustering *c, uint32_t row)
{
    double least = DBL_MAX;
    uint32_t nearest = 0;

    for (uint32_t k = 0; k < c->clusters; k++) {
        double distance = SquareDistance(c, row, k);

        if (distance < least) {
            least = distance;
            nearest = k;
        }
    }
    return nearest;
}

static void AddRow(const Clustering *c, uint32_t row, uint32_t cluster)
{
    double *sum = c->sum + (size_t)cluster * c->part->columns;

    for (uint32_t k = 0; k < c->part->columns; k++)
        sum[k] += PartRow(c->part, row)[k];
    c->rows[cluster]++;
}

/* Did any row change its cluster? */
static bool Assign(const Clustering *c)
{
    bool changed = false;

    for (uint32_t r = 0; r < c->part->rows; r++) {
        uint32_t nearest = Nearest(c, r);

        changed |= nearest != c->cluster[r];
        c->cluster[r] = nearest;
        AddRow(c, r, nearest);
        if (r % POLL_EVERY == 0)
            HostPoll(c->host);
    }
    return changed;
}

/* A centre without rows stays where it is. */
static void MoveCentres(const Clustering *c)
{
    for (uint32_t k = 0; k < c->clusters; k++)
        for (uint32_t j = 0; j < c->part->columns && c->rows[k] > 0; j++) {
            size_t at = (size_t)k * c->part->columns + j;

            c->centre[at] = c->sum[at] / (double)c->rows[k];
        }
}

void ClusterRows(const Host *host, const Part *part, uint32_t clusters, uint32_t *cluster)
{
    size_t numbers = SizeMultiply(clusters, part->columns);
    Clustering c = {host, part, clusters, cluster, NULL, NULL, NULL, NULL};
    bool changed = true;

    c.centre = HostAllocate(host, numbers, sizeof(double));
    c.sum = HostAllocate(host, numbers, sizeof(double));
    c.rows = HostAllocate(host, clusters, sizeof(uint64_t));
    c.far = HostAllocate(host, part->rows, sizeof(double));
    memset(cluster, 0, part->rows * sizeof(*cluster));
    StartCentres(&c);
    for (int round = 0; round < ROUNDS && changed; round++) {
        memset(c.sum, 0, numbers * sizeof(double));
        memset(c.rows, 0, clusters * sizeof(uint64_t));
        changed = Assign(&c);
        MoveCentres(&c);
    }
    HostRelease(host, c.centre);
    HostRelease(host, c.sum);
    HostRelease(host, c.rows);
    HostRelease(host, c.far);
}
