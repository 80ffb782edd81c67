/* served.c: getting a model ready, and answering from memory or from the table. */
#include "pg/served.h"

#include "pg/attach.h"
#include "pg/fresh.h"

/* Items scored between two looks at interrupts and the heap: their scores stay in cache. */
#define SLICE_ITEMS 4096

static float *AllocateRows(Size rows, Size stride)
{
    return AllocateAligned(CurrentMemoryContext, mul_size(mul_size(rows, stride), sizeof(float)));
}

/* The header alone, without the documents that it is read from. */
static Header ReadHeader(ModelStore *store)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext reading = AllocSetContextCreate(caller, "recadv header", ALLOCSET_DEFAULT_SIZES);
    Header header;
    void *options;

    MemoryContextSwitchTo(reading);
    header = HeaderRead(store);
    MemoryContextSwitchTo(caller);
    options = palloc(header.algorithm->options_size);
    memcpy(options, header.options, header.algorithm->options_size);
    header.options = options;
    MemoryContextDelete(reading);
    return header;
}

/* Header, roots and shared parts. */
static void LoadHead(Served *served)
{
    served->header = ReadHeader(served->store);
    HeaderLayout(&served->header, &served->model);
    DictionaryOpen(served->store, &served->header, AXIS_USER, &served->users);
    DictionaryOpen(served->store, &served->header, AXIS_ITEM, &served->items);
    for (int i = 0; i < served->model.parts; i++) {
        Part *part = &served->model.part[i];

        if (!PartServes(part, AXIS_SHARED))
            continue;
        part->data = AllocateRows(part->rows, part->stride);
        ReadPart(served->store, &served->model, part);
    }
}

static CacheEntry *LoadEntry(Oid relid, Current current, ModelStore *store)
{
    CacheEntry *entry = CacheCreate();
    MemoryContext caller = MemoryContextSwitchTo(entry->context);

    entry->served.relid = relid;
    entry->served.current = current;
    entry->served.store = store;
    LoadHead(&entry->served);
    MemoryContextSwitchTo(caller);
    return entry;
}

Served *ServedOpen(text *model, ModelTable *table)
{
    Oid relid = ModelResolve(model);
    CacheEntry *entry;
    Current current;
    bool private;

    ModelTableOpen(relid, table);
    current = ModelTableCurrent(table, false);
    table->store.version = current.version;
    entry = CacheFind(relid, &current);
    if (entry == NULL) {
        entry = LoadEntry(relid, current, &table->store);
        entry->size = ItemSideLeast(&entry->served.header, &entry->served.model);
    }
    entry->served.store = &table->store;
    private = entry->private;
    AttachItems(entry, table);
    if (!entry->kept || entry->private != private)
        CacheKeep(entry);
    FreshOpen(&entry->served, table);
    return &entry->served;
}

Served *ServedImage(const bytea *image, ImageStore *store)
{
    Served *served = palloc0(sizeof(Served));

    ImageOpen(image, store);
    served->store = &store->store;
    LoadHead(served);
    return served;
}

uint32 ServedUser(Served *served, Id id)
{
    return DictionaryFind(&served->users, served->store, id);
}

/* Among the items of the model. */
static uint32 FindTrained(Served *served, Id id)
{
    uint32 found;

    if (!served->resident)
        return DictionaryFind(&served->items, served->store, id);
    found = ItemSideFind(served->side, id);
    return found != UNKNOWN_ID ? found : DictionaryFindAdded(&served->items, id);
}

uint32 ServedItem(Served *served, Id id)
{
    uint32 found = FindTrained(served, id);

    if (found == UNKNOWN_ID && served->fresh_ids.count > 0) {
        found = IdListFind(&served->fresh_ids, id);
        if (found != UNKNOWN_ID)
            found += served->header.items;
    }
    return found;
}

Id ServedItemId(Served *served, uint32 item)
{
    if (item >= served->header.items)
        return IdListGet(&served->fresh_ids, item - served->header.items);
    if (served->resident)
        return ItemSideId(served->side, item);
    return DictionaryGet(&served->items, served->store, item);
}

uint32 ServedItems(const Served *served)
{
    return served->header.items + served->fresh_ids.count;
}

Model ServedView(const Served *served, Axis axis, uint32 rows)
{
    Model view = served->model;

    if (axis == AXIS_USER)
        view.users = rows;
    else
        view.items = rows;
    for (int i = 0; i < view.parts; i++) {
        Part *part = &view.part[i];

        if (part->axis != axis)
            continue;
        part->rows = rows;
        part->data = AllocateRows(rows, part->stride);
    }
    return view;
}

float *ServedQueryRoom(const Served *served)
{
    return AllocateRows(1, served->model.algorithm->query_width(&served->model) + 1);
}

static void ReadRow(Served *served, Axis axis, uint32 row, Model *view)
{
    for (int i = 0; i < view->parts; i++)
        if (PartServes(&view->part[i], axis))
            ReadPartRow(served->store, &served->model, &served->model.part[i], row,
                        view->part[i].data);
}

float *ServedQuery(Served *served, uint32 user)
{
    Model view = ServedView(served, AXIS_USER, 1);
    float *query = ServedQueryRoom(served);

    ReadRow(served, AXIS_USER, user, &view);
    view.algorithm->query(&view, 0, query);
    return query;
}

float ServedScore(Served *served, const float *query, uint32 item)
{
    Model view;
    float score;

    if (item >= served->header.items) {
        ModelViewItems(&served->fresh, item - served->header.items, 1, &view);
    } else if (served->resident) {
        ModelViewItems(&served->model, item, 1, &view);
    } else {
        view = ServedView(served, AXIS_ITEM, 1);
        ReadRow(served, AXIS_ITEM, item, &view);
    }
    ModelScore(&view, query, 1, &score);
    return score;
}

static void ScoreView(const Model *view, const float *query, float *scores)
{
    const Part *popularity = &view->part[POPULARITY_PART];

    if (query != NULL) {
        ModelScore(view, query, 1, scores);
        return;
    }
    for (uint32 i = 0; i < view->items; i++)
        scores[i] = popularity->data[(Size)i * popularity->stride];
}

static void ScoreResident(Served *served, const float *query, ScoreVisitor visit, void *arg)
{
    uint32 items = served->header.items;
    float *scores = AllocateRows(1, Min(SLICE_ITEMS, items));

    for (uint32 first = 0; first < items; first += SLICE_ITEMS) {
        Model view;

        ModelViewItems(&served->model, first, Min(SLICE_ITEMS, items - first), &view);
        ScoreView(&view, query, scores);
        visit(arg, first, view.items, scores);
        CHECK_FOR_INTERRUPTS();
    }
}

/* Item parts are all cut alike: a block of each makes a view. */
static void ScoreStored(Served *served, const float *query, ScoreVisitor visit, void *arg)
{
    const Model *model = &served->model;
    uint32 size = PartBlockRows(model, &model->part[POPULARITY_PART]);
    float *scores = AllocateRows(1, size);
    Model view = *model;

    for (int i = 0; i < view.parts; i++)
        if (PartServes(&view.part[i], AXIS_ITEM))
            view.part[i].data = AllocateRows(size, view.part[i].stride);
    for (uint32 b = 0; b < BlockCount(model->items, size); b++) {
        view.items = BlockRows(model->items, size, b);
        for (int i = 0; i < view.parts; i++) {
            if (!PartServes(&view.part[i], AXIS_ITEM))
                continue;
            ReadPartBlock(served->store, model, &model->part[i], b, view.part[i].data);
            view.part[i].rows = view.items;
        }
        ScoreView(&view, query, scores);
        visit(arg, b * size, view.items, scores);
    }
}

static void ScoreFresh(Served *served, const float *query, ScoreVisitor visit, void *arg)
{
    float *scores;

    if (served->fresh_ids.count == 0)
        return;
    scores = AllocateRows(1, served->fresh.items);
    ScoreView(&served->fresh, query, scores);
    visit(arg, served->header.items, served->fresh.items, scores);
}

void ServedScoreAll(Served *served, const float *query, ScoreVisitor visit, void *arg)
{
    if (served->resident)
        ScoreResident(served, query, visit, arg);
    else
        ScoreStored(served, query, visit, arg);
    ScoreFresh(served, query, visit, arg);
}

/* ---- the best ---- */

typedef struct Selection {
    TopK *top;
    const uint32 *without;
    uint32 count;
    uint32 at;
} Selection;

/* Slices come in ascending order, so one walk along the list is enough. */
static void SelectSlice(void *arg, uint32 first, uint32 count, const float *scores)
{
    Selection *s = arg;

    for (uint32 i = 0; i < count; i++) {
        if (s->at < s->count && s->without[s->at] == first + i) {
            s->at++;
            continue;
        }
        TopKAdd(s->top, scores[i], first + i);
    }
}

static void OfferSlice(void *arg, uint32 first, uint32 count, const float *scores)
{
    ScanTask *task = arg;

    for (uint32 i = 0; i < count; i++)
        if (ScanWants(task, first + i))
            TopKAdd(task->top, scores[i], first + i);
}

void ServedOfferFresh(Served *served, ScanTask *task)
{
    if (task->top->limit > 0)
        ScoreFresh(served, task->query, OfferSlice, task);
}

static void ScanResident(Served *served, ScanTask *task)
{
    ScanRun run;

    ScanStart(&run, &served->side->scan, 0, task, 1,
              AllocateAligned(CurrentMemoryContext, ScanTaskSize(&served->side->model)));
    while (ScanStep(&run))
        CHECK_FOR_INTERRUPTS();
    ServedOfferFresh(served, task);
}

void ServedTopK(Served *served, const float *query, const uint32 *without, uint32 count, TopK *top)
{
    ScanTask task = {.query = query, .without = without, .without_count = count, .top = top};
    Selection selection = {.top = top, .without = without, .count = count};

    if (served->resident)
        ScanResident(served, &task);
    else
        ServedScoreAll(served, query, SelectSlice, &selection);
    TopKFinish(top);
}
