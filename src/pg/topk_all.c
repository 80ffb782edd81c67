/*
 * topk_all.c: recadv_topk_all: everyone's best items.
 *
 * Users go in batches of bounded memory.  For each batch the item side is passed over once: as a
 * whole if it is in memory, else in pieces from the table.  Threads take groups of users.
 */
#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/pool.h"
#include "pg/host.h"
#include "pg/served.h"
#include "pg/settings.h"
#include "pg/srf.h"

/* Memory of a batch of users, and of a piece of items that is read from the table. */
#define BATCH_BYTES (16 * 1024 * 1024)
#define PIECE_BYTES (16 * 1024 * 1024)

typedef struct AllJob {
    BackendHost backend;
    Served *served;
    IdKind kind; /* of the result */
    bool exclude_seen;
    uint32 limit;
    uint64 *among; /* a bit for each item that may come; NULL: all */

    IdList user_ids; /* all of the model */
    IdList item_ids; /* all of the model, if the item side is not in memory */
    uint32 *users;   /* indexes, ascending */
    uint32 user_count;
    Id *strangers; /* ids that the model does not know, ascending */
    uint32 stranger_count;

    MemoryContext batch; /* what follows, but for the scratch memory */
    uint32 first;
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
    Size row = 0;

    for (int i = 0; i < model->parts; i++)
        if (model->part[i].axis == AXIS_ITEM)
            row += model->part[i].stride * sizeof(float);
    return (uint32)Max(1, PIECE_BYTES / (row * block_rows));
}

/* Reads `count` items from block `number` on into a view of them. */
static void ReadPiece(AllJob *job, const Model *model, uint32 number, uint32 block_rows,
                      Model *view)
{
    for (int i = 0; i < model->parts; i++) {
        Part *part = &view->part[i];

        if (!PartServes(part, AXIS_ITEM))
            continue;
        part->rows = view->items;
        for (uint32 row = 0; row < view->items; row += block_rows)
            ReadPartBlock(job->served->store, model, &model->part[i], number + row / block_rows,
                          part->data + (Size)row * part->stride);
    }
}

static void ScanStored(AllJob *job)
{
    const Model *model = &job->served->model;
    uint32 rows = PartBlockRows(model, &model->part[POPULARITY_PART]);
    uint64 piece = (uint64)rows * PieceBlocks(model, rows);
    Model view = *model;
    void *memory;
    Scan scan;

    view.items = (uint32)Min(piece, model->items);
    for (int i = 0; i < view.parts; i++)
        if (PartServes(&view.part[i], AXIS_ITEM))
            view.part[i].data = AllocateAligned(
                job->batch, mul_size(view.items, view.part[i].stride * sizeof(float)));
    memory = AllocateAligned(job->batch, ScanSize(&view));
    for (uint64 first = 0; first < model->items; first += piece) {
        view.items = (uint32)Min(piece, model->items - first);
        ReadPiece(job, model, (uint32)(first / rows), rows, &view);
        ScanPlace(&scan, &view, memory);
        ScanBuild(&job->backend.host, &scan);
        ScanItems(job, &scan, (uint32)first);
    }
}

/* ---- a batch of users ---- */

/* Bytes of a user but for the seen items. */
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

/* Queries of the batch: each block of user rows is read once. */
static void ReadQueries(AllJob *job)
{
    const Model *model = &job->served->model;
    uint32 width = model->algorithm->query_width(model), rows = 1;
    float *queries = AllocateAligned(job->batch, mul_size(job->count, (width + 1) * sizeof(float)));
    int64 loaded = -1;
    Model view = *model;

    for (int i = 0; i < view.parts; i++) {
        if (!PartServes(&view.part[i], AXIS_USER))
            continue;
        rows = PartBlockRows(model, &view.part[i]);
        view.part[i].data =
            AllocateAligned(job->batch, mul_size(rows, view.part[i].stride * sizeof(float)));
    }
    for (uint32 u = 0; u < job->count; u++) {
        uint32 user = job->users[job->first + u], number = user / rows;

        for (int i = 0; i < view.parts && loaded != number; i++)
            if (PartServes(&view.part[i], AXIS_USER))
                ReadPartBlock(job->served->store, model, &model->part[i], number,
                              view.part[i].data);
        loaded = number;
        job->tasks[u].query = queries + (Size)u * width;
        model->algorithm->query(&view, user % rows, queries + (Size)u * width);
    }
}

static void ReadBatch(AllJob *job)
{
    SeenReader reader = {.store = job->served->store, .header = &job->served->header};
    Scored *entries = PallocArray(Scored, mul_size(job->count, job->limit));

    job->tasks = PallocArray(ScanTask, job->count);
    job->tops = PallocArray(TopK, job->count);
    for (uint32 u = 0; u < job->count; u++) {
        job->tops[u] = (TopK){entries + (Size)u * job->limit, job->limit, 0};
        job->tasks[u] = (ScanTask){.among = job->among, .top = &job->tops[u]};
        if (job->exclude_seen)
            job->tasks[u].without =
                SeenReaderGet(&reader, job->users[job->first + u], &job->tasks[u].without_count);
    }
    ReadQueries(job);
}

static Datum IdDatum(Id id, IdKind kind)
{
    return kind == ID_INTEGER ? Int64GetDatum(id.integer) : PointerGetDatum(IdToText(id));
}

static Id ItemIdAt(const AllJob *job, uint32 item)
{
    return job->served->resident ? ItemSideId(job->served->side, item)
                                 : IdListGet(&job->item_ids, item);
}

static void PutRows(AllJob *job, Id user, const TopK *top)
{
    Datum user_datum = IdDatum(user, job->kind);

    for (uint32 i = 0; i < top->count; i++) {
        Datum item = IdDatum(ItemIdAt(job, top->entries[i].item), job->kind);

        RowSetAdd(&job->rows,
                  (Datum[]){user_datum, item, Float4GetDatum(top->entries[i].score),
                            Int32GetDatum((int32)i + 1)},
                  NULL);
        if (job->kind == ID_TEXT)
            pfree(DatumGetPointer(item));
    }
    CHECK_FOR_INTERRUPTS();
}

static void RunBatch(AllJob *job)
{
    MemoryContext caller = MemoryContextSwitchTo(job->batch);

    ReadBatch(job);
    if (job->served->resident)
        ScanItems(job, &job->served->side->scan, 0);
    else
        ScanStored(job);
    for (uint32 u = 0; u < job->count; u++) {
        TopKFinish(&job->tops[u]);
        PutRows(job, IdListGet(&job->user_ids, job->users[job->first + u]), &job->tops[u]);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextReset(job->batch);
}

/* The popular items, once for all strangers. */
static void RunStrangers(AllJob *job)
{
    TopK top = {.limit = job->limit, .entries = PallocArray(Scored, job->limit)};
    ScanTask task = {.among = job->among, .top = &top};
    MemoryContext caller = MemoryContextSwitchTo(job->batch);

    job->count = 1;
    job->tasks = &task;
    if (job->served->resident)
        ScanItems(job, &job->served->side->scan, 0);
    else
        ScanStored(job);
    TopKFinish(&top);
    for (uint32 i = 0; i < job->stranger_count; i++)
        PutRows(job, job->strangers[i], &top);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(job->batch);
}

static void Work(void *arg)
{
    AllJob *job = arg;
    uint32 batch = BatchUsers(job);

    job->scratch_size = mul_size(ScanTaskSize(&job->served->model), CODES_QUERIES);
    job->scratch = AllocateAligned(
        CurrentMemoryContext, mul_size(job->scratch_size, (Size)PoolThreads(&job->backend.host)));
    for (uint64 first = 0; first < job->user_count; first += batch) {
        job->first = (uint32)first;
        job->count = (uint32)Min(batch, job->user_count - first);
        RunBatch(job);
    }
    if (job->stranger_count > 0)
        RunStrangers(job);
}

/* ---- arguments ---- */

static Id IdOfDatum(Datum value, IdKind kind)
{
    text *string;

    if (kind == ID_INTEGER)
        return IdOfInteger(DatumGetInt64(value));
    string = DatumGetTextPP(value);
    return IdOfText(VARDATA_ANY(string), (uint32)VARSIZE_ANY_EXHDR(string));
}

/* The elements that are not NULL. */
static Id *IdsOfArray(ArrayType *array, IdKind kind, uint32 *count)
{
    Datum *values;
    bool *nulls;
    int n;
    Id *ids;

    if (kind == ID_INTEGER)
        deconstruct_array(array, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE, &values, &nulls,
                          &n);
    else
        deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
    ids = PallocArray(Id, (Size)n + 1);
    *count = 0;
    for (int i = 0; i < n; i++)
        if (!nulls[i])
            ids[(*count)++] = IdOfDatum(values[i], kind);
    return ids;
}

static uint32 FindItem(AllJob *job, Id id)
{
    Served *served = job->served;

    CHECK_FOR_INTERRUPTS();
    return served->resident ? ServedItem(served, id) : IdListFind(&job->item_ids, id);
}

static void MarkItems(AllJob *job, ArrayType *array, bool value)
{
    uint32 count;
    Id *ids = IdsOfArray(array, job->kind, &count);

    for (uint32 i = 0; i < count; i++) {
        uint32 item = FindItem(job, ids[i]);

        if (item == UNKNOWN_ID)
            continue;
        if (value)
            job->among[item / 64] |= UINT64CONST(1) << item % 64;
        else
            job->among[item / 64] &= ~(UINT64CONST(1) << item % 64);
    }
    pfree(ids);
}

static void TakeItems(AllJob *job, ArrayType *candidates, ArrayType *exclude)
{
    Size words = (Size)job->served->header.items / 64 + 1;

    if (candidates == NULL && exclude == NULL)
        return;
    job->among = PallocArray(uint64, words);
    memset(job->among, candidates == NULL ? 0xFF : 0, words * sizeof(uint64));
    if (candidates != NULL)
        MarkItems(job, candidates, true);
    if (exclude != NULL)
        MarkItems(job, exclude, false);
}

static int CompareIndexes(const void *a, const void *b)
{
    uint32 x = *(const uint32 *)a, y = *(const uint32 *)b;

    return (x > y) - (x < y);
}

static int CompareStrangers(const void *a, const void *b)
{
    return CompareIds(*(const Id *)a, *(const Id *)b);
}

/* Known users and strangers of an array, each once. */
static void TakeUsers(AllJob *job, ArrayType *array)
{
    uint32 count, known = 0, strangers = 0;
    Id *ids = IdsOfArray(array, job->kind, &count);

    job->users = PallocArray(uint32, (Size)count + 1);
    job->strangers = ids; /* never more than were looked at */
    for (uint32 i = 0; i < count; i++) {
        uint32 user = IdListFind(&job->user_ids, ids[i]);

        CHECK_FOR_INTERRUPTS();
        if (user != UNKNOWN_ID)
            job->users[known++] = user;
        else
            job->strangers[strangers++] = ids[i];
    }
    qsort(job->users, known, sizeof(uint32), CompareIndexes);
    qsort(job->strangers, strangers, sizeof(Id), CompareStrangers);
    for (uint32 i = 0; i < known; i++)
        if (i == 0 || job->users[i] != job->users[i - 1])
            job->users[job->user_count++] = job->users[i];
    for (uint32 i = 0; i < strangers; i++)
        if (i == 0 || CompareIds(job->strangers[i], job->strangers[job->stranger_count - 1]) != 0)
            job->strangers[job->stranger_count++] = job->strangers[i];
}

static void TakeAllUsers(AllJob *job)
{
    job->user_count = job->served->header.users;
    job->users = PallocArray(uint32, job->user_count);
    for (uint32 i = 0; i < job->user_count; i++)
        job->users[i] = i;
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

static ArrayType *ArrayArgument(FunctionCallInfo fcinfo, int argument)
{
    return PG_ARGISNULL(argument) ? NULL : PG_GETARG_ARRAYTYPE_P(argument);
}

/* Arguments: model, k, users, exclude_seen, candidates, exclude. */
static Datum TopKAll(FunctionCallInfo fcinfo, IdKind kind)
{
    AllJob job = {.kind = kind};
    ModelTable table;

    RowSetOpen(&job.rows, fcinfo);
    if (PG_ARGISNULL(1) || PG_ARGISNULL(3))
        return (Datum)0;
    if (PG_GETARG_INT32(1) < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("k must be at least 1, not %d", PG_GETARG_INT32(1))));
    job.served = ServedOpen(PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0), &table);
    job.exclude_seen = PG_GETARG_BOOL(3);
    job.limit = Min((uint32)PG_GETARG_INT32(1), job.served->header.items);
    CheckKinds(job.served, kind);
    CheckNeed(&job);
    job.user_ids = DictionaryRead(&job.served->users, &table.store);
    if (!job.served->resident)
        job.item_ids = DictionaryRead(&job.served->items, &table.store);
    TakeItems(&job, ArrayArgument(fcinfo, 4), ArrayArgument(fcinfo, 5));
    if (PG_ARGISNULL(2))
        TakeAllUsers(&job);
    else
        TakeUsers(&job, PG_GETARG_ARRAYTYPE_P(2));
    job.batch = AllocSetContextCreate(CurrentMemoryContext, "recadv batch", ALLOCSET_DEFAULT_SIZES);
    BackendHostInit(&job.backend, CurrentMemoryContext, "recadv_topk_all");
    BackendHostRun(&job.backend, recadv_max_threads, Work, &job);
    ModelTableClose(&table);
    return (Datum)0;
}

PG_FUNCTION_INFO_V1(recadv_topk_all_bigint);
PG_FUNCTION_INFO_V1(recadv_topk_all_text);

Datum recadv_topk_all_bigint(PG_FUNCTION_ARGS)
{
    return TopKAll(fcinfo, ID_INTEGER);
}

Datum recadv_topk_all_text(PG_FUNCTION_ARGS)
{
    return TopKAll(fcinfo, ID_TEXT);
}
