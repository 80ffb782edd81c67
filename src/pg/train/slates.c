/*
 * slates.c: checks the rows of a log of slates and keeps those that are whole.
 *
 * Items get provisional numbers as they come; in the end rows are in order of session and step
 * (session_log.c), and what is left of the items is numbered in order of ids.
 */
#include "pg/train/slates.h"

#include <math.h>

#include "utils/builtins.h"

#include "core/host.h"
#include "algo/policy/environment.h"
#include "pg/base/settings.h"
#include "pg/base/weights.h"

#define CHECK_MEMORY_EVERY 65536

/* A row that is kept; what it shows begins at `first` of the arrays below. */
typedef struct Slate {
    uint64 first;
    uint64 past; /* where its history begins, likewise */
    uint32 count;
    uint32 past_count;
} Slate;

/* Where an item stands in the row that has shown it last. */
typedef struct Mark {
    uint64 row; /* counted from 1 */
    uint32 place;
} Mark;

struct SlateCollector {
    MemoryContext context;
    SessionLog log;
    IdIndex *items;
    IdIndex *clicks;     /* reads values alone: their type may be another */
    IdIndex *pasts;      /* likewise; NULL without the column */
    Oid propensity_type; /* below any domain; or InvalidOid */
    ArrayColumn shown, clicked, propensities, histories;
    uint64 row; /* the one that is being looked at */
    Size room;
    Slate *slate; /* of log.entry[i].row */
    Size shown_count, shown_room;
    uint32 *item; /* provisional numbers */
    bool *is_clicked;
    float *propensity; /* NULL without the column */
    Size past_count, past_room;
    uint32 *past; /* items of histories: provisional numbers */
    Mark *mark;   /* of each item */
    Size mark_room;
};

/* --- columns */

static ArrayColumn OpenItems(const char *column, Oid type)
{
    return ArrayColumnOpen(
        column, type, "an array of items",
        "array_agg(item ORDER BY position) makes one of rows; an empty one needs a "
        "cast such as '{}'::bigint[].");
}

static void CheckKinds(const SlateCollector *c, const SlateColumns *columns, const char *name,
                       const ArrayColumn *other)
{
    if (IdKindOfType(c->shown.element) != IdKindOfType(other->element))
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("column \"%s\" has items of type %s, column \"%s\" of type %s",
                               columns->shown, format_type_be(c->shown.element), name,
                               format_type_be(other->element)),
                        errhint("Cast one of them in a query as the source.")));
}

static void OpenHistories(SlateCollector *c, const SlateColumns *columns, const SlateTypes *types)
{
    if (!OidIsValid(types->history))
        return;
    c->histories = OpenItems(columns->history, types->history);
    CheckKinds(c, columns, columns->history, &c->histories);
    c->pasts = IdIndexCreate(c->context, c->histories.element);
}

static void OpenPropensities(SlateCollector *c, const SlateColumns *columns,
                             const SlateTypes *types)
{
    if (OidIsValid(types->propensity))
        c->propensities = NumbersColumnOpen(
            columns->propensity, types->propensity,
            "It has for each item that was shown the probability that it was shown.",
            &c->propensity_type);
}

SlateCollector *SlateCollectorCreate(MemoryContext context, const SlateColumns *columns,
                                     const SlateTypes *types)
{
    SlateCollector *c = MemoryContextAllocZero(context, sizeof(SlateCollector));

    c->context = context;
    c->shown = OpenItems(columns->shown, types->shown);
    c->clicked = OpenItems(columns->clicked, types->clicked);
    CheckKinds(c, columns, columns->clicked, &c->clicked);
    SessionLogOpen(&c->log, context,
                   &(SessionColumns){columns->session, columns->step, columns->reward},
                   &(SessionTypes){types->session, types->step, types->reward});
    OpenPropensities(c, columns, types);
    c->items = IdIndexCreate(context, c->shown.element);
    c->clicks = IdIndexCreate(context, c->clicked.element);
    OpenHistories(c, columns, types);
    return c;
}

/* --- memory */

static Size ShownBytes(const SlateCollector *c)
{
    return sizeof(uint32) + sizeof(bool) + (OidIsValid(c->propensity_type) ? sizeof(float) : 0);
}

static Size CollectorMemoryOf(const SlateCollector *c)
{
    Size arrays =
        add_size(mul_size(c->room, sizeof(Slate)), mul_size(c->shown_room, ShownBytes(c)));
    Size ids = add_size(SessionLogMemory(&c->log), IdIndexMemory(c->items, 1));

    arrays = add_size(arrays, mul_size(c->past_room, sizeof(uint32)));
    return add_size(add_size(arrays, ids), mul_size(c->mark_room, sizeof(Mark)));
}

static void CheckReading(const SlateCollector *c)
{
    CheckMemoryOfSlates(CollectorMemoryOf(c), "reading the slates");
}

static void GrowShown(SlateCollector *c, Size more)
{
    if (!NeedsRoom(&c->shown_room, add_size(c->shown_count, more)))
        return;
    CheckReading(c);
    c->item = ResizeArray(c->context, c->item, c->shown_room, sizeof(uint32));
    c->is_clicked = ResizeArray(c->context, c->is_clicked, c->shown_room, sizeof(bool));
    if (OidIsValid(c->propensity_type))
        c->propensity = ResizeArray(c->context, c->propensity, c->shown_room, sizeof(float));
}

static void GrowPast(SlateCollector *c)
{
    if (!NeedsRoom(&c->past_room, add_size(c->past_count, VISITOR_HISTORY)))
        return;
    CheckReading(c);
    c->past = ResizeArray(c->context, c->past, c->past_room, sizeof(uint32));
}

static void GrowSlates(SlateCollector *c)
{
    if (!NeedsRoom(&c->room, c->log.count + 1))
        return;
    CheckReading(c);
    c->slate = ResizeArray(c->context, c->slate, c->room, sizeof(Slate));
}

static Mark *MarkOf(SlateCollector *c, uint32 item)
{
    Size before = c->mark_room;

    if (NeedsRoom(&c->mark_room, (Size)item + 1)) {
        CheckReading(c);
        c->mark = ResizeArray(c->context, c->mark, c->mark_room, sizeof(Mark));
        memset(c->mark + before, 0, (c->mark_room - before) * sizeof(Mark));
    }
    return &c->mark[item];
}

/* --- one row.  Each function returns what is wrong with it, or NULL. */

/* A row that is being looked at. */
typedef struct Looked {
    const SlateRow *row;
    Elements shown, clicked, propensity, history;
    uint32 past; /* of the history: items that are kept */
} Looked;

static const char *LookAtArrays(const SlateCollector *c, Looked *l)
{
    bool propensities = OidIsValid(c->propensity_type);
    const char *problem = ArrayElements(&c->shown, l->row->shown, MOST_SHOWN, &l->shown);

    if (problem == NULL)
        problem = ArrayElements(&c->clicked, l->row->clicked, MOST_SHOWN, &l->clicked);
    if (problem == NULL && propensities)
        problem = ArrayElements(&c->propensities, l->row->propensity, MOST_SHOWN, &l->propensity);
    if (problem == NULL && c->pasts != NULL)
        problem = ArrayElements(&c->histories, l->row->history, MOST_SHOWN, &l->history);
    if (problem == NULL && l->shown.count == 0)
        return "nothing was shown";
    if (problem == NULL && propensities && !l->row->propensity.isnull &&
        l->propensity.count != l->shown.count)
        return psprintf("it has %d propensities for %d items", l->propensity.count, l->shown.count);
    return problem;
}

/* Numbers the items of the row; what is not kept in the end is not counted. */
static const char *TakeShown(SlateCollector *c, const Looked *looked)
{
    for (int i = 0; i < looked->shown.count; i++) {
        Id id = IdIndexIdOf(c->items, looked->shown.value[i]);
        uint32 number;
        Mark *mark;

        if (!IdIsUsable(id))
            return "an item has an id that is too long or no text";
        number = IdIndexAdd(c->items, id);
        mark = MarkOf(c, number);
        if (mark->row == c->row)
            return "an item was shown twice";
        *mark = (Mark){c->row, (uint32)i};
        c->item[c->shown_count + (Size)i] = number;
        c->is_clicked[c->shown_count + (Size)i] = false;
    }
    return NULL;
}

/* An item that was clicked twice was clicked. */
static const char *TakeClicked(SlateCollector *c, const Looked *looked)
{
    for (int i = 0; i < looked->clicked.count; i++) {
        Id id = IdIndexIdOf(c->clicks, looked->clicked.value[i]);
        const Mark *mark;

        if (!IdIsUsable(id))
            return "an item has an id that is too long or no text";
        mark = MarkOf(c, IdIndexAdd(c->items, id));
        if (mark->row != c->row)
            return "an item was clicked that was not shown";
        c->is_clicked[c->shown_count + mark->place] = true;
    }
    return NULL;
}

static const char *TakePropensities(SlateCollector *c, const Looked *looked)
{
    for (int i = 0; i < looked->shown.count && c->propensity != NULL; i++) {
        float *propensity = &c->propensity[c->shown_count + (Size)i];

        *propensity = looked->row->propensity.isnull
                          ? NAN
                          : (float)RealOf(c->propensity_type, looked->propensity.value[i]);
        if (!looked->row->propensity.isnull && !(*propensity > 0 && *propensity <= 1))
            return "a propensity is not above 0 and at most 1";
    }
    return NULL;
}

/* The last of it, oldest first. */
static const char *TakeHistory(SlateCollector *c, Looked *looked)
{
    if (c->pasts == NULL)
        return NULL;
    GrowPast(c);
    for (int i = Max(0, looked->history.count - VISITOR_HISTORY); i < looked->history.count; i++) {
        Id id = IdIndexIdOf(c->pasts, looked->history.value[i]);

        if (!IdIsUsable(id))
            return "an item has an id that is too long or no text";
        c->past[c->past_count + looked->past++] = IdIndexAdd(c->items, id);
    }
    return NULL;
}

static float RewardOf(const SlateCollector *c, const Looked *looked, float reward)
{
    uint32 clicks = 0;

    if (!isnan(reward))
        return reward;
    for (int i = 0; i < looked->shown.count; i++)
        clicks += c->is_clicked[c->shown_count + (Size)i];
    return ClickReward(clicks, (uint32)looked->shown.count);
}

static void KeepSlate(SlateCollector *c, const Looked *looked)
{
    GrowSlates(c);
    c->slate[c->log.count] = (Slate){.first = c->shown_count,
                                     .past = c->past_count,
                                     .count = (uint32)looked->shown.count,
                                     .past_count = looked->past};
    c->shown_count += (Size)looked->shown.count;
    c->past_count += looked->past;
    if ((c->log.count + 1) % CHECK_MEMORY_EVERY == 0)
        CheckReading(c);
}

static const char *TakeSlate(void *collector, const void *row, LoggedStep *step)
{
    SlateCollector *c = collector;
    Looked looked = {.row = row};
    const char *problem = LookAtArrays(c, &looked);

    if (problem != NULL)
        return problem;
    c->row++;
    GrowShown(c, (Size)looked.shown.count);
    problem = TakeShown(c, &looked);
    if (problem == NULL)
        problem = TakeClicked(c, &looked);
    if (problem == NULL)
        problem = TakePropensities(c, &looked);
    if (problem == NULL)
        problem = TakeHistory(c, &looked);
    if (problem != NULL)
        return problem;
    step->reward = RewardOf(c, &looked, step->reward);
    KeepSlate(c, &looked);
    return NULL;
}

void SlateCollectorAdd(SlateCollector *c, const SlateRow *row)
{
    SessionLogAdd(&c->log, &(SessionRow){row->session, row->step, row->reward}, TakeSlate, c, row);
}

/* --- all rows */

/* Sums over what is kept. */
typedef struct Totals {
    uint32 *item; /* of each: is it used?, then its number */
    uint64 steps, shown, past;
} Totals;

static Totals CountUsed(const SlateCollector *c, const uint32 *dense, uint32 items)
{
    Totals totals = {.item = PallocArray(uint32, (Size)items + 1)};

    memset(totals.item, 0, ((Size)items + 1) * sizeof(uint32));
    for (Size i = 0; i < c->log.count; i++) {
        const LoggedStep *e = &c->log.entry[i];
        const Slate *slate = &c->slate[e->row];

        PollRow(i);
        if (e->dropped)
            continue;
        totals.steps++;
        totals.shown += slate->count;
        for (uint32 k = 0; k < slate->count; k++)
            totals.item[dense[c->item[slate->first + k]]] = 1;
        totals.past += slate->past_count;
        for (uint32 k = 0; k < slate->past_count; k++)
            totals.item[dense[c->past[slate->past + k]]] = 1;
    }
    return totals;
}

static Size ArraysMemory(uint64 sessions, uint64 steps, uint64 shown, bool propensities)
{
    Size offsets = SizeMultiply(SizeAdd(SizeAdd(sessions, steps), 2), sizeof(uint64));
    Size each = sizeof(uint32) + sizeof(bool) + (propensities ? sizeof(float) : 0);

    return SizeAdd(SizeAdd(offsets, SizeMultiply(steps, sizeof(float))), SizeMultiply(shown, each));
}

static void AllocateSlates(Slates *s, bool propensities)
{
    s->session = PallocArray(uint64, (Size)s->sessions + 1);
    s->step = PallocArray(uint64, s->steps + 1);
    s->shown = PallocArray(uint32, s->shown_count + 1);
    s->clicked = PallocArray(bool, s->shown_count + 1);
    s->reward = PallocArray(float, s->steps + 1);
    s->propensity = propensities ? PallocArray(float, s->shown_count + 1) : NULL;
}

static void CopySlate(const SlateCollector *c, const Slate *e, const uint32 *number, uint64 at,
                      Slates *s)
{
    for (uint32 k = 0; k < e->count; k++)
        s->shown[at + k] = number[c->item[e->first + k]];
    memcpy(s->clicked + at, c->is_clicked + e->first, e->count * sizeof(bool));
    if (s->propensity != NULL)
        memcpy(s->propensity + at, c->propensity + e->first, e->count * sizeof(float));
}

/* Steps are in order; number[]: the item of each provisional number. */
static void FillSlates(const SlateCollector *c, const uint32 *session, const uint32 *number,
                       Slates *s)
{
    uint64 step = 0, at = 0;
    uint32 sessions = 0;

    for (Size i = 0; i < c->log.count; i++) {
        const LoggedStep *e = &c->log.entry[i];

        PollRow(i);
        if (e->dropped)
            continue;
        if (session[e->session] == sessions)
            s->session[sessions++] = step;
        s->step[step] = at;
        s->reward[step++] = e->reward;
        CopySlate(c, &c->slate[e->row], number, at, s);
        at += c->slate[e->row].count;
    }
    s->session[sessions] = step;
    s->step[step] = at;
}

/* In the order of the steps. */
static Past *FillPast(const SlateCollector *c, const uint32 *number, const Totals *totals)
{
    uint64 *first = PallocArray(uint64, totals->steps + 1), step = 0, at = 0;
    uint32 *items = PallocArray(uint32, totals->past + 1);
    Past *past = palloc(sizeof(Past));

    for (Size i = 0; i < c->log.count; i++) {
        const LoggedStep *e = &c->log.entry[i];
        const Slate *slate = &c->slate[e->row];

        PollRow(i);
        if (e->dropped)
            continue;
        first[step++] = at;
        for (uint32 k = 0; k < slate->past_count; k++)
            items[at++] = number[c->past[slate->past + k]];
    }
    first[step] = at;
    *past = (Past){first, items};
    return past;
}

static void Summarize(CollectedSlates *result)
{
    const Slates *s = &result->slates;
    double reward = 0;

    for (uint64 t = 0; t < s->steps; t++)
        reward += s->reward[t];
    for (uint32 n = 0; n < s->sessions; n++)
        result->single_steps += s->session[n + 1] - s->session[n] == 1;
    if (s->sessions == 0)
        return;
    result->logged_reward = reward / s->sessions;
    result->logged_depth = (double)s->steps / s->sessions;
    result->usual_size = UsualSlate(s);
}

static void CheckSorting(const SlateCollector *c)
{
    Size ids = SizeAdd(SessionLogSortMemory(&c->log), IdIndexSortMemory(c->items));
    Size slates = ArraysMemory(c->log.count, c->log.count, c->shown_count, c->propensity != NULL);

    slates = SizeAdd(slates, SizeMultiply(c->past_count, sizeof(uint32)));
    slates = SizeAdd(slates, SizeMultiply(c->pasts == NULL ? 0 : c->log.count, sizeof(uint64)));
    CheckMemoryOfSlates(SizeAdd(SizeAdd(CollectorMemoryOf(c), ids), slates), "sorting the slates");
}

static void Release(SlateCollector *c)
{
    void *arrays[] = {c->slate, c->item, c->is_clicked, c->propensity, c->past, c->mark};

    for (int i = 0; i < (int)lengthof(arrays); i++)
        if (arrays[i] != NULL)
            pfree(arrays[i]);
    c->slate = NULL;
    c->item = NULL;
    c->is_clicked = NULL;
    c->propensity = NULL;
    c->past = NULL;
    c->mark = NULL;
    SessionLogRelease(&c->log);
}

/* What of the items is left, in order of ids; dense[] becomes the number of each among them. */
static void KeepItems(SlateCollector *c, uint32 *dense, const IdList *items, Totals *totals,
                      CollectedSlates *result)
{
    result->items = KeepUsedIds(items, totals->item);
    for (uint32 i = 0; i < items->count; i++)
        dense[i] = totals->item[dense[i]];
    pfree(totals->item);
}

/* Rows in order, and what of sessions and items is left of them, in order of ids. */
static void Arrange(SlateCollector *c, CollectedSlates *result)
{
    Slates *s = &result->slates;
    uint32 *session, *dense;
    IdList items;
    Totals totals;

    IdIndexSort(c->items, &items, &dense);
    IdIndexRelease(c->items);
    SessionLogSort(&c->log);
    result->sessions = SessionLogSessions(&c->log, &session);
    totals = CountUsed(c, dense, items.count);
    KeepItems(c, dense, &items, &totals, result);
    *s = (Slates){.sessions = result->sessions.count,
                  .items = result->items.count,
                  .steps = totals.steps,
                  .shown_count = totals.shown};
    AllocateSlates(s, c->propensity != NULL);
    FillSlates(c, session, dense, s);
    if (c->pasts != NULL)
        result->past = FillPast(c, dense, &totals);
    pfree(session);
    pfree(dense);
    IdListFree(&items);
}

void SlateCollectorFinish(SlateCollector *c, CollectedSlates *result)
{
    MemoryContext caller = MemoryContextSwitchTo(c->context);

    CheckSorting(c);
    *result = (CollectedSlates){.item_type = IdIndexType(c->items), .null_rows = c->log.null_rows};
    Arrange(c, result);
    result->broken = c->log.broken;
    Summarize(result);
    Release(c);
    MemoryContextSwitchTo(caller);
}

void CollectedSlatesReport(const CollectedSlates *collected)
{
    ReportSkippedRows(collected->null_rows, &collected->broken);
}
