/*
 * select.c: chooses the best rows for a query, or the rows most alike to one.
 *
 * All items in memory go through the exact scan of algo/rank/scan.h.  All else (a few candidates,
 * items that are not in memory, similarity) is scored row by row and offered to a heap.
 */
#include "pg/serve/select.h"

#include <math.h>

#include "algo/rank/penalty.h"
#include "pg/model/recent.h"

/* Candidates scored together: their rows stay in cache. */
#define CANDIDATES_AT_ONCE 1024

/* Beyond this many, reading all ids is cheaper than one block for each. */
#define MANY_IDS 64

/* Scores of the rows of a view. */
typedef struct Scorer {
    void (*score)(const struct Scorer *scorer, const Model *view, float *scores);
    Axis axis;
    const float *query;  /* NULL: popularity */
    const float *recent; /* then, or NULL: that of late, of each item, new ones included */
    float weight;        /* of popularity, against it */
    const Model *one;    /* of a comparison: the row that others are compared with */
} Scorer;

static void ScoreQuery(const Scorer *scorer, const Model *view, float *scores)
{
    const Part *popularity = &view->part[POPULARITY_PART];

    if (scorer->query != NULL)
        ModelScore(view, scorer->query, 1, scores);
    for (uint32 i = 0; i < view->items && scorer->query == NULL; i++)
        scores[i] = scorer->recent != NULL ? scorer->recent[ViewItem(view, i)]
                                           : popularity->data[(Size)i * popularity->stride];
    PenaliseView(scorer->weight, view, scores);
}

static void ScoreSimilarity(const Scorer *scorer, const Model *view, float *scores)
{
    view->algorithm->similarity(scorer->one, view, scorer->axis, scores);
}

/* Rows come in ascending order, so one walk along the excluded ones is enough. */
typedef struct Selection {
    TopK top;
    RowList without;
    uint32 at;
    const Scorer *scorer;
    float *scores;
} Selection;

static Selection SelectionOpen(const Filter *filter, uint32 k, uint32 available)
{
    Selection s = {.without = filter->without};

    s.top.limit = Min(k, available);
    s.top.entries = PallocArray(Scored, (Size)s.top.limit + 1);
    return s;
}

static void Offer(Selection *s, uint32 row, float score)
{
    while (s->at < s->without.count && s->without.rows[s->at] < row)
        s->at++;
    if (s->at < s->without.count && s->without.rows[s->at] == row)
        return;
    TopKAdd(&s->top, score, row);
}

static void OfferView(void *arg, uint32 first, const Model *view)
{
    Selection *s = arg;

    s->scorer->score(s->scorer, view, s->scores);
    for (uint32 i = 0; i < ViewRows(view, s->scorer->axis); i++)
        Offer(s, first + i, s->scores[i]);
}

static void OfferAll(Served *served, const Scorer *scorer, Selection *s)
{
    s->scorer = scorer;
    s->scores = AllocateFloats(1, RowsPerVisit(served, scorer->axis));
    RowsVisit(served, scorer->axis, OfferView, s);
}

/* A score that is no number never ranks: so many rows must be there, or the model gives such
 * scores. */
static void CheckCount(const Served *served, const TopK *top, uint32 rows)
{
    if (top->count < Min(top->limit, rows))
        CheckScore(served, NAN);
}

static TopK SelectCandidates(Served *served, const Scorer *scorer, const Filter *filter, uint32 k)
{
    RowList left = RowsMinus(filter->only, filter->without);
    Selection s = SelectionOpen(&(Filter){0}, k, left.count);
    float *scores = AllocateFloats(1, CANDIDATES_AT_ONCE);
    RowReader reader = RowReaderOpen(served, scorer->axis, Min(CANDIDATES_AT_ONCE, left.count));

    for (uint32 first = 0; first < left.count; first += CANDIDATES_AT_ONCE) {
        const uint32 *rows = left.rows + first;
        uint32 count = Min(CANDIDATES_AT_ONCE, left.count - first);

        scorer->score(scorer, RowReaderTake(&reader, rows, count), scores);
        for (uint32 i = 0; i < count; i++)
            Offer(&s, rows[i], scores[i]);
    }
    if (scorer->one == NULL)
        CheckCount(served, &s.top, left.count);
    TopKFinish(&s.top);
    return s.top;
}

static void ScanResident(const Served *served, ScanTask *task)
{
    ScanRun run;

    ScanStart(&run, &served->side->scan, 0, task, 1,
              AllocateAligned(CurrentMemoryContext, ScanTaskSize(&served->side->model)));
    while (ScanStep(&run))
        CHECK_FOR_INTERRUPTS();
}

bool GoesByRecent(const Served *served, const float *query)
{
    return query == NULL && served->header.half_life > 0;
}

/* Of RowsVisit. */
typedef struct Visit {
    const Scorer *scorer;
    ScanTask *task;
    float *scores;
} Visit;

static void OfferRecentView(void *arg, uint32 first, const Model *view)
{
    const Visit *visit = arg;

    ScoreQuery(visit->scorer, view, visit->scores);
    for (uint32 i = 0; i < view->items; i++)
        if (ScanWants(visit->task, first + i))
            TopKAdd(visit->task->top, visit->scores[i], first + i);
    CHECK_FOR_INTERRUPTS();
}

const float *RecentOf(Served *served)
{
    return RecentRead(served->store, &served->header, served->new_items.count).count;
}

void OfferRecent(Served *served, ScanTask *task, const float *recent)
{
    Scorer scorer = {.weight = task->weight, .recent = recent};
    Visit visit = {&scorer, task, AllocateFloats(1, RowsPerVisit(served, AXIS_ITEM))};

    RowsVisit(served, AXIS_ITEM, OfferRecentView, &visit);
}

void OfferNewItems(const Served *served, ScanTask *task)
{
    const Model *rows = &served->new_rows;
    float *scores;

    if (served->new_items.count == 0)
        return;
    scores = AllocateFloats(1, rows->items);
    ScoreQuery(&(Scorer){.query = task->query, .weight = task->weight}, rows, scores);
    for (uint32 i = 0; i < rows->items; i++)
        if (ScanWants(task, served->header.items + i))
            TopKAdd(task->top, scores[i], served->header.items + i);
}

TopK SelectItems(Served *served, const float *query, const Filter *filter, uint32 k, float weight)
{
    Scorer scorer = {.score = ScoreQuery, .axis = AXIS_ITEM, .query = query, .weight = weight};
    ScanTask task;
    Selection s;

    if (filter->only_given) {
        if (GoesByRecent(served, query))
            scorer.recent = RecentReadOf(served->store, &served->header, served->new_items.count,
                                         filter->only.rows, filter->only.count);
        return SelectCandidates(served, &scorer, filter, k);
    }
    s = SelectionOpen(filter, k, ServedItems(served));
    task = (ScanTask){.query = query,
                      .without = filter->without.rows,
                      .without_count = filter->without.count,
                      .weight = weight,
                      .top = &s.top};
    if (GoesByRecent(served, query))
        OfferRecent(served, &task, RecentOf(served));
    else if (served->resident)
        ScanResident(served, &task);
    else
        OfferAll(served, &scorer, &s);
    OfferNewItems(served, &task);
    CheckCount(served, &s.top, ServedItems(served) - filter->without.count);
    TopKFinish(&s.top);
    return s.top;
}

/* Items that came since the training, whose rows are not stored. */
static void OfferNewSimilar(const Served *served, const Scorer *scorer, Selection *s)
{
    if (scorer->axis != AXIS_ITEM || served->new_items.count == 0)
        return;
    s->scores = AllocateFloats(1, served->new_rows.items);
    OfferView(s, served->header.items, &served->new_rows);
}

TopK SelectSimilar(Served *served, Axis axis, uint32 row, const Filter *filter, uint32 k)
{
    Model one = RowsGather(served, axis, &row, 1);
    Scorer scorer = {.score = ScoreSimilarity, .axis = axis, .one = &one};
    Filter others = *filter;
    Selection s;

    others.without = RowsUnion(filter->without, (RowList){&row, 1});
    if (others.only_given)
        return SelectCandidates(served, &scorer, &others, k);
    s = SelectionOpen(&others, k,
                      axis == AXIS_ITEM ? ServedItems(served) : AxisCount(served, axis));
    OfferAll(served, &scorer, &s);
    OfferNewSimilar(served, &scorer, &s);
    TopKFinish(&s.top);
    return s.top;
}

TopK SelectNearest(Served *served, Axis axis, const float *vector, uint32 k)
{
    Model one = served->model;
    Part *part = &one.part[served->header.algorithm->embedding[axis]];
    Scorer scorer = {.score = ScoreSimilarity, .axis = axis, .one = &one};
    Selection s = SelectionOpen(&(Filter){0}, k, AxisCount(served, axis));

    part->rows = 1;
    part->data = (float *)vector;
    OfferAll(served, &scorer, &s);
    TopKFinish(&s.top);
    return s.top;
}

TopK SelectScored(const RowList *rows, const float *scores, const Filter *filter, uint32 k)
{
    Selection s = SelectionOpen(filter, k, rows->count);
    uint32 at = 0;

    for (uint32 i = 0; i < rows->count; i++) {
        while (at < filter->only.count && filter->only.rows[at] < rows->rows[i])
            at++;
        if (!filter->only_given ||
            (at < filter->only.count && filter->only.rows[at] == rows->rows[i]))
            Offer(&s, rows->rows[i], scores[i]);
    }
    TopKFinish(&s.top);
    return s.top;
}

static IdReader ReaderOfSelected(Served *served, Axis axis, const TopK *top)
{
    IdReader ids = IdReaderOpen(served, axis);

    if (top->count > MANY_IDS)
        IdReaderLoadAll(&ids);
    return ids;
}

static ResultRow SelectedRow(IdReader *ids, IdKind kind, const TopK *top, uint32 i)
{
    const Scored *entry = &top->entries[i];
    ResultRow row = {0};

    ResultDatum(&row, IdToDatum(IdReaderGet(ids, entry->item), kind));
    ResultFloat4(&row, CheckScore(ids->served, entry->score));
    ResultInt4(&row, (int32)i + 1);
    return row;
}

void AddSelected(RowSet *rows, Served *served, Axis axis, IdKind kind, const TopK *top)
{
    AddItems(rows, served, axis, kind, top, NULL);
}

void AddItems(RowSet *rows, Served *served, Axis axis, IdKind kind, const TopK *top,
              const float *propensity)
{
    IdReader ids = ReaderOfSelected(served, axis, top);

    for (uint32 i = 0; i < top->count; i++) {
        ResultRow row = SelectedRow(&ids, kind, top, i);

        if (propensity != NULL)
            ResultFloat4(&row, propensity[i]);
        RowSetAddRow(rows, &row);
    }
}

void AddRecommended(RowSet *rows, Served *served, IdKind kind, const TopK *top, bool fallback)
{
    IdReader ids = ReaderOfSelected(served, AXIS_ITEM, top);

    for (uint32 i = 0; i < top->count; i++) {
        ResultRow row = SelectedRow(&ids, kind, top, i);

        ResultDatum(&row, BoolGetDatum(fallback));
        RowSetAddRow(rows, &row);
    }
}
