/*
 * batches.c: the best items of many users, on several threads.
 *
 * Users go in batches of bounded memory.  For each batch the item side is passed over once: as a
 * whole if it is in memory, else in pieces from the table.  Threads take groups of users.
 */
#include "pg/serve/batches.h"

#include "core/pool.h"
#include "pg/base/settings.h"
#include "pg/model/interactions.h"
#include "pg/serve/history.h"
#include "pg/serve/user.h"

/* Memory of a batch of users, and of a piece of items that is read from the table. */
#define BATCH_BYTES (16 * 1024 * 1024)
#define PIECE_BYTES (16 * 1024 * 1024)

/* ---- scanning, on all threads ---- */

static void ScanGroup(void *arg, int task, int worker)
{
    BatchJob *job = arg;
    uint32 first = (uint32)task * CODES_QUERIES;
    ScanRun run;

    ScanStart(&run, job->scan, job->first_item, job->tasks + first,
              Min(CODES_QUERIES, job->count - first), job->scratch + worker * job->scratch_size);
    while (!HostCancelled(&job->backend.host) && ScanStep(&run))
        ;
}

static void ScanItems(BatchJob *job, const Scan *scan, uint32 first_item)
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

static void ScanStored(BatchJob *job)
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
static Size UserSize(const BatchJob *job)
{
    const Model *model = &job->served->model;

    return add_size(mul_size(job->limit, sizeof(Scored)),
                    model->algorithm->query_width(model) * sizeof(float) + sizeof(ScanTask) +
                        sizeof(TopK));
}

static uint32 BatchUsers(const BatchJob *job)
{
    return (uint32)Max(1, BATCH_BYTES / UserSize(job));
}

/* Those that the model knows come first, newcomers after them. */
static uint64 UserTotal(const BatchJob *job)
{
    return (uint64)job->user_count + job->newcomers.count;
}

/* Index of a user of the batch, or UNKNOWN_ID. */
static uint32 UserAt(const BatchJob *job, uint32 u, Id *id)
{
    uint64 at = job->first + u;

    if (at >= job->user_count) {
        *id = IdListGet(&job->newcomers, (uint32)(at - job->user_count));
        return UNKNOWN_ID;
    }
    *id = IdListGet(&job->user_ids, job->users[at]);
    return job->users[at];
}

static float *QueryAt(const BatchJob *job, uint32 u)
{
    return job->queries + (Size)u * job->served->model.algorithm->query_width(&job->served->model);
}

/* Queries that are made of the user's row: each block of user rows is read once. */
static void ReadRowQueries(BatchJob *job)
{
    const Model *model = &job->served->model;
    uint32 rows = AxisBlockRows(model, AXIS_USER);
    int64 loaded = -1;
    Model view = ViewAllocate(model, AXIS_USER, rows);

    for (uint32 u = 0; u < job->count; u++) {
        Id id;
        uint32 user = UserAt(job, u, &id), number = user / rows;

        if (user == UNKNOWN_ID)
            continue;
        if (loaded != number)
            ViewReadBlock(job->served->store, model, AXIS_USER, number, &view);
        loaded = number;
        model->algorithm->query(&view, &(QueryInput){.row = user % rows}, QueryAt(job, u));
    }
}

/* A history for each user of the batch. */
typedef struct HistoryJob {
    const BatchJob *job;
    uint32 **items;
    uint32 *count;
} HistoryJob;

static void QueryHistory(void *arg, int task, int worker)
{
    const HistoryJob *histories = arg;
    const Model *model = &histories->job->served->model;
    QueryInput input = {
        .row = NO_ROW, .items = histories->items[task], .count = histories->count[task]};

    (void)worker;
    if (input.items != NULL && !HostCancelled(&histories->job->backend.host))
        model->algorithm->query(model, &input, QueryAt(histories->job, (uint32)task));
}

/* Where all items are in memory, and users have no rows: on all threads. */
static void QueryHistoriesInMemory(BatchJob *job)
{
    ListReader reader = {.store = job->served->store,
                         .lists = HistoryLists(&job->served->header),
                         .header = &job->served->header};
    HistoryJob histories = {job, PallocArray(uint32 *, job->count),
                            PallocArray(uint32, job->count)};

    for (uint32 u = 0; u < job->count; u++) {
        Id id;
        uint32 user = UserAt(job, u, &id);

        histories.items[u] =
            user == UNKNOWN_ID ? NULL : ListReaderGet(&reader, user, &histories.count[u]);
    }
    PoolRun(&job->backend.host, QueryHistory, &histories, (int)job->count);
    if (HostCancelled(&job->backend.host))
        HostAbandon(&job->backend.host);
}

static void QueryHistoriesOneByOne(BatchJob *job)
{
    const Model *model = &job->served->model;

    for (uint32 u = 0; u < job->count; u++) {
        MemoryContext batch = MemoryContextSwitchTo(job->single);
        Id id;
        uint32 user = UserAt(job, u, &id);

        if (user != UNKNOWN_ID)
            memcpy(QueryAt(job, u), StoredHistoryQuery(job->served, user),
                   model->algorithm->query_width(model) * sizeof(float));
        MemoryContextSwitchTo(batch);
        MemoryContextReset(job->single);
        CHECK_FOR_INTERRUPTS();
    }
}

/* Queries of the batch as the model has them. */
static void ReadQueries(BatchJob *job)
{
    for (uint32 u = 0; u < job->count; u++)
        job->tasks[u].query = QueryAt(job, u);
    if (!MakesQueriesOfHistories(job->served))
        ReadRowQueries(job);
    else if (job->served->resident && ViewRowBytes(&job->served->model, AXIS_USER) == 0)
        QueryHistoriesInMemory(job);
    else
        QueryHistoriesOneByOne(job);
}

/* Rows of what the user has in the source. */
static RowList LiveRows(const BatchJob *job, Id user)
{
    const Interactions *data = &job->live->data;
    uint32 at = IdListFind(&job->live->users, user);
    uint64 first = at == UNKNOWN_ID ? 0 : data->offset[at];
    uint64 last = at == UNKNOWN_ID ? 0 : data->offset[at + 1];
    RowList rows = {PallocArray(uint32, last - first + 1), 0};

    for (uint64 i = first; i < last; i++)
        if (job->live_rows[data->item[i]] != UNKNOWN_ID)
            rows.rows[rows.count++] = job->live_rows[data->item[i]];
    SortIndexes(rows.rows, rows.count);
    return rows;
}

static void SetSeen(ScanTask *task, RowList seen)
{
    task->without = seen.rows;
    task->without_count = seen.count;
}

static bool HasPending(const BatchJob *job)
{
    return job->table != NULL && job->served->model.algorithm->stream != NULL;
}

/* Events that are pending count as in recadv_topk. */
static void NotePending(BatchJob *job, uint32 u, float *query)
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

static void ReadBatch(BatchJob *job)
{
    const Model *model = &job->served->model;
    ListReader reader = {
        .store = job->served->store, .lists = &seen_lists, .header = &job->served->header};
    Scored *entries = PallocArray(Scored, mul_size(job->count, job->limit));
    Size width = model->algorithm->query_width(model), seen = 0;

    job->queries = AllocateAligned(job->batch, mul_size(job->count, (width + 1) * sizeof(float)));
    job->tasks = PallocArray(ScanTask, job->count);
    job->tops = PallocArray(TopK, job->count);
    for (uint32 u = 0; u < job->count; u++) {
        Id id;
        uint32 user = UserAt(job, u, &id);

        job->tops[u] = (TopK){entries + (Size)u * job->limit, job->limit, 0};
        job->tasks[u] =
            (ScanTask){.among = job->among, .weight = job->weight, .top = &job->tops[u]};
        if (job->live != NULL)
            SetSeen(&job->tasks[u], LiveRows(job, id));
        else if (job->exclude_seen && user != UNKNOWN_ID)
            job->tasks[u].without = ListReaderGet(&reader, user, &job->tasks[u].without_count);
        seen += job->tasks[u].without_count * sizeof(uint32);
        if (seen > BATCH_BYTES) /* the other users are for the next batch */
            job->count = u + 1;
    }
    ReadQueries(job);
    for (uint32 u = 0; u < job->count && HasPending(job); u++)
        NotePending(job, u, QueryAt(job, u));
}

static void PutRows(BatchJob *job, Id user, const TopK *top, bool fallback)
{
    Datum user_datum = IdToDatum(user, job->kind);

    for (uint32 i = 0; i < top->count; i++) {
        Datum item = IdToDatum(IdReaderGet(&job->item_ids, top->entries[i].item), job->kind);

        RowSetAdd(&job->rows,
                  (Datum[]){user_datum, item,
                            Float4GetDatum(CheckScore(job->served, top->entries[i].score)),
                            Int32GetDatum((int32)i + 1), BoolGetDatum(fallback)},
                  NULL);
        if (job->kind == ID_TEXT)
            pfree(DatumGetPointer(item));
    }
    CHECK_FOR_INTERRUPTS();
}

static void Put(BatchJob *job, Id user, const TopK *top, bool fallback)
{
    if (job->put != NULL)
        job->put(job, user, top);
    else
        PutRows(job, user, top, fallback);
}

/* Items that are not among those of the model come last, so their scan is no thread's work. */
static void ScanAll(BatchJob *job)
{
    if (job->recent != NULL)
        OfferRecent(job->served, &job->tasks[0], job->recent); /* strangers come one by one */
    else if (job->served->resident)
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

static void RunBatch(BatchJob *job)
{
    MemoryContext caller = MemoryContextSwitchTo(job->batch);

    ReadBatch(job);
    ScanAll(job);
    MemoryContextSwitchTo(job->single);
    for (uint32 u = 0; u < job->count; u++) {
        Id id;

        UserAt(job, u, &id);
        Put(job, id, &job->tops[u], false);
        MemoryContextReset(job->single);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextReset(job->batch);
}

/* The popular items: once for all strangers, unless they have items in the source. */
static void RunStrangers(BatchJob *job)
{
    TopK top = {.limit = job->limit, .entries = PallocArray(Scored, job->limit)};
    ScanTask *task = palloc(sizeof(ScanTask));

    *task = (ScanTask){.among = job->among, .weight = job->weight, .top = &top};
    if (GoesByRecent(job->served, NULL))
        job->recent = RecentOf(job->served);
    else if (!IsPersonal(&job->served->model))
        task->query = ServedQueryRoom(job->served);
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
        Put(job, id, &top, true);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(job->batch);
    }
}

static void Work(void *arg)
{
    BatchJob *job = arg;
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

/* Ids of both sides, indexes and one batch. */
void BatchesCheckMemory(const BatchJob *job)
{
    const Header *header = &job->served->header;
    Size ids = mul_size(sizeof(int64) + sizeof(uint32), header->users);

    if (!job->served->resident)
        ids = add_size(ids, add_size(mul_size(sizeof(int64), header->items), PIECE_BYTES));
    CheckMemory(add_size(ids, Max(BATCH_BYTES, UserSize(job))), "recommending to all users");
}

void BatchesRun(BatchJob *job)
{
    BackendHostRun(&job->backend, recadv_max_threads, Work, job);
}
