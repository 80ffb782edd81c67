/*
 * topk_all.c: recadv_topk_all: everyone's best items.
 *
 * Users go in batches of bounded memory.  For each batch the item side is passed over once: as a
 * whole if it is in memory, else in pieces from the table.  Threads take groups of users.
 */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/select.h"
#include "pg/serve/user.h"
#include "pg/base/backend.h"
#include "pg/serve/live_source.h"
#include "pg/model/interactions.h"
#include "pg/base/settings.h"

#include "core/pool.h"

/* Memory of a batch of users, and of a piece of items that is read from the table. */
#define BATCH_BYTES (16 * 1024 * 1024)
#define PIECE_BYTES (16 * 1024 * 1024)

typedef struct AllJob {
    BackendHost backend;
    Served *served;
    ModelTable *table;
    IdKind kind; /* of the result */
    bool exclude_seen;
    uint32 limit;
    uint64 *among; /* a bit for each item that may come; NULL: all */

    Collected *live;   /* what users have in the source; NULL: what stands in the model counts */
    uint32 *live_rows; /* of its items; UNKNOWN_ID: not in the model */

    IdList user_ids; /* all of the model */
    IdReader item_ids;
    uint32 *users; /* indexes, ascending */
    uint32 user_count;
    IdList newcomers; /* known by pending events alone, ascending */
    IdList strangers; /* of whom nothing is known, ascending */

    MemoryContext single; /* for one user */
    MemoryContext batch;  /* what follows, but for the scratch memory */
    uint64 first;
    uint32 count;
    ScanTask *tasks;
    TopK *tops;
    const Scan *scan;
    uint32 first_item;
    char *scratch; /* per thread */
    Size scratch_size;
    RowSet rows;
} AllJob;

/* ---- scanning, on all threads ---- */

static void ScanGroup(void *arg, int task, int worker)
{
    AllJob *job = arg;
    uint32 first = (uint32)task * CODES_QUERIES;
    ScanRun run;

    ScanStart(&run, job->scan, job->first_item, job->tasks + first,
              Min(CODES_QUERIES, job->count - first), job->scratch + worker * job->scratch_size);
    while (!HostCancelled(&job->backend.host) && ScanStep(&run))
        ;
}

static void ScanItems(AllJob *job, const Scan *scan, uint32 first_item)
{
    job->scan = scan;
    job->first_item = first_item;
    PoolRun(&job->backend.host, ScanGroup, job,
            (int)((job->count + CODES_QUERIES - 1) / CODES_QUERIES));
    if (HostCancelled(&job->backend.host))
        HostAbandon(&job->backend.host);
}

/* ---- items that are not in memory ---- */

static uint32 PieceBlocks(const Model *model, uint32 block_rows)
{
    return (uint32)Max(1, PIECE_BYTES / (ViewRowBytes(model, AXIS_ITEM) * block_rows));
}

static void ScanStored(AllJob *job)
{
    const Model *model = &job->served->model;
    uint32 rows = AxisBlockRows(model, AXIS_ITEM);
    uint64 piece = (uint64)rows * PieceBlocks(model, rows);
    Model view = ViewAllocate(model, AXIS_ITEM, (uint32)Min(piece, model->items));
    void *memory = AllocateAligned(job->batch, ScanSize(&view));
    Scan scan;

    for (uint64 first = 0; first < model->items; first += piece) {
        ViewReadRows(job->served->store, model, AXIS_ITEM, (uint32)first,
                     (uint32)Min(piece, model->items - first), &view);
        ScanPlace(&scan, &view, memory);
        ScanBuild(&job->backend.host, &scan);
        ScanItems(job, &scan, (uint32)first);
    }
}

/* ---- a batch of users ---- */

/* Bytes of a user but for the seen items, which may cut a batch short. */
static Size UserSize(const AllJob *job)
{
    const Model *model = &job->served->model;

    return add_size(mul_size(job->limit, sizeof(Scored)),
                    model->algorithm->query_width(model) * sizeof(float) + sizeof(ScanTask) +
                        sizeof(TopK));
}

static uint32 BatchUsers(const AllJob *job)
{
    return (uint32)Max(1, BATCH_BYTES / UserSize(job));
}

/* Those that the model knows come first, newcomers after them. */
static uint64 UserTotal(const AllJob *job)
{
    return (uint64)job->user_count + job->newcomers.count;
}

/* Index of a user of the batch, or UNKNOWN_ID. */
static uint32 UserAt(const AllJob *job, uint32 u, Id *id)
{
    uint64 at = job->first + u;

    if (at >= job->user_count) {
        *id = IdListGet(&job->newcomers, (uint32)(at - job->user_count));
        return UNKNOWN_ID;
    }
    *id = IdListGet(&job->user_ids, job->users[at]);
    return job->users[at];
}

/* Queries of the batch as the model has them: each block of user rows is read once. */
static void ReadQueries(AllJob *job, float *queries)
{
    const Model *model = &job->served->model;
    uint32 width = model->algorithm->query_width(model), rows = AxisBlockRows(model, AXIS_USER);
    int64 loaded = -1;
    Model view = ViewAllocate(model, AXIS_USER, rows);

    for (uint32 u = 0; u < job->count; u++) {
        Id id;
        uint32 user = UserAt(job, u, &id), number = user / rows;

        job->tasks[u].query = queries + (Size)u * width;
        if (user == UNKNOWN_ID)
            continue;
        if (loaded != number)
            ViewReadBlock(job->served->store, model, AXIS_USER, number, &view);
        loaded = number;
        model->algorithm->query(&view, user % rows, queries + (Size)u * width);
    }
}

/* Rows of what the user has in the source. */
static RowList LiveRows(const AllJob *job, Id user)
{
    const Interactions *data = &job->live->data;
    uint32 at = IdListFind(&job->live->users, user);
    uint64 first = at == UNKNOWN_ID ? 0 : data->offset[at];
    uint64 last = at == UNKNOWN_ID ? 0 : data->offset[at + 1];
    RowList rows = {PallocArray(uint32, last - first + 1), 0};

    for (uint64 i = first; i < last; i++)
        if (job->live_rows[data->item[i]] != UNKNOWN_ID)
            rows.rows[rows.count++] = job->live_rows[data->item[i]];
    qsort(rows.rows, rows.count, sizeof(uint32), CompareIndexes);
    return rows;
}

static void SetSeen(ScanTask *task, RowList seen)
{
    task->without = seen.rows;
    task->without_count = seen.count;
}

/* Events that are pending count as in recadv_topk. */
static void NotePending(AllJob *job, uint32 u, float *query)
{
    const Model *model = &job->served->model;
    MemoryContext batch = MemoryContextSwitchTo(job->single);
    Id id;
    uint32 user = UserAt(job, u, &id);
    TargetUser target = TargetUserOfIndex(job->served, job->table, id, user);

    if (target.events > 0) {
        memcpy(query, TargetUserQuery(job->served, &target),
               model->algorithm->query_width(model) * sizeof(float));
        MemoryContextSwitchTo(batch);
        if (job->exclude_seen && job->live == NULL)
            SetSeen(&job->tasks[u], TargetUserSeen(job->served, &target));
    }
    MemoryContextSwitchTo(batch);
    MemoryContextReset(job->single);
}

static void ReadBatch(AllJob *job)
{
    const Model *model = &job->served->model;
    SeenReader reader = {.store = job->served->store, .header = &job->served->header};
    Scored *entries = PallocArray(Scored, mul_size(job->count, job->limit));
    Size width = model->algorithm->query_width(model), seen = 0;
    float *queries = AllocateAligned(job->batch, mul_size(job->count, (width + 1) * sizeof(float)));

    job->tasks = PallocArray(ScanTask, job->count);
    job->tops = PallocArray(TopK, job->count);
    for (uint32 u = 0; u < job->count; u++) {
        Id id;
        uint32 user = UserAt(job, u, &id);

        job->tops[u] = (TopK){entries + (Size)u * job->limit, job->limit, 0};
        job->tasks[u] = (ScanTask){.among = job->among, .top = &job->tops[u]};
        if (job->live != NULL)
            SetSeen(&job->tasks[u], LiveRows(job, id));
        else if (job->exclude_seen && user != UNKNOWN_ID)
            job->tasks[u].without = SeenReaderGet(&reader, user, &job->tasks[u].without_count);
        seen += job->tasks[u].without_count * sizeof(uint32);
        if (seen > BATCH_BYTES) /* the other users are for the next batch */
            job->count = u + 1;
    }
    ReadQueries(job, queries);
    for (uint32 u = 0; u < job->count && model->algorithm->stream != NULL; u++)
        NotePending(job, u, queries + u * width);
}

static void PutRows(AllJob *job, Id user, const TopK *top)
{
    Datum user_datum = IdToDatum(user, job->kind);

    for (uint32 i = 0; i < top->count; i++) {
        Datum item = IdToDatum(IdReaderGet(&job->item_ids, top->entries[i].item), job->kind);

        RowSetAdd(&job->rows,
                  (Datum[]){user_datum, item, Float4GetDatum(top->entries[i].score),
                            Int32GetDatum((int32)i + 1)},
                  NULL);
        if (job->kind == ID_TEXT)
            pfree(DatumGetPointer(item));
    }
    CHECK_FOR_INTERRUPTS();
}

/* Items that are not among those of the model come last, so their scan is no thread's work. */
static void ScanAll(AllJob *job)
{
    if (job->served->resident)
        ScanItems(job, &job->served->side->scan, 0);
    else
        ScanStored(job);
    for (uint32 u = 0; u < job->count; u++) {
        MemoryContext batch = MemoryContextSwitchTo(job->single);

        OfferNewItems(job->served, &job->tasks[u]);
        TopKFinish(job->tasks[u].top);
        MemoryContextSwitchTo(batch);
        MemoryContextReset(job->single);
    }
}

static void RunBatch(AllJob *job)
{
    MemoryContext caller = MemoryContextSwitchTo(job->batch);

    ReadBatch(job);
    ScanAll(job);
    MemoryContextSwitchTo(job->single);
    for (uint32 u = 0; u < job->count; u++) {
        Id id;

        UserAt(job, u, &id);
        PutRows(job, id, &job->tops[u]);
        MemoryContextReset(job->single);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextReset(job->batch);
}

/* The popular items: once for all strangers, unless they have items in the source. */
static void RunStrangers(AllJob *job)
{
    TopK top = {.limit = job->limit, .entries = PallocArray(Scored, job->limit)};
    ScanTask *task = palloc(sizeof(ScanTask));

    *task = (ScanTask){.among = job->among, .top = &top};
    job->count = 1;
    job->tasks = task;
    for (uint32 i = 0; i < job->strangers.count; i++) {
        Id id = IdListGet(&job->strangers, i);
        MemoryContext caller = MemoryContextSwitchTo(job->batch);

        if (i == 0 || job->live != NULL) {
            top.count = 0;
            if (job->live != NULL)
                SetSeen(task, LiveRows(job, id));
            ScanAll(job);
        }
        PutRows(job, id, &top);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(job->batch);
    }
}

static void Work(void *arg)
{
    AllJob *job = arg;
    uint32 batch = BatchUsers(job);

    job->scratch_size = mul_size(ScanTaskSize(&job->served->model), CODES_QUERIES);
    job->scratch = AllocateAligned(
        CurrentMemoryContext, mul_size(job->scratch_size, (Size)PoolThreads(&job->backend.host)));
    for (job->first = 0; job->first < UserTotal(job); job->first += job->count) {
        job->count = (uint32)Min(batch, UserTotal(job) - job->first);
        RunBatch(job);
    }
    if (job->strangers.count > 0)
        RunStrangers(job);
}

/* ---- arguments ---- */

static void MarkItems(AllJob *job, RowList rows, bool value)
{
    for (uint32 i = 0; i < rows.count; i++) {
        uint64 bit = UINT64CONST(1) << rows.rows[i] % 64, *word = &job->among[rows.rows[i] / 64];

        *word = value ? *word | bit : *word & ~bit;
    }
}

static void TakeItems(AllJob *job, const Filter *filter)
{
    Size words = (Size)ServedItems(job->served) / 64 + 1;

    if (!filter->only_given && filter->without.count == 0)
        return;
    job->among = PallocArray(uint64, words);
    memset(job->among, filter->only_given ? 0 : 0xFF, words * sizeof(uint64));
    MarkItems(job, filter->only, true);
    MarkItems(job, filter->without, false);
}

/* Is something known of a user who is not in the model? */
static bool IsNewcomer(AllJob *job, Id id)
{
    MemoryContext caller = MemoryContextSwitchTo(job->single);
    TargetUser target = TargetUserOfIndex(job->served, job->table, id, UNKNOWN_ID);

    MemoryContextSwitchTo(caller);
    MemoryContextReset(job->single);
    return TargetUserIsKnown(&target);
}

static void TakeUsers(AllJob *job, IdList *ids)
{
    IdListSort(ids);
    job->users = PallocArray(uint32, (Size)ids->count + 1);
    job->newcomers = IdListCreate(job->kind, ids->count);
    job->strangers = IdListCreate(job->kind, ids->count);
    for (uint32 i = 0; i < ids->count; i++) {
        Id id = IdListGet(ids, i);
        uint32 user = IdListFind(&job->user_ids, id);

        CHECK_FOR_INTERRUPTS();
        if (user != UNKNOWN_ID)
            job->users[job->user_count++] = user;
        else
            IdListAppend(IsNewcomer(job, id) ? &job->newcomers : &job->strangers, id);
    }
    qsort(job->users, job->user_count, sizeof(uint32), CompareIndexes);
}

static void TakeAllUsers(AllJob *job)
{
    job->user_count = job->served->header.users;
    job->users = PallocArray(uint32, job->user_count);
    for (uint32 i = 0; i < job->user_count; i++)
        job->users[i] = i;
}

static void FindLiveRows(AllJob *job)
{
    const IdList *items = &job->live->items;

    job->live_rows = PallocArray(uint32, (Size)items->count + 1);
    for (uint32 i = 0; i < items->count; i++) {
        CHECK_FOR_INTERRUPTS();
        job->live_rows[i] = ServedItem(job->served, IdListGet(items, i));
    }
}

static void CheckKinds(const Served *served, IdKind kind)
{
    if (kind == ID_INTEGER &&
        (served->header.item_kind == ID_TEXT || served->header.user_kind == ID_TEXT))
        ereport(
            ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("%s of model \"%s\" are not integers",
                    served->header.item_kind == ID_TEXT ? "items" : "users", served->store->name),
             errhint("Ask for text: recadv_topk_all(model, k, users => NULL::text[]).")));
}

/* Ids of both sides, indexes and one batch. */
static void CheckNeed(const AllJob *job)
{
    const Header *header = &job->served->header;
    Size ids = mul_size(sizeof(int64) + sizeof(uint32), header->users);

    if (!job->served->resident)
        ids = add_size(ids, add_size(mul_size(sizeof(int64), header->items), PIECE_BYTES));
    CheckMemory(add_size(ids, Max(BATCH_BYTES, UserSize(job))), "recommending to all users");
}

static void OpenJob(FunctionCallInfo fcinfo, AllJob *job)
{
    uint32 k = KArgument(fcinfo, 1);
    Filter filter;

    job->served = ServedOpen(ModelArgument(fcinfo, 0), job->table);
    job->limit = Min(k, ServedItems(job->served));
    CheckKinds(job->served, job->kind);
    CheckNeed(job);
    job->user_ids = DictionaryRead(&job->served->users, job->served->store);
    job->item_ids = IdReaderOpen(job->served, AXIS_ITEM);
    IdReaderLoadAll(&job->item_ids);
    filter = FilterArguments(fcinfo, 4, job->served, AXIS_ITEM, job->kind);
    TakeItems(job, &filter);
    job->single =
        AllocSetContextCreate(CurrentMemoryContext, "recadv user", ALLOCSET_DEFAULT_SIZES);
    job->batch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv batch", ALLOCSET_DEFAULT_SIZES);
}

/* Arguments: model, k, users, exclude_seen, candidates, exclude, seen. */
static Datum TopKAll(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    AllJob job = {.kind = kind, .table = &table};
    Collected live;
    IdList users;

    RowSetOpen(&job.rows, fcinfo);
    if (PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(6))
        return (Datum)0;
    BackendHostInit(&job.backend, CurrentMemoryContext, "recadv_topk_all");
    job.exclude_seen = PG_GETARG_BOOL(3);
    if (LiveArgument(fcinfo, 6) && job.exclude_seen) {
        LiveInteractions(ModelArgument(fcinfo, 0), &job.backend, &live);
        job.live = &live;
    }
    OpenJob(fcinfo, &job);
    if (job.live != NULL)
        FindLiveRows(&job);
    if (PG_ARGISNULL(2)) {
        TakeAllUsers(&job);
    } else {
        users = IdsArgument(fcinfo, 2, kind);
        TakeUsers(&job, &users);
    }
    BackendHostRun(&job.backend, recadv_max_threads, Work, &job);
    ModelTableClose(&table);
    return (Datum)0;
}

FOR_BOTH_KINDS(recadv_topk_all, TopKAll)
