/*
 * popularity.c: ItemPop, the sum of the weights of each item's interactions; the floor that every
 * model must beat.
 */
#include "algo/algorithm.h"

static const OptionSpec no_options[] = {{NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL}};

static void Layout(Model *model)
{
    (void)model; /* the popularity part is all it needs */
}

static size_t Memory(const Model *model, const Interactions *shape, int threads)
{
    (void)model, (void)shape, (void)threads;
    return 0;
}

static void Train(const Host *host, const Interactions *data, Model *model, TrainReport *report)
{
    (void)host, (void)data, (void)model;
    report->best = -1;
    report->stop_reason = "counted";
}

static uint32_t QueryWidth(const Model *model)
{
    (void)model;
    return 0;
}

static void Query(const Model *view, const QueryInput *input, float *query)
{
    (void)view, (void)input, (void)query;
}

const Algorithm popularity_algorithm = {
    .name = "popularity",
    .summary = "number of users per item; not personalised",
    .options = no_options,
    .options_size = sizeof(TrainOptions),
    .metrics = RANKING_METRICS,
    .candidate = true,
    .used = COLUMN_WEIGHT,
    .counts_held = true,
    .layout = Layout,
    .memory = Memory,
    .train = Train,
    .query_width = QueryWidth,
    .query = Query,
    .items = POPULARITY_PART,
};
