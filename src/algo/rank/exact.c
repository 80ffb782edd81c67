/*
 * exact.c: bounds how far scores of many queries at a time can be from those of one query, and
 * scores again what lies within the bounds.
 */
#include "algo/rank/exact.h"

#include <float.h>
#include <math.h>

#include "core/blas.h"
#include "core/pool.h"
#include "core/vector.h"

/* Slices are scored again as a whole when more than this share of their items would be. */
#define SETTLE_SHARE 16

#define POLL_EVERY 4096

/* At least the norm of the row, also where squares underflow. */
static double Norm(const float *row, uint32_t width)
{
    float square;

    DotRows(row, row, 1, width, &square);
    return sqrt(square * (1 + width * (double)FLT_EPSILON) + width * (double)FLT_TRUE_MIN);
}

double GreatestNorm(const Host *host, const Model *model)
{
    const Part *part = &model->part[model->algorithm->items];
    uint32_t width = model->algorithm->query_width(model);
    double greatest = 0;

    if (!HasProducts(model) || !BlasLoad(PoolThreads(host)))
        return 0;
    for (uint32_t i = 0; i < model->items; i++) {
        greatest = fmax(greatest, Norm(part->data + (size_t)i * part->stride, width));
        if (i % POLL_EVERY == 0)
            HostPoll(host);
    }
    return greatest;
}

/*
 * A product of `width` terms, summed in any order, is off by at most width * FLT_EPSILON / 2 of the
 * norms' product (Higham 2002, section 3.1), and by half the least float for each term that
 * underflows; two such products by twice that.
 */
float ProductDoubt(const Model *model, const float *query, double norm)
{
    uint32_t width = model->algorithm->query_width(model);
    double most;

    if (norm == 0)
        return 0;
    most = width * (norm * Norm(query, width) * FLT_EPSILON * 1.01 + FLT_TRUE_MIN);
    return most < FLT_MAX ? (float)most : FLT_MAX;
}

/* Scores never fall as the product rises. */
static float Finish(const Model *one, const float *query, float product)
{
    float scalars[MAX_SCALARS];

    if (one->algorithm->finish == NULL)
        return product;
    if (one->algorithm->scalars > 0)
        one->algorithm->item_scalars(one, scalars);
    one->algorithm->finish(one, query, scalars, 1, 1, &product);
    return product;
}

Mark MarkItem(const Model *model, const float *query, uint32_t item, float doubt)
{
    Model one;
    Mark mark = {.item = item};
    float product;

    ModelViewItems(model, item, 1, &one);
    if (doubt == 0) {
        ModelScore(&one, query, 1, &mark.score);
        mark.doubt = (ScoreRange){mark.score, mark.score};
        return mark;
    }
    DotRows(query, one.part[one.algorithm->items].data, 1, one.algorithm->query_width(&one),
            &product);
    mark.score = Finish(&one, query, product);
    /* One step further: scores of other products may be rounded to the same. */
    mark.doubt.low = nextafterf(Finish(&one, query, product - doubt), -INFINITY);
    mark.doubt.high = nextafterf(Finish(&one, query, product + doubt), INFINITY);
    return mark;
}

static void ScoreSlice(Slice *slice)
{
    float scores[SLICE_ITEMS];
    Model view;

    ModelViewItems(slice->model, slice->first, slice->count, &view);
    ModelScore(&view, slice->query, 1, scores);
    for (uint32_t i = 0; i < slice->count; i++)
        if (!isnan(slice->scores[i]))
            slice->scores[i] = scores[i];
    slice->exact = true;
}

/* To be called before `more` items are scored alone: beyond some, the whole slice is, at once. */
static void Settle(Slice *slice, uint32_t more)
{
    slice->settled += more;
    if (slice->settled > slice->count / SETTLE_SHARE && !slice->exact)
        ScoreSlice(slice);
}

static float ScoreOne(Slice *slice, uint32_t i)
{
    Model one;

    ModelViewItems(slice->model, slice->first + i, 1, &one);
    ModelScore(&one, slice->query, 1, &slice->scores[i]);
    return slice->scores[i];
}

float SliceExact(Slice *slice, uint32_t i)
{
    Settle(slice, 1);
    return slice->exact ? slice->scores[i] : ScoreOne(slice, i);
}

/* Those in doubt that turn out to rank before the mark. */
static uint32_t CountClose(Slice *slice, const Mark *mark)
{
    uint32_t places[SLICE_ITEMS], count = 0;
    uint32_t found = ScoresBetween(slice->scores, slice->count, mark->doubt, places);

    for (uint32_t i = 0; i < found; i++)
        count += RanksBefore(slice->first + places[i], ScoreOne(slice, places[i]), mark);
    return count;
}

static ScoreCounts CountOne(const Slice *slice, ScoreRange range)
{
    ScoreCounts counts;

    ScoresCount(slice->scores, slice->count, &range, 1, &counts);
    return counts;
}

/* Ties with a lower item; scores are exact. */
static uint32_t CountTies(const Slice *slice, const Mark *mark)
{
    uint32_t lower = mark->item > slice->first ? mark->item - slice->first : 0, count = 0;

    for (uint32_t i = 0; i < lower && i < slice->count; i++)
        count += slice->scores[i] == mark->score;
    return count;
}

/* `counts` are of the scores as they are. */
static uint32_t CountBefore(Slice *slice, const Mark *mark, ScoreCounts counts)
{
    if (counts.at_least == counts.above)
        return counts.above;
    if (!slice->exact)
        Settle(slice, counts.at_least - counts.above);
    if (!slice->exact)
        return counts.above + CountClose(slice, mark);
    return CountOne(slice, (ScoreRange){mark->score, mark->score}).above + CountTies(slice, mark);
}

/* Marks that are counted for in one pass, which counts what is no NaN, too. */
#define GROUP 7

/* At most so many marks; returns how many scores are NaN. */
static uint32_t CountGroup(Slice *slice, const Mark *marks, uint32_t count, uint32_t *before)
{
    ScoreRange ranges[GROUP + 1];
    ScoreCounts counts[GROUP + 1];
    uint32_t settled = slice->settled;

    for (uint32_t m = 0; m < count; m++)
        ranges[m] = marks[m].doubt;
    ranges[count] = (ScoreRange){-INFINITY, INFINITY};
    ScoresCount(slice->scores, slice->count, ranges, count + 1, counts);
    for (uint32_t m = 0; m < count; m++) {
        if (slice->settled > settled)
            counts[m] = CountOne(slice, ranges[m]);
        before[m] += CountBefore(slice, &marks[m], counts[m]);
    }
    return slice->count - counts[count].at_least;
}

uint32_t SliceCount(Slice *slice, const Mark *marks, uint32_t mark_count, uint32_t *before)
{
    uint32_t undefined = 0;

    for (uint32_t m = 0; m == 0 || m < mark_count; m += GROUP)
        undefined = CountGroup(slice, marks + m, mark_count - m < GROUP ? mark_count - m : GROUP,
                               before + m);
    return undefined;
}
