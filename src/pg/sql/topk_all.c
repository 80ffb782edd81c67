/* topk_all.c: recadv_topk_all: everyone's best items. */
#include "pg/serve/arguments.h"
#include "pg/serve/batches.h"
#include "pg/serve/live_source.h"
#include "pg/serve/user.h"
#include "pg/serve/open.h"

/* Arguments of recadv_topk_all. */
enum {
    ALL_MODEL,
    ALL_K,
    ALL_USERS,
    ALL_EXCLUDE_SEEN,
    ALL_CANDIDATES,
    ALL_EXCLUDE,
    ALL_SEEN,
    ALL_WEIGHT
};

static void MarkItems(BatchJob *job, RowList rows, bool value)
{
    for (uint32 i = 0; i < rows.count; i++) {
        uint64 bit = UINT64CONST(1) << rows.rows[i] % 64, *word = &job->among[rows.rows[i] / 64];

        *word = value ? *word | bit : *word & ~bit;
    }
}

static void TakeItems(BatchJob *job, const Filter *filter)
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
static bool IsNewcomer(BatchJob *job, Id id)
{
    MemoryContext caller = MemoryContextSwitchTo(job->single);
    TargetUser target = TargetUserOfIndex(job->served, job->table, id, UNKNOWN_ID);

    MemoryContextSwitchTo(caller);
    MemoryContextReset(job->single);
    return TargetUserIsKnown(&target);
}

static void TakeUsers(BatchJob *job, IdList *ids)
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
    SortIndexes(job->users, job->user_count);
}

static void TakeAllUsers(BatchJob *job)
{
    job->user_count = job->served->header.users;
    job->users = PallocArray(uint32, job->user_count);
    for (uint32 i = 0; i < job->user_count; i++)
        job->users[i] = i;
}

static void FindLiveRows(BatchJob *job)
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
    bool items = AxisServes(served, AXIS_ITEM, kind);

    if (!items || !AxisServes(served, AXIS_USER, kind))
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("%s of model \"%s\" are not integers", items ? "users" : "items",
                        served->store->name),
                 errhint("Ask for text: recadv_topk_all(model, k, users => NULL::text[]); for uuid "
                         "ids with NULL::uuid[].")));
}

static void OpenJob(FunctionCallInfo fcinfo, BatchJob *job)
{
    uint32 k = KArgument(fcinfo, ALL_K);
    Filter filter;

    job->served = ServedOpen(ModelArgument(fcinfo, ALL_MODEL), job->table);
    HeaderCheckUsers(&job->table->store, &job->served->header);
    job->limit = Min(k, ServedItems(job->served));
    CheckKinds(job->served, job->kind);
    BatchesCheckMemory(job);
    job->user_ids = DictionaryRead(&job->served->users, job->served->store);
    job->item_ids = IdReaderOpen(job->served, AXIS_ITEM);
    IdReaderLoadAll(&job->item_ids);
    filter = FilterArguments(fcinfo, ALL_CANDIDATES, job->served, AXIS_ITEM, job->kind);
    TakeItems(job, &filter);
    job->single =
        AllocSetContextCreate(CurrentMemoryContext, "recadv user", ALLOCSET_DEFAULT_SIZES);
    job->batch =
        AllocSetContextCreate(CurrentMemoryContext, "recadv batch", ALLOCSET_DEFAULT_SIZES);
}

static Datum TopKAll(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    BatchJob job = {.kind = kind, .table = &table};
    Collected live;
    IdList users;

    RowSetOpen(&job.rows, fcinfo);
    if (PG_ARGISNULL(ALL_K) || PG_ARGISNULL(ALL_EXCLUDE_SEEN) || PG_ARGISNULL(ALL_SEEN))
        return (Datum)0;
    BackendHostInit(&job.backend, CurrentMemoryContext, "recadv_topk_all");
    job.exclude_seen = PG_GETARG_BOOL(ALL_EXCLUDE_SEEN);
    job.weight = PopularityWeightArgument(fcinfo, ALL_WEIGHT);
    if (LiveArgument(fcinfo, ALL_SEEN) && job.exclude_seen) {
        LiveInteractions(ModelArgument(fcinfo, ALL_MODEL), &job.backend, &live);
        job.live = &live;
    }
    OpenJob(fcinfo, &job);
    if (job.live != NULL)
        FindLiveRows(&job);
    if (PG_ARGISNULL(ALL_USERS)) {
        TakeAllUsers(&job);
    } else {
        users = IdsArgument(fcinfo, ALL_USERS, kind);
        ServedCanonicalAll(job.served, AXIS_USER, &users);
        TakeUsers(&job, &users);
    }
    BatchesRun(&job);
    ModelTableClose(&table);
    return (Datum)0;
}

FOR_BOTH_KINDS_0_2(recadv_topk_all, TopKAll)
