/* refresh.c: recadv_refresh(): learns what is new, in one transaction. */
#include "pg/base/compat.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"

#include "algo/rank/prequential.h"
#include "pg/base/rowset.h"
#include "pg/base/times.h"
#include "pg/model/interactions.h"
#include "pg/model/pieces.h"
#include "pg/model/resolve.h"
#include "pg/model/watermark.h"
#include "pg/stream/unlearnt.h"
#include "pg/stream/observer.h"
#include "pg/serve/publish.h"
#include "pg/sql/checks.h"
#include "pg/train/runs.h"
#include "pg/stream/model_slice.h"

/* Arguments of recadv_refresh. */
enum { REFRESH_MODEL, REFRESH_METRICS, REFRESH_IF_BUSY };

/* Events between two looks of others at how far it is. */
#define TELL_EVERY 256

typedef struct Refresh {
    BackendHost backend;
    Oid relid;
    ModelTable table;
    Current current;
    Header header;
    Window window;
    Unlearnt unlearnt;
    ModelSlice slice;
    RecentCounts recent;
    double newest;   /* time that can be believed: seconds */
    uint32 *user_at; /* of each user of what is unlearnt: its index in the slice, or UNKNOWN_ID */
    uint32 *item_at;
    uint32 more_items; /* that will be new */
    bool rank;
    StreamMetrics metrics;
    TimestampTz started;
    double read_seconds; /* of finding what is new */
    double learn_seconds;
    double write_seconds;
    double seconds;
} Refresh;

/* False if another session trains or refreshes the model, and that is no error. */
static bool Lock(Refresh *r, text *model, bool skip)
{
    ModelOpen(model, MODEL_OWN, &r->table);
    r->relid = RelationGetRelid(r->table.relation);
    if (RunLock(r->relid, false))
        return true;
    if (!skip)
        FailBusy(r->table.store.name);
    ModelTableClose(&r->table);
    return false;
}

static void Open(Refresh *r, MemoryContext context)
{
    MemoryContext caller;

    BackendHostInit(&r->backend, context, psprintf("recadv_refresh \"%s\"", r->table.store.name));
    RunStatusBegin(&r->backend.status, RUN_REFRESH, r->relid, r->table.store.name);
    /* Not the statement's snapshot: it may be older than the lock. */
    PushActiveSnapshot(GetLatestSnapshot());
    caller = MemoryContextSwitchTo(context);
    r->current = ModelTableCurrent(&r->table, false);
    r->table.store.version = r->current.version;
    r->header = HeaderRead(&r->table.store);
    if (r->header.algorithm->stream == NULL)
        FailNoStream(r->table.store.name, r->header.algorithm);
    r->window = WindowRead(&r->table.store, &r->header);
    MemoryContextSwitchTo(caller);
}

static void Close(Refresh *r)
{
    PopActiveSnapshot();
    ModelTableClose(&r->table);
    MemoryContextDelete(r->backend.context);
}

/* Stored index of those ids that occur in the events to be learnt; UNKNOWN_ID for the others. */
static uint32 *FindStored(Refresh *r, Axis side, const IdList *ids, const bool *wanted)
{
    uint32 *found = PallocArray(uint32, (Size)ids->count + 1), searches = 0;
    IdList all = {0};
    Dictionary dictionary;

    DictionaryOpen(&r->table.store, &r->header, side, &dictionary);
    for (uint32 i = 0; i < ids->count; i++)
        searches += wanted[i];
    if (searches > dictionary.root.count) /* each search reads a block: rather read all, once */
        all = DictionaryRead(&dictionary, &r->table.store);
    for (uint32 i = 0; i < ids->count; i++) {
        Id id = IdListGet(ids, i);

        if (!wanted[i])
            found[i] = UNKNOWN_ID;
        else if (all.count > 0)
            found[i] = IdListFind(&all, id);
        else
            found[i] = DictionaryFind(&dictionary, &r->table.store, id);
        CHECK_FOR_INTERRUPTS();
    }
    return found;
}

/* The known ones, ascending; returns how many. */
static uint32 SortKnown(const uint32 *found, uint32 count, uint32 *known)
{
    uint32 kept = 0;

    for (uint32 i = 0; i < count; i++)
        if (found[i] != UNKNOWN_ID)
            known[kept++] = found[i];
    SortIndexes(known, kept);
    return kept;
}

/*
 * Turns stored indexes of users into indexes in the slice.  Unknown users get theirs when their
 * first event is learnt.
 */
static void PlaceUsers(const uint32 *known, uint32 count, uint32 *found, uint32 ids)
{
    for (uint32 i = 0; i < ids; i++) {
        const uint32 *at;

        if (found[i] == UNKNOWN_ID)
            continue;
        at = bsearch(&found[i], known, count, sizeof(uint32), CompareIndexes);
        found[i] = (uint32)(at - known);
    }
}

static uint32 CountUnknown(const uint32 *found, const bool *wanted, uint32 count)
{
    uint32 unknown = 0;

    for (uint32 i = 0; i < count; i++)
        unknown += wanted[i] && found[i] == UNKNOWN_ID;
    return unknown;
}

static void CheckRoom(uint32 known, uint32 more)
{
    if ((uint64)known + more > MAX_IDS)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("the model would have more than %d users or items", MAX_IDS)));
}

/* The run lock keeps other sessions out, but not what the source itself calls while it is read. */
static void CheckStillCurrent(Refresh *r)
{
    Current now;
    const char *problem;

    PushActiveSnapshot(GetLatestSnapshot());
    problem = ModelTableTryCurrent(&r->table, &now);
    PopActiveSnapshot();
    if (problem != NULL || memcmp(&now, &r->current, sizeof(now)) != 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
                        errmsg("model \"%s\" was changed by its own source, which was read to "
                               "refresh it",
                               r->table.store.name),
                        errhint("A view or function in the source calls recadv.")));
}

static void LoadSlice(Refresh *r)
{
    const Unlearnt *unlearnt = &r->unlearnt;
    bool *users = palloc0((Size)unlearnt->users.count + 1);
    bool *items = palloc0((Size)unlearnt->items.count + 1);
    uint32 *known = PallocArray(uint32, (Size)unlearnt->users.count + 1), count;
    uint32 more_users;

    for (uint64 i = 0; i < unlearnt->count; i++) {
        users[unlearnt->events[i].user] = true;
        items[unlearnt->events[i].item] = true;
    }
    r->user_at = FindStored(r, AXIS_USER, &unlearnt->users, users);
    r->item_at = FindStored(r, AXIS_ITEM, &unlearnt->items, items);
    more_users = CountUnknown(r->user_at, users, unlearnt->users.count);
    r->more_items = CountUnknown(r->item_at, items, unlearnt->items.count);
    CheckRoom(r->header.users, more_users);
    CheckRoom(r->header.items, r->more_items);
    count = SortKnown(r->user_at, unlearnt->users.count, known);
    PlaceUsers(known, count, r->user_at, unlearnt->users.count);
    SliceLoad(&r->slice, &r->table.store, &r->header, &r->backend, known, count, more_users,
              r->more_items);
}

/* The counts of what is popular of late, ready for what is new. */
static void LoadRecent(Refresh *r)
{
    MemoryContext caller = MemoryContextSwitchTo(r->backend.context);
    Watermark mark;

    r->recent = RecentRead(&r->table.store, &r->header, r->more_items);
    MemoryContextSwitchTo(caller);
    if (r->recent.half_life == 0)
        return;
    WatermarkBegin(&mark, r->header.time_type, r->window.first, r->window.watermark,
                   r->header.events + r->unlearnt.count, r->unlearnt.count);
    for (uint64 i = 0; i < r->unlearnt.count; i++)
        WatermarkAdd(&mark, r->unlearnt.events[i].time);
    WatermarkEnd(&mark);
    r->newest = Max(TimeSeconds(r->header.time_type, mark.time), r->recent.origin);
    RecentMove(&r->recent, r->newest);
}

/* The event's user and item get their rows first, if they are new. */
static void LearnEvent(Refresh *r, Stream *stream, const UnlearntEvent *event)
{
    uint32 *user = &r->user_at[event->user], *item = &r->item_at[event->item];
    double seconds = TimeSeconds(r->header.time_type, event->time);
    uint64 repeats = stream->total.repeats;

    if (*user == UNKNOWN_ID)
        *user = SliceAddUser(&r->slice, IdListGet(&r->unlearnt.users, event->user));
    if (*item == UNKNOWN_ID)
        *item = SliceAddItem(&r->slice, IdListGet(&r->unlearnt.items, event->item));
    StreamEvent(stream, &(Event){*user, *item, seconds, event->weight}, r->rank);
    if (r->recent.half_life > 0 && stream->total.repeats == repeats)
        RecentAdd(&r->recent, *item, seconds, r->newest, event->weight);
}

static void Learn(void *arg)
{
    Refresh *r = arg;
    Stream stream;

    StreamOpen(&r->backend.host, &r->slice.model, &r->slice.history, r->header.events,
               r->header.mean_weight, &stream);
    for (uint64 i = 0; i < r->unlearnt.count; i++) {
        LearnEvent(r, &stream, &r->unlearnt.events[i]);
        if (i % TELL_EVERY == 0)
            RunStatusShare(&r->backend.status, i, r->unlearnt.count);
    }
    StreamClose(&stream);
    r->metrics = stream.total;
}

/* A stage of the refresh; returns the clock at its begin. */
static double Begin(Refresh *r, const char *stage)
{
    RunStatusStage(&r->backend.status, stage);
    return HostClock();
}

static void FindNew(Refresh *r)
{
    double start = Begin(r, "read");

    UnlearntRead(&r->table, &r->header, &r->window, &r->backend, &r->unlearnt);
    r->read_seconds = HostClock() - start;
}

static void LearnNew(Refresh *r)
{
    double start = Begin(r, "learn");

    LoadSlice(r);
    LoadRecent(r);
    BackendHostRun(&r->backend, 1, Learn, r);
    r->learn_seconds = HostClock() - start;
}

/* What the model has now; the slice is loaded if there was something to learn. */
static int64 Users(const Refresh *r)
{
    return (int64)r->header.users + r->slice.model.users - r->slice.known;
}

static int64 Items(const Refresh *r)
{
    return r->unlearnt.count > 0 ? r->slice.model.items : r->header.items;
}

static int64 AllInteractions(Refresh *r)
{
    int64 before = 0;

    JsonbGetInteger(StoreReadJson(&r->table.store, PART_HEADER, 0), "interactions", &before);
    return before + (int64)(r->metrics.events - r->metrics.repeats);
}

/* The header with the new numbers in place of the old ones. */
static char *NewHeader(Refresh *r, const Window *window)
{
    const ModelSlice *s = &r->slice;
    Jsonb *old = StoreReadJson(&r->table.store, PART_HEADER, 0), *merged;
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    JsonInteger(&json, "users", Users(r));
    JsonInteger(&json, "items", Items(r));
    JsonInteger(&json, "added_users", s->users.added.count);
    JsonInteger(&json, "added_items", s->items.added.count);
    JsonInteger(&json, "interactions", AllInteractions(r));
    WindowDescribe(&json, window, r->header.events + r->unlearnt.count);
    RecentDescribe(&json, &r->recent);
    JsonTime(&json, "refreshed", GetCurrentTimestamp());
    JsonClose(&json, '}');
    merged = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(old),
                                                JsonbPGetDatum(JsonbParse(json.data))));
    return JsonbToCString(NULL, &merged->root, VARSIZE(merged));
}

/* Adds these events to the lists of their users. */
static void WriteLearnt(Refresh *r, ModelSink *sink)
{
    const ModelSlice *s = &r->slice;
    History learnt;

    if (!r->header.learnt)
        return;
    HistoryInit(&r->backend.host, Max(s->model.users, 1), 0, &learnt);
    ReadListsOf(s->store, &learnt_lists, &r->header, s->index, s->known, &learnt);
    for (uint64 i = 0; i < r->unlearnt.count; i++) {
        const UnlearntEvent *event = &r->unlearnt.events[i];

        HistoryAdd(&learnt, r->user_at[event->user],
                   LearntHash(IdListGet(&r->unlearnt.users, event->user),
                              IdListGet(&r->unlearnt.items, event->item), event->time));
        CHECK_FOR_INTERRUPTS();
    }
    WriteListsOf(s->store, &learnt_lists, &r->header, &learnt, s->index, s->model.users,
                 r->header.users + s->new_users.count, sink);
}

static void Write(void *arg, ModelSink *sink)
{
    Refresh *r = arg;
    Window window = WindowAdvance(&r->window, r->header.events + r->unlearnt.count,
                                  UnlearntFingerprints(&r->unlearnt), r->unlearnt.count);

    StaticAssertStmt(PIECES == 10,
                     "a refresh writes all but the learning curve and ordered histories, which no "
                     "algorithm that streams has");
    SliceWrite(&r->slice, sink);
    RecentWrite(sink, &r->recent);
    WriteLearnt(r, sink);
    WindowWrite(sink, &window);
    SinkPutJson(sink, PART_HEADER, 0, NewHeader(r, &window));
}

static void PublishLearnt(Refresh *r)
{
    double start = Begin(r, "write");
    MemoryContext caller = MemoryContextSwitchTo(r->backend.context);
    PublishedVersion published = {.version = r->current.version,
                                  .previous = r->current.previous,
                                  .write = Write,
                                  .arg = r,
                                  .pending = &r->unlearnt.pending};

    PublishVersion(r->relid, &published);
    MemoryContextSwitchTo(caller);
    r->write_seconds = HostClock() - start;
}

static double Mean(double sum, uint64 count)
{
    return count > 0 ? sum / (double)count : (double)NAN;
}

/* The row of the log: one of its own for what was learnt, one for all that find nothing in a row.
 */
static void Log(Refresh *r)
{
    const StreamMetrics *m = &r->metrics;
    const Unlearnt *u = &r->unlearnt;
    bool idle = u->count == 0 && u->pending.count == 0;
    Run run = {.kind = RUN_REFRESH,
               .status = "succeeded",
               .message = idle ? "nothing new" : NULL,
               .started = r->started,
               .version = r->current.version};
    RefreshResult result = {.header = &r->header,
                            .users = Users(r),
                            .items = Items(r),
                            .interactions = AllInteractions(r),
                            .read = u->read,
                            .events = u->count,
                            .observed = u->pending.count,
                            .null_rows = u->null_rows,
                            .weightless_rows = u->weightless_rows,
                            .unusable_ids = u->unusable.rows,
                            .new_users = m->new_users,
                            .new_items = m->new_items,
                            .ranked = m->ranked,
                            .hr = Mean(m->hr, m->ranked),
                            .ndcg = Mean(m->ndcg, m->ranked),
                            .mrr = Mean(m->mrr, m->ranked),
                            .k = STREAM_CUTOFF,
                            .read_seconds = r->read_seconds,
                            .learn_seconds = r->learn_seconds,
                            .write_seconds = r->write_seconds};

    run.number = idle ? RunNumberIdle(r->relid) : RunNumber(r->relid, RUN_REFRESH, true);
    RunWriteRefresh(r->relid, &run, &result);
}

static Datum Report(FunctionCallInfo fcinfo, const Refresh *r)
{
    const StreamMetrics *m = &r->metrics;
    ResultRow row = {0};

    ResultText(&row, r->table.store.name);
    ResultInt4(&row, r->current.version);
    ResultInt8(&row, (int64)r->unlearnt.count);
    ResultInt8(&row, (int64)r->unlearnt.pending.count);
    ResultInt8(&row, (int64)r->unlearnt.null_rows);
    ResultInt8(&row, (int64)m->new_users);
    ResultInt8(&row, (int64)m->new_items);
    ResultInt8(&row, (int64)m->ranked);
    ResultMean(&row, m->hr, m->ranked);
    ResultMean(&row, m->ndcg, m->ranked);
    ResultMean(&row, m->mrr, m->ranked);
    ResultFloat8(&row, r->seconds);
    ResultInt8(&row, (int64)r->unlearnt.weightless_rows);
    return ResultRowDatum(fcinfo, &row);
}

PG_FUNCTION_INFO_V1(recadv_refresh);

Datum recadv_refresh(PG_FUNCTION_ARGS)
{
    double start = HostClock();
    Refresh r = {.rank = !PG_ARGISNULL(REFRESH_METRICS) && PG_GETARG_BOOL(REFRESH_METRICS),
                 .started = GetCurrentTimestamp()};
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "recadv refresh", ALLOCSET_DEFAULT_SIZES);
    bool skip =
        !PG_ARGISNULL(REFRESH_IF_BUSY) &&
        ParseIfBusy(text_to_cstring(PG_GETARG_TEXT_PP(REFRESH_IF_BUSY)), false) == IF_BUSY_SKIP;
    Datum result;

    CheckCanWrite("recadv_refresh()");
    if (!Lock(&r, PG_ARGISNULL(REFRESH_MODEL) ? NULL : PG_GETARG_TEXT_PP(REFRESH_MODEL), skip))
        PG_RETURN_NULL();
    SPI_connect();
    Open(&r, context);
    FindNew(&r);
    CheckStillCurrent(&r);
    if (r.unlearnt.count > 0) {
        LearnNew(&r);
        PublishLearnt(&r);
    } else { /* what the source shows as learnt already, and damaged rows */
        PendingDelete(r.relid, &r.unlearnt.pending);
    }
    Log(&r);
    RunStatusEnd(&r.backend.status);
    SPI_finish();
    UnusableReport(&r.unlearnt.unusable);
    CappedReport(&r.unlearnt.capped);
    r.seconds = HostClock() - start;
    result = Report(fcinfo, &r);
    Close(&r);
    PG_RETURN_DATUM(result);
}
