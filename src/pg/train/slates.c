/*
 * slates.c: checks the rows of a log of slates and keeps those that are whole.
 *
 * Ids get provisional numbers as they come; in the end rows are put in order of session and step,
 * steps that are there twice are dropped, and what is left is numbered in order of ids.
 */
#include "pg/train/slates.h"

#include <math.h>

#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/host.h"
#include "algo/policy/environment.h"
#include "pg/base/settings.h"
#include "pg/base/times.h"
#include "pg/base/weights.h"
#include "pg/ids/id_index.h"

#define CHECK_MEMORY_EVERY 65536

/* A column of arrays. */
typedef struct ArrayColumn {
    Oid element;
    int16 length;
    bool by_value;
    char align;
} ArrayColumn;

/* A row that is kept; what it shows begins at `first` of the arrays below. */
typedef struct Entry {
    uint32 session; /* provisional number, then the dense one */
    uint32 count;
    int64 step;
    uint64 first;
    uint64 past; /* where its history begins, likewise */
    uint32 past_count;
    float reward;
    bool dropped;
} Entry;

/* Where an item stands in the row that has shown it last. */
typedef struct Mark {
    uint64 row; /* counted from 1 */
    uint32 place;
} Mark;

struct SlateCollector {
    MemoryContext context;
    MemoryContext scratch; /* reset after every row */
    IdIndex *sessions;
    IdIndex *items;
    IdIndex *clicks; /* reads values alone: their type may be another */
    IdIndex *pasts;  /* likewise; NULL without the column */
    Oid step_type;   /* below any domain, like those that follow */
    Oid reward_type; /* or InvalidOid */
    Oid propensity_type;
    ArrayColumn shown, clicked, propensities, histories;
    uint64 row; /* the one that is being looked at */
    Size count, room;
    Entry *entry;
    Size shown_count, shown_room;
    uint32 *item; /* provisional numbers */
    bool *is_clicked;
    float *propensity; /* NULL without the column */
    Size past_count, past_room;
    uint32 *past; /* items of histories: provisional numbers */
    Mark *mark;   /* of each item */
    Size mark_room;
    uint64 null_rows;
    BrokenRows broken;
};

/* --- columns */

static void FailType(const char *column, Oid type, const char *wanted, const char *hint)
    __attribute__((noreturn));

static void FailType(const char *column, Oid type, const char *wanted, const char *hint)
{
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("column \"%s\" must be %s, not %s", column, wanted, format_type_be(type)),
             errhint("%s", hint)));
}

static ArrayColumn OpenArray(const char *column, Oid type, const char *wanted, const char *hint)
{
    ArrayColumn array = {.element = get_element_type(getBaseType(type))};

    if (!OidIsValid(array.element))
        FailType(column, type, wanted, hint);
    get_typlenbyvalalign(array.element, &array.length, &array.by_value, &array.align);
    return array;
}

static ArrayColumn OpenItems(const char *column, Oid type)
{
    return OpenArray(column, type, "an array of items",
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

static void OpenNumbers(SlateCollector *c, const SlateColumns *columns, const SlateTypes *types)
{
    c->step_type = getBaseType(types->step);
    if (!IsTimeType(c->step_type))
        FailType(columns->step, types->step, "a number or a time", "It puts a session in order.");
    c->reward_type = OidIsValid(types->reward) ? getBaseType(types->reward) : InvalidOid;
    if (OidIsValid(c->reward_type) && !IsNumberType(c->reward_type))
        FailType(columns->reward, types->reward, "a number", "It is what the step was worth.");
    if (!OidIsValid(types->propensity))
        return;
    c->propensities =
        OpenArray(columns->propensity, types->propensity, "an array of numbers",
                  "It has for each item that was shown the probability that it was shown.");
    c->propensity_type = getBaseType(c->propensities.element);
    if (!IsNumberType(c->propensity_type))
        FailType(columns->propensity, types->propensity, "an array of numbers",
                 "It has for each item that was shown the probability that it was shown.");
}

SlateCollector *SlateCollectorCreate(MemoryContext context, const SlateColumns *columns,
                                     const SlateTypes *types)
{
    SlateCollector *c = MemoryContextAllocZero(context, sizeof(SlateCollector));

    c->context = context;
    c->scratch = AllocSetContextCreate(context, "recadv slate", ALLOCSET_DEFAULT_SIZES);
    c->shown = OpenItems(columns->shown, types->shown);
    c->clicked = OpenItems(columns->clicked, types->clicked);
    CheckKinds(c, columns, columns->clicked, &c->clicked);
    OpenNumbers(c, columns, types);
    c->sessions = IdIndexCreate(context, types->session);
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
        add_size(mul_size(c->room, sizeof(Entry)), mul_size(c->shown_room, ShownBytes(c)));
    Size ids = add_size(IdIndexMemory(c->sessions, 1), IdIndexMemory(c->items, 1));

    arrays = add_size(arrays, mul_size(c->past_room, sizeof(uint32)));
    return add_size(add_size(arrays, ids), mul_size(c->mark_room, sizeof(Mark)));
}

static void *Resize(MemoryContext context, void *array, Size count, Size width)
{
    Size bytes = mul_size(count, width);

    return array == NULL ? MemoryContextAllocHuge(context, bytes) : repalloc_huge(array, bytes);
}

/* The room doubles; false: there is enough. */
static bool NeedsRoom(Size *room, Size wanted)
{
    if (wanted <= *room)
        return false;
    *room = Max(wanted, Max(1024, mul_size(*room, 2)));
    return true;
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
    c->item = Resize(c->context, c->item, c->shown_room, sizeof(uint32));
    c->is_clicked = Resize(c->context, c->is_clicked, c->shown_room, sizeof(bool));
    if (OidIsValid(c->propensity_type))
        c->propensity = Resize(c->context, c->propensity, c->shown_room, sizeof(float));
}

static void GrowPast(SlateCollector *c)
{
    if (!NeedsRoom(&c->past_room, add_size(c->past_count, VISITOR_HISTORY)))
        return;
    CheckReading(c);
    c->past = Resize(c->context, c->past, c->past_room, sizeof(uint32));
}

static void GrowEntries(SlateCollector *c)
{
    if (!NeedsRoom(&c->room, c->count + 1))
        return;
    CheckReading(c);
    c->entry = Resize(c->context, c->entry, c->room, sizeof(Entry));
}

static Mark *MarkOf(SlateCollector *c, uint32 item)
{
    Size before = c->mark_room;

    if (NeedsRoom(&c->mark_room, (Size)item + 1)) {
        CheckReading(c);
        c->mark = Resize(c->context, c->mark, c->mark_room, sizeof(Mark));
        memset(c->mark + before, 0, (c->mark_room - before) * sizeof(Mark));
    }
    return &c->mark[item];
}

/* --- one row.  Each function returns what is wrong with it, or NULL. */

/* A row that is being looked at. */
typedef struct Looked {
    const SlateRow *row;
    int64 step;
    Datum *shown, *clicked, *propensity, *history;
    bool *shown_null, *clicked_null, *propensity_null, *history_null;
    int shown_count, clicked_count, propensity_count, history_count;
    uint32 past; /* of the history: items that are kept */
    float reward;
} Looked;

/* The elements of an array of at most one dimension. */
static const char *Elements(const ArrayColumn *column, NullableDatum value, Datum **elements,
                            bool **nulls, int *count)
{
    ArrayType *array;

    *count = 0;
    if (value.isnull)
        return NULL;
    array = DatumGetArrayTypeP(value.value);
    if (ARR_NDIM(array) > 1)
        return "an array has several dimensions";
    if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) > MOST_SHOWN)
        return psprintf("an array has more than %d elements", MOST_SHOWN);
    deconstruct_array(array, column->element, column->length, column->by_value, column->align,
                      elements, nulls, count);
    for (int i = 0; i < *count; i++)
        if ((*nulls)[i])
            return "an array has a NULL";
    return NULL;
}

static const char *LookAtStep(const SlateCollector *c, Looked *looked)
{
    looked->step = TimeOf(c->step_type, looked->row->step.value);
    return looked->step == NO_TIME || TimeIsInfinite(c->step_type, looked->step)
               ? "its step is not finite"
               : NULL;
}

static const char *LookAtArrays(const SlateCollector *c, Looked *l)
{
    const char *problem =
        Elements(&c->shown, l->row->shown, &l->shown, &l->shown_null, &l->shown_count);

    if (problem == NULL)
        problem = Elements(&c->clicked, l->row->clicked, &l->clicked, &l->clicked_null,
                           &l->clicked_count);
    if (problem == NULL && OidIsValid(c->propensity_type))
        problem = Elements(&c->propensities, l->row->propensity, &l->propensity,
                           &l->propensity_null, &l->propensity_count);
    if (problem == NULL && c->pasts != NULL)
        problem = Elements(&c->histories, l->row->history, &l->history, &l->history_null,
                           &l->history_count);
    if (problem == NULL && l->shown_count == 0)
        return "nothing was shown";
    if (problem == NULL && OidIsValid(c->propensity_type) && !l->row->propensity.isnull &&
        l->propensity_count != l->shown_count)
        return psprintf("it has %d propensities for %d items", l->propensity_count, l->shown_count);
    return problem;
}

static const char *LookAtReward(const SlateCollector *c, Looked *looked)
{
    NullableDatum value = looked->row->reward;

    looked->reward = NAN; /* there is none: it follows from the clicks */
    if (!OidIsValid(c->reward_type) || value.isnull)
        return NULL;
    looked->reward = (float)RealOf(c->reward_type, value.value);
    return isfinite(looked->reward) ? NULL : "its reward is not finite";
}

/* Numbers the items of the row; what is not kept in the end is not counted. */
static const char *TakeShown(SlateCollector *c, const Looked *looked)
{
    for (int i = 0; i < looked->shown_count; i++) {
        Id id = IdIndexIdOf(c->items, looked->shown[i]);
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
    for (int i = 0; i < looked->clicked_count; i++) {
        Id id = IdIndexIdOf(c->clicks, looked->clicked[i]);
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
    for (int i = 0; i < looked->shown_count && c->propensity != NULL; i++) {
        float *propensity = &c->propensity[c->shown_count + (Size)i];

        *propensity = looked->row->propensity.isnull
                          ? NAN
                          : (float)RealOf(c->propensity_type, looked->propensity[i]);
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
    for (int i = Max(0, looked->history_count - VISITOR_HISTORY); i < looked->history_count; i++) {
        Id id = IdIndexIdOf(c->pasts, looked->history[i]);

        if (!IdIsUsable(id))
            return "an item has an id that is too long or no text";
        c->past[c->past_count + looked->past++] = IdIndexAdd(c->items, id);
    }
    return NULL;
}

static float RewardOf(const SlateCollector *c, const Looked *looked)
{
    uint32 clicks = 0;

    if (!isnan(looked->reward))
        return looked->reward;
    for (int i = 0; i < looked->shown_count; i++)
        clicks += c->is_clicked[c->shown_count + (Size)i];
    return ClickReward(clicks, (uint32)looked->shown_count);
}

static void TakeEntry(SlateCollector *c, const Looked *looked, Id session)
{
    GrowEntries(c);
    c->entry[c->count++] = (Entry){.session = IdIndexAdd(c->sessions, session),
                                   .count = (uint32)looked->shown_count,
                                   .step = looked->step,
                                   .first = c->shown_count,
                                   .past = c->past_count,
                                   .past_count = looked->past,
                                   .reward = RewardOf(c, looked)};
    c->shown_count += (Size)looked->shown_count;
    c->past_count += looked->past;
    if (c->count % CHECK_MEMORY_EVERY == 0)
        CheckReading(c);
}

static const char *TakeRow(SlateCollector *c, Looked *looked, Id session)
{
    const char *problem = LookAtStep(c, looked);

    if (!IdIsUsable(session))
        return "its session has an id that is too long or no text";
    if (problem == NULL)
        problem = LookAtArrays(c, looked);
    if (problem == NULL)
        problem = LookAtReward(c, looked);
    if (problem != NULL)
        return problem;
    GrowShown(c, (Size)looked->shown_count);
    problem = TakeShown(c, looked);
    if (problem == NULL)
        problem = TakeClicked(c, looked);
    if (problem == NULL)
        problem = TakePropensities(c, looked);
    if (problem == NULL)
        problem = TakeHistory(c, looked);
    if (problem == NULL)
        TakeEntry(c, looked, session);
    return problem;
}

static char *IdName(Id id)
{
    return id.kind == ID_INTEGER ? psprintf(INT64_FORMAT, id.integer) : IdExcerpt(id);
}

static void NoteBroken(SlateCollector *c, Id session, int64 step, const char *problem)
{
    const char *at = step != NO_TIME              ? TimeText(c->step_type, step)
                     : TimeIsNumber(c->step_type) ? "NaN"
                                                  : "-infinity";

    c->broken.first = MemoryContextStrdup(
        c->context, psprintf("step %s of session %s: %s", at, IdName(session), problem));
}

void SlateCollectorAdd(SlateCollector *c, const SlateRow *row)
{
    Looked looked = {.row = row};
    MemoryContext caller;
    const char *problem;
    Id session;

    if (row->session.isnull || row->step.isnull) {
        c->null_rows++;
        return;
    }
    caller = MemoryContextSwitchTo(c->scratch);
    c->row++;
    session = IdIndexIdOf(c->sessions, row->session.value);
    problem = TakeRow(c, &looked, session);
    if (problem != NULL && c->broken.rows++ == 0)
        NoteBroken(c, session, looked.step, problem);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(c->scratch);
}

/* --- all rows */

static int CompareEntries(const Entry *a, const Entry *b)
{
    if (a->session != b->session)
        return a->session < b->session ? -1 : 1;
    return (a->step > b->step) - (a->step < b->step);
}

#define ST_SORT          SortEntries
#define ST_ELEMENT_TYPE  Entry
#define ST_COMPARE(a, b) CompareEntries(a, b)
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static void Poll(Size i)
{
    if (i % CHECK_MEMORY_EVERY == 0)
        CHECK_FOR_INTERRUPTS();
}

static bool SameStep(const Entry *a, const Entry *b)
{
    return a->session == b->session && a->step == b->step;
}

static void DropGroup(SlateCollector *c, const IdList *sessions, Size first, Size last)
{
    const Entry *e = &c->entry[first];

    if (c->broken.rows == 0)
        NoteBroken(c, IdListGet(sessions, e->session), e->step,
                   psprintf("there are %zu rows of it", (size_t)(last - first)));
    c->broken.rows += last - first;
    for (Size i = first; i < last; i++)
        c->entry[i].dropped = true;
}

/* Of rows with one step of one session none is better than the others: all are broken. */
static void DropTwins(SlateCollector *c, const IdList *sessions)
{
    for (Size first = 0, last; first < c->count; first = last) {
        for (last = first + 1; last < c->count && SameStep(&c->entry[first], &c->entry[last]);)
            last++;
        if (last - first > 1)
            DropGroup(c, sessions, first, last);
        Poll(first);
    }
}

/* The ids of a list that are used, numbered anew: number[i] of the i-th, which has been true. */
static IdList KeepUsed(const IdList *ids, uint32 *number)
{
    IdList kept = IdListCreate(ids->kind, ids->count);

    for (uint32 i = 0; i < ids->count; i++) {
        if (number[i] == 0)
            continue;
        number[i] = kept.count;
        IdListAppend(&kept, IdListGet(ids, i));
        Poll(i);
    }
    return kept;
}

/* Sums over what is kept. */
typedef struct Totals {
    uint32 *session; /* of each: steps, then its number */
    uint32 *item;    /* of each: is it used?, then its number */
    uint64 steps, shown, past;
} Totals;

static Totals CountUsed(const SlateCollector *c, const uint32 *dense, uint32 sessions, uint32 items)
{
    Totals totals = {.session = PallocArray(uint32, (Size)sessions + 1),
                     .item = PallocArray(uint32, (Size)items + 1)};

    memset(totals.session, 0, ((Size)sessions + 1) * sizeof(uint32));
    memset(totals.item, 0, ((Size)items + 1) * sizeof(uint32));
    for (Size i = 0; i < c->count; i++) {
        const Entry *e = &c->entry[i];

        Poll(i);
        if (e->dropped)
            continue;
        totals.session[e->session] = 1;
        totals.steps++;
        totals.shown += e->count;
        for (uint32 k = 0; k < e->count; k++)
            totals.item[dense[c->item[e->first + k]]] = 1;
        totals.past += e->past_count;
        for (uint32 k = 0; k < e->past_count; k++)
            totals.item[dense[c->past[e->past + k]]] = 1;
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

static void CopySlate(const SlateCollector *c, const Entry *e, const uint32 *number, uint64 at,
                      Slates *s)
{
    for (uint32 k = 0; k < e->count; k++)
        s->shown[at + k] = number[c->item[e->first + k]];
    memcpy(s->clicked + at, c->is_clicked + e->first, e->count * sizeof(bool));
    if (s->propensity != NULL)
        memcpy(s->propensity + at, c->propensity + e->first, e->count * sizeof(float));
}

/* Entries are in order; number[]: the item of each provisional number. */
static void FillSlates(const SlateCollector *c, const uint32 *session, const uint32 *number,
                       Slates *s)
{
    uint64 step = 0, at = 0;
    uint32 sessions = 0;

    for (Size i = 0; i < c->count; i++) {
        const Entry *e = &c->entry[i];

        Poll(i);
        if (e->dropped)
            continue;
        if (session[e->session] == sessions)
            s->session[sessions++] = step;
        s->step[step] = at;
        s->reward[step++] = e->reward;
        CopySlate(c, e, number, at, s);
        at += e->count;
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

    for (Size i = 0; i < c->count; i++) {
        const Entry *e = &c->entry[i];

        Poll(i);
        if (e->dropped)
            continue;
        first[step++] = at;
        for (uint32 k = 0; k < e->past_count; k++)
            items[at++] = number[c->past[e->past + k]];
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
    Size ids = SizeAdd(IdIndexSortMemory(c->sessions), IdIndexSortMemory(c->items));
    Size slates = ArraysMemory(c->count, c->count, c->shown_count, c->propensity != NULL);

    slates = SizeAdd(slates, SizeMultiply(c->past_count, sizeof(uint32)));
    slates = SizeAdd(slates, SizeMultiply(c->pasts == NULL ? 0 : c->count, sizeof(uint64)));
    CheckMemoryOfSlates(SizeAdd(SizeAdd(CollectorMemoryOf(c), ids), slates), "sorting the slates");
}

static void Release(SlateCollector *c)
{
    void *arrays[] = {c->entry, c->item, c->is_clicked, c->propensity, c->past, c->mark};

    for (int i = 0; i < (int)lengthof(arrays); i++)
        if (arrays[i] != NULL)
            pfree(arrays[i]);
    c->entry = NULL;
    c->item = NULL;
    c->is_clicked = NULL;
    c->propensity = NULL;
    c->past = NULL;
    c->mark = NULL;
    MemoryContextDelete(c->scratch);
}

static void ReleaseNumbers(Totals *totals, uint32 *dense_session, uint32 *dense_item)
{
    pfree(totals->session);
    pfree(totals->item);
    pfree(dense_session);
    pfree(dense_item);
}

/* Rows in order, and what of sessions and items is left of them, in order of ids. */
static void Arrange(SlateCollector *c, CollectedSlates *result)
{
    Slates *s = &result->slates;
    uint32 *dense_session, *dense_item;
    IdList sessions, items;
    Totals totals;

    IdIndexSort(c->sessions, &sessions, &dense_session);
    IdIndexSort(c->items, &items, &dense_item);
    IdIndexRelease(c->sessions);
    IdIndexRelease(c->items);
    for (Size i = 0; i < c->count; i++)
        c->entry[i].session = dense_session[c->entry[i].session];
    if (c->count > 0)
        SortEntries(c->entry, c->count);
    DropTwins(c, &sessions);
    totals = CountUsed(c, dense_item, sessions.count, items.count);
    result->sessions = KeepUsed(&sessions, totals.session);
    result->items = KeepUsed(&items, totals.item);
    for (uint32 i = 0; i < items.count; i++)
        dense_item[i] = totals.item[dense_item[i]];
    *s = (Slates){.sessions = result->sessions.count,
                  .items = result->items.count,
                  .steps = totals.steps,
                  .shown_count = totals.shown};
    AllocateSlates(s, c->propensity != NULL);
    FillSlates(c, totals.session, dense_item, s);
    if (c->pasts != NULL)
        result->past = FillPast(c, dense_item, &totals);
    ReleaseNumbers(&totals, dense_session, dense_item);
    IdListFree(&sessions);
    IdListFree(&items);
}

void SlateCollectorFinish(SlateCollector *c, CollectedSlates *result)
{
    MemoryContext caller = MemoryContextSwitchTo(c->context);

    CheckSorting(c);
    *result = (CollectedSlates){.item_type = IdIndexType(c->items), .null_rows = c->null_rows};
    Arrange(c, result);
    result->broken = c->broken;
    Summarize(result);
    Release(c);
    MemoryContextSwitchTo(caller);
}

void CollectedSlatesReport(const CollectedSlates *collected)
{
    uint64 nulls = collected->null_rows, broken = collected->broken.rows;

    if (nulls > 0)
        ereport(NOTICE, (errmsg_plural("%llu row with a NULL session or step was skipped",
                                       "%llu rows with a NULL session or step were skipped",
                                       (unsigned long)nulls, (unsigned long long)nulls)));
    if (broken > 0)
        ereport(WARNING, (errmsg_plural("%llu row that is broken was skipped",
                                        "%llu rows that are broken were skipped",
                                        (unsigned long)broken, (unsigned long long)broken),
                          errdetail("The first is %s.", collected->broken.first)));
}
