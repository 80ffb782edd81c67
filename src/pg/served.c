/* served.c: the cache of item sides, and scoring through it or past it. */
#include "pg/served.h"

#include "lib/ilist.h"

#include "pg/settings.h"

/* Items scored between two looks at interrupts and the heap: their scores stay in cache. */
#define SLICE_ITEMS 4096

typedef struct CacheEntry {
    dlist_node node; /* in `entries`, most recently used first */
    Served served;
} CacheEntry;

static dlist_head entries = DLIST_STATIC_INIT(entries);

static float *AllocateRows(Size rows, Size stride)
{
    Size bytes = mul_size(mul_size(rows, stride), sizeof(float));
    char *raw = MemoryContextAllocHuge(CurrentMemoryContext, add_size(bytes, 64));

    return (float *)TYPEALIGN(64, raw);
}

static void LoadPart(Served *served, Part *part)
{
    part->data = AllocateRows(part->rows, part->stride);
    ReadPart(served->store, &served->model, part);
}

/* Bytes of the item side at least; SIZE_MAX if they cannot be counted. */
static Size ItemSideSize(const Served *served)
{
    Size total = mul_size(served->header.items, sizeof(int64));

    for (int i = 0; i < served->model.parts; i++) {
        const Part *part = &served->model.part[i];

        if (part->axis == AXIS_ITEM)
            total =
                SizeAdd(total, SizeMultiply(SizeMultiply(part->rows, part->stride), sizeof(float)));
    }
    return total;
}

/* Texts make the size known only after loading: what turns out too large goes again. */
static void LoadItems(Served *served)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv items", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);

    for (int i = 0; i < served->model.parts; i++)
        if (served->model.part[i].axis == AXIS_ITEM)
            LoadPart(served, &served->model.part[i]);
    served->item_ids = DictionaryRead(&served->items, served->store);
    MemoryContextSwitchTo(caller);
    served->resident = MemoryContextMemAllocated(context, true) <= (Size)recadv_cache_size * 1024;
    if (!served->resident)
        MemoryContextDelete(context);
}

/* Header, roots and shared parts; the item side if it fits. */
static void Load(Served *served, bool items)
{
    served->header = HeaderRead(served->store);
    HeaderLayout(&served->header, &served->model);
    DictionaryOpen(served->store, &served->header, AXIS_USER, &served->users);
    DictionaryOpen(served->store, &served->header, AXIS_ITEM, &served->items);
    for (int i = 0; i < served->model.parts; i++)
        if (served->model.part[i].axis == AXIS_SHARED)
            LoadPart(served, &served->model.part[i]);
    if (items && ItemSideSize(served) <= (Size)recadv_cache_size * 1024)
        LoadItems(served);
}

static void Evict(CacheEntry *entry)
{
    dlist_delete(&entry->node);
    MemoryContextDelete(entry->served.context);
}

/* The entry of what serves now; entries of the model's other versions go. */
static CacheEntry *FindEntry(Oid relid, const Current *current)
{
    dlist_mutable_iter i;

    dlist_foreach_modify(i, &entries)
    {
        CacheEntry *entry = dlist_container(CacheEntry, node, i.cur);

        if (entry->served.relid != relid)
            continue;
        if (memcmp(&entry->served.current, current, sizeof(*current)) == 0)
            return entry;
        Evict(entry);
    }
    return NULL;
}

/* Evicts the least recently used entries until the rest fits; the newest always stays. */
static void Shrink(void)
{
    Size allowed = (Size)recadv_cache_size * 1024, total = 0;
    dlist_mutable_iter i;

    dlist_foreach_modify(i, &entries)
    {
        CacheEntry *entry = dlist_container(CacheEntry, node, i.cur);

        Size size = MemoryContextMemAllocated(entry->served.context, true);

        if (total + size > allowed && total > 0)
            Evict(entry);
        else
            total += size;
    }
}

static CacheEntry *LoadEntry(Oid relid, Current current, ModelStore *store)
{
    MemoryContext caller = CurrentMemoryContext;
    /* A child of the caller's until it is complete: an error then frees it. */
    MemoryContext context = AllocSetContextCreate(caller, "recadv model", ALLOCSET_DEFAULT_SIZES);
    CacheEntry *entry = MemoryContextAllocZero(context, sizeof(CacheEntry));

    MemoryContextSwitchTo(context);
    entry->served.context = context;
    entry->served.relid = relid;
    entry->served.current = current;
    entry->served.store = store;
    Load(&entry->served, true);
    MemoryContextSwitchTo(caller);
    MemoryContextSetParent(context, CacheMemoryContext);
    dlist_push_head(&entries, &entry->node);
    Shrink();
    return entry;
}

Served *ServedOpen(text *model, ModelTable *table)
{
    Oid relid = ModelResolve(model);
    CacheEntry *entry;
    Current current;

    ModelTableOpen(relid, table);
    current = ModelTableCurrent(table, false);
    table->store.version = current.version;
    entry = FindEntry(relid, &current);
    if (entry == NULL)
        entry = LoadEntry(relid, current, &table->store);
    else
        dlist_move_head(&entries, &entry->node);
    entry->served.store = &table->store;
    return &entry->served;
}

Served *ServedImage(const bytea *image, ImageStore *store)
{
    Served *served = palloc0(sizeof(Served));

    ImageOpen(image, store);
    served->context = CurrentMemoryContext;
    served->store = &store->store;
    Load(served, false);
    return served;
}

uint32 ServedUser(Served *served, Id id)
{
    return DictionaryFind(&served->users, served->store, id);
}

uint32 ServedItem(Served *served, Id id)
{
    if (served->resident)
        return IdListFind(&served->item_ids, id);
    return DictionaryFind(&served->items, served->store, id);
}

Id ServedItemId(Served *served, uint32 item)
{
    if (served->resident)
        return IdListGet(&served->item_ids, item);
    return DictionaryGet(&served->items, served->store, item);
}

float *ServedQuery(Served *served, uint32 user)
{
    Model view = served->model;
    float *query = AllocateRows(1, view.algorithm->query_width(&view) + 1);

    view.users = 1;
    for (int i = 0; i < view.parts; i++) {
        Part *part = &view.part[i];

        if (part->axis != AXIS_USER)
            continue;
        part->data = AllocateRows(1, part->stride);
        ReadPartRow(served->store, &served->model, &served->model.part[i], user, part->data);
        part->rows = 1;
    }
    view.algorithm->query(&view, 0, query);
    return query;
}

float ServedScore(Served *served, const float *query, uint32 item)
{
    Model view = served->model;
    float score;

    if (served->resident) {
        ModelViewItems(&served->model, item, 1, &view);
    } else {
        view.items = 1;
        for (int i = 0; i < view.parts; i++) {
            Part *part = &view.part[i];

            if (part->axis != AXIS_ITEM)
                continue;
            part->data = AllocateRows(1, part->stride);
            ReadPartRow(served->store, &served->model, &served->model.part[i], item, part->data);
            part->rows = 1;
        }
    }
    view.algorithm->score(&view, query, 1, &score);
    return score;
}

static void ScoreView(const Model *view, const float *query, float *scores)
{
    const Part *popularity = &view->part[POPULARITY_PART];

    if (query != NULL) {
        view->algorithm->score(view, query, 1, scores);
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
        if (view.part[i].axis == AXIS_ITEM)
            view.part[i].data = AllocateRows(size, view.part[i].stride);
    for (uint32 b = 0; b < BlockCount(model->items, size); b++) {
        view.items = BlockRows(model->items, size, b);
        for (int i = 0; i < view.parts; i++) {
            if (view.part[i].axis != AXIS_ITEM)
                continue;
            ReadPartBlock(served->store, model, &model->part[i], b, view.part[i].data);
            view.part[i].rows = view.items;
        }
        ScoreView(&view, query, scores);
        visit(arg, b * size, view.items, scores);
    }
}

void ServedScoreAll(Served *served, const float *query, ScoreVisitor visit, void *arg)
{
    if (served->resident)
        ScoreResident(served, query, visit, arg);
    else
        ScoreStored(served, query, visit, arg);
}
