/*
 * scan.c: finds the best items for up to eight queries: a pass over four-bit codes leaves few
 * items, whose floats decide.
 *
 * Scores that are no inner products are computed for all items.  For recadv_topk() and
 * recadv_topk_all().
 */
#include "algo/rank/scan.h"

#include <math.h>
#include <string.h>

#include "algo/rank/penalty.h"
#include "core/sorted.h"
#include "core/vector.h"

/* Blocks of a step. */
#define STEP_BLOCKS 64

static const Part *MetPart(const Model *model)
{
    return &model->part[model->algorithm->items];
}

static size_t CodesPart(const Model *model)
{
    return HasProducts(model) ? CodesSize(model->items, MetPart(model)->stride) : 0;
}

size_t ScanSize(const Model *model)
{
    size_t floats = model->algorithm->scalars + 1;

    return SizeAdd(CodesPart(model), SizeMultiply(model->items, floats * sizeof(float)));
}

void ScanPlace(Scan *scan, const Model *model, void *memory)
{
    *scan = (Scan){.model = model};
    if (HasProducts(model))
        CodesPlace(&scan->codes, model->items, MetPart(model)->stride, memory);
    scan->scalars = (float *)((char *)memory + CodesPart(model));
    scan->logs = scan->scalars + (size_t)model->algorithm->scalars * model->items;
}

/* Scalars, and logarithms of the popularity, in the order of the codes. */
static void PlaceScalars(const Host *host, Scan *scan)
{
    const Model *model = scan->model;
    uint32_t scalars = model->algorithm->scalars;
    float one[MAX_SCALARS];

    for (uint32_t i = 0; i < model->items; i++) {
        uint32_t row = scan->codes.rows > 0 ? scan->codes.order[i] : i;
        Model view;

        if (i % 4096 == 0)
            HostPoll(host);
        scan->logs[i] = LogCount(*PartRow(&model->part[POPULARITY_PART], row));
        if (scalars == 0)
            continue;
        ModelViewItems(model, row, 1, &view);
        model->algorithm->item_scalars(&view, one);
        for (uint32_t s = 0; s < scalars; s++)
            scan->scalars[(size_t)s * model->items + i] = one[s];
    }
}

void ScanBuild(const Host *host, Scan *scan)
{
    if (scan->codes.rows > 0)
        CodesBuild(host, &scan->codes, MetPart(scan->model)->data);
    PlaceScalars(host, scan);
}

size_t ScanTaskSize(const Model *model)
{
    size_t codes = HasProducts(model) ? model->algorithm->query_width(model) : 0;

    return SizeAdd(codes, 64) / 64 * 64;
}

void ScanStart(ScanRun *run, const Scan *scan, uint32_t first, ScanTask *tasks, uint32_t count,
               void *memory)
{
    *run = (ScanRun){.scan = scan, .first = first, .count = count};
    for (uint32_t t = 0; t < count; t++) {
        run->tasks[t] = &tasks[t];
        tasks[t].over = tasks[t].top->limit == 0;
        if (tasks[t].query == NULL || !HasProducts(scan->model))
            continue;
        tasks[t].coded.values = (int8_t *)memory + t * ScanTaskSize(scan->model);
        CodesQueryBuild(&tasks[t].coded, tasks[t].query, scan->codes.stride);
    }
}

bool ScanWants(const ScanTask *task, uint32_t item)
{
    if (task->among != NULL && (task->among[item / 64] >> item % 64 & 1) == 0)
        return false;
    return !ContainsSorted(task->without, task->without_count, item);
}

/* Scores of the positions that passed, in full. */
static void Settle(ScanRun *run, ScanTask *task, uint32_t start, uint32_t *positions,
                   uint32_t found)
{
    const Scan *scan = run->scan;
    const Model *model = scan->model;
    const Part *part = MetPart(model);
    uint32_t items[CODES_BLOCK], kept = 0;
    float scores[CODES_BLOCK];

    for (uint32_t i = 0; i < found; i++) {
        uint32_t item = scan->codes.order[start + positions[i]];

        if (!ScanWants(task, run->first + item))
            continue;
        positions[kept] = positions[i];
        items[kept++] = item;
        __builtin_prefetch(part->data + (size_t)item * part->stride);
    }
    DotRowsAt(task->query, part->data, items, kept, part->stride, scores);
    for (uint32_t i = 0; i < kept; i++) {
        if (model->algorithm->finish != NULL)
            model->algorithm->finish(model, task->query, scan->scalars + start + positions[i],
                                     model->items, 1, &scores[i]);
        if (task->weight > 0)
            Penalise(task->weight, scan->logs + start + positions[i], 1, &scores[i]);
        TopKAdd(task->top, scores[i], run->first + items[i]);
    }
}

/* Positions whose greatest possible score reaches the threshold; NaN passes. */
static uint32_t PassBounds(const ScanRun *run, const ScanTask *task, uint32_t block,
                           const int32_t *products, uint32_t *positions)
{
    const Scan *scan = run->scan;
    const CodesBlock *of = &scan->codes.blocks[block];
    double slack = CodesSlack(&scan->codes, of, &task->coded);
    double scale = of->scale * task->coded.scale;
    float threshold = TopKThreshold(task->top), most[CODES_BLOCK];
    uint32_t count = CodesBlockRows(&scan->codes, block), first = block * CODES_BLOCK, found = 0;

    for (uint32_t i = 0; i < count; i++) {
        double above = scale * ((double)products[i] - task->coded.offset) + slack;

        most[i] = nextafterf((float)above, INFINITY);
    }
    if (scan->model->algorithm->finish != NULL)
        scan->model->algorithm->finish(scan->model, task->query, scan->scalars + first,
                                       scan->model->items, count, most);
    if (task->weight > 0)
        Penalise(task->weight, scan->logs + first, count, most);
    for (uint32_t i = 0; i < count; i++)
        if (!(most[i] < threshold))
            positions[found++] = i;
    return found;
}

static void PassBlock(ScanRun *run, ScanTask *task, uint32_t block, const int32_t *products)
{
    const Codes *codes = &run->scan->codes;
    const CodesBlock *of = &codes->blocks[block];
    uint32_t positions[CODES_BLOCK + 1], found;
    float threshold = TopKThreshold(task->top);

    if (run->scan->model->algorithm->finish != NULL || task->weight > 0) {
        found = PassBounds(run, task, block, products, positions);
    } else {
        int32_t limit = CodesLimit(codes, of, &task->coded, threshold);

        found = CodesAbove(products, CodesBlockRows(codes, block), limit, positions);
    }
    if (found > 0)
        Settle(run, task, block * CODES_BLOCK, positions, found);
}

/*
 * Ends tasks that nothing from this block on can change; returns how many go on.  Popularity only
 * takes from scores, so what bounds them bounds what is left.
 */
static uint32_t EndTasks(ScanRun *run, uint32_t block)
{
    const Codes *codes = &run->scan->codes;
    bool ordered = run->scan->model->algorithm->finish == NULL;
    uint32_t left = 0;

    for (uint32_t t = 0; t < run->count; t++) {
        ScanTask *task = run->tasks[t];

        task->over |= ordered && CodesEnd(codes, &codes->blocks[block], &task->coded,
                                          TopKThreshold(task->top));
        if (!task->over)
            run->tasks[left++] = task;
    }
    return left;
}

static bool StepCodes(ScanRun *run)
{
    const Codes *codes = &run->scan->codes;
    uint32_t blocks = CodesBlocks(codes), last = run->block + STEP_BLOCKS;
    int32_t products[CODES_QUERIES][CODES_BLOCK];

    for (last = last < blocks ? last : blocks; run->block < last; run->block++) {
        const int8_t *values[CODES_QUERIES];

        run->count = EndTasks(run, run->block);
        if (run->count == 0)
            return false;
        for (uint32_t t = 0; t < run->count; t++)
            values[t] = run->tasks[t]->coded.values;
        CodesProducts(codes, run->block, values, run->count, products);
        for (uint32_t t = 0; t < run->count; t++)
            PassBlock(run, run->tasks[t], run->block, products[t]);
    }
    return run->block < blocks;
}

/* Scores of the items of a view; without a query their popularity. */
static void ScoreView(const Model *view, const float *query, float *scores)
{
    const Part *popularity = &view->part[POPULARITY_PART];

    if (query != NULL)
        ModelScore(view, query, 1, scores);
    for (uint32_t i = 0; i < view->items && query == NULL; i++)
        scores[i] = *PartRow(popularity, i);
}

static void OfferBlock(const ScanRun *run, ScanTask *task, uint32_t first, uint32_t count)
{
    float scores[CODES_BLOCK] __attribute__((aligned(64)));
    Model view;

    ModelViewItems(run->scan->model, first, count, &view);
    ScoreView(&view, task->query, scores);
    PenaliseView(task->weight, &view, scores);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t item = run->first + first + i;

        if (scores[i] >= TopKThreshold(task->top) && ScanWants(task, item))
            TopKAdd(task->top, scores[i], item);
    }
}

/* Each item is scored: where nothing bounds scores, and where a score is as cheap as a bound. */
static bool StepPlain(ScanRun *run)
{
    uint32_t items = run->scan->model->items, step = 0;
    uint64_t first = (uint64_t)run->block * CODES_BLOCK;

    for (; step < STEP_BLOCKS && first < items; step++, first += CODES_BLOCK) {
        uint64_t left = items - first;
        uint32_t count = left < CODES_BLOCK ? (uint32_t)left : CODES_BLOCK;

        for (uint32_t t = 0; t < run->count; t++)
            if (!run->tasks[t]->over)
                OfferBlock(run, run->tasks[t], (uint32_t)first, count);
    }
    run->block += step;
    return first < items;
}

bool ScanStep(ScanRun *run)
{
    if (run->count == 0 || run->scan->model->items == 0)
        return false;
    return run->scan->codes.rows == 0 || run->tasks[0]->query == NULL ? StepPlain(run)
                                                                      : StepCodes(run);
}
