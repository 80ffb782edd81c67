/*
 * session_log.c: checks what all logs of sessions have in common, and puts their rows in order.
 *
 * Sessions get provisional numbers as they come; in the end rows are put in order of session and
 * step, and steps that are there twice are dropped.
 */
#include "pg/train/session_log.h"

#include <math.h>

#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/host.h"
#include "pg/base/times.h"
#include "pg/base/weights.h"

#define POLL_EVERY 65536

void PollRow(Size i)
{
    if (i % POLL_EVERY == 0)
        CHECK_FOR_INTERRUPTS();
}

/* --- arrays that grow */

void *ResizeArray(MemoryContext context, void *array, Size count, Size width)
{
    Size bytes = mul_size(count, width);

    return array == NULL ? MemoryContextAllocHuge(context, bytes) : repalloc_huge(array, bytes);
}

bool NeedsRoom(Size *room, Size wanted)
{
    if (wanted <= *room)
        return false;
    *room = Max(wanted, Max(1024, mul_size(*room, 2)));
    return true;
}

/* --- columns */

void FailColumnType(const char *column, Oid type, const char *wanted, const char *hint)
{
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("column \"%s\" must be %s, not %s", column, wanted, format_type_be(type)),
             errhint("%s", hint)));
}

ArrayColumn ArrayColumnOpen(const char *column, Oid type, const char *wanted, const char *hint)
{
    ArrayColumn array = {.element = get_element_type(getBaseType(type))};

    if (!OidIsValid(array.element))
        FailColumnType(column, type, wanted, hint);
    get_typlenbyvalalign(array.element, &array.length, &array.by_value, &array.align);
    return array;
}

ArrayColumn NumbersColumnOpen(const char *column, Oid type, const char *hint, Oid *number)
{
    ArrayColumn array = ArrayColumnOpen(column, type, "an array of numbers", hint);

    *number = getBaseType(array.element);
    if (!IsNumberType(*number))
        FailColumnType(column, type, "an array of numbers", hint);
    return array;
}

const char *ArrayElements(const ArrayColumn *column, NullableDatum value, int most,
                          Elements *elements)
{
    ArrayType *array;
    bool *nulls;

    *elements = (Elements){NULL, 0};
    if (value.isnull)
        return NULL;
    array = DatumGetArrayTypeP(value.value);
    if (ARR_NDIM(array) > 1)
        return "an array has several dimensions";
    if (ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) > most)
        return psprintf("an array has more than %d elements", most);
    deconstruct_array(array, column->element, column->length, column->by_value, column->align,
                      &elements->value, &nulls, &elements->count);
    for (int i = 0; i < elements->count; i++)
        if (nulls[i])
            return "an array has a NULL";
    return NULL;
}

static void CheckTypes(const SessionLog *log, const SessionColumns *columns,
                       const SessionTypes *types)
{
    if (!IsTimeType(log->step_type))
        FailColumnType(columns->step, types->step, "a number or a time",
                       "It puts a session in order.");
    if (OidIsValid(log->reward_type) && !IsNumberType(log->reward_type))
        FailColumnType(columns->reward, types->reward, "a number",
                       "It is what the step was worth.");
}

void SessionLogOpen(SessionLog *log, MemoryContext context, const SessionColumns *columns,
                    const SessionTypes *types)
{
    *log = (SessionLog){.context = context,
                        .step_type = getBaseType(types->step),
                        .reward_type =
                            OidIsValid(types->reward) ? getBaseType(types->reward) : InvalidOid};
    CheckTypes(log, columns, types);
    log->scratch = AllocSetContextCreate(context, "recadv step", ALLOCSET_DEFAULT_SIZES);
    log->sessions = IdIndexCreate(context, types->session);
}

Size SessionLogMemory(const SessionLog *log)
{
    return add_size(mul_size(log->room, sizeof(LoggedStep)), IdIndexMemory(log->sessions, 1));
}

/* --- one row.  Functions return what is wrong with it, or NULL. */

static const char *LookAtStep(const SessionLog *log, NullableDatum value, int64 *step)
{
    *step = TimeOf(log->step_type, value.value);
    return *step == NO_TIME || TimeIsInfinite(log->step_type, *step) ? "its step is not finite"
                                                                     : NULL;
}

static const char *LookAtReward(const SessionLog *log, NullableDatum value, float *reward)
{
    *reward = NAN;
    if (!OidIsValid(log->reward_type) || value.isnull)
        return NULL;
    *reward = (float)RealOf(log->reward_type, value.value);
    return isfinite(*reward) ? NULL : "its reward is not finite";
}

static void Keep(SessionLog *log, const LoggedStep *step)
{
    if (NeedsRoom(&log->room, log->count + 1))
        log->entry = ResizeArray(log->context, log->entry, log->room, sizeof(LoggedStep));
    log->entry[log->count++] = *step;
}

static char *IdName(Id id)
{
    return id.kind == ID_INTEGER ? psprintf(INT64_FORMAT, id.integer) : IdExcerpt(id);
}

static void NoteBroken(SessionLog *log, Id session, int64 step, const char *problem)
{
    const char *at = step != NO_TIME                ? TimeText(log->step_type, step)
                     : TimeIsNumber(log->step_type) ? "NaN"
                                                    : "-infinity";

    log->broken.first = MemoryContextStrdup(
        log->context, psprintf("step %s of session %s: %s", at, IdName(session), problem));
}

static void Take(SessionLog *log, const SessionRow *row, TakeRest take, void *collector,
                 const void *rest)
{
    Id session = IdIndexIdOf(log->sessions, row->session.value);
    LoggedStep step = {.row = log->count};
    const char *problem = LookAtStep(log, row->step, &step.step);

    if (!IdIsUsable(session))
        problem = "its session has an id that is too long or no text";
    if (problem == NULL)
        problem = LookAtReward(log, row->reward, &step.reward);
    if (problem == NULL)
        problem = take(collector, rest, &step);
    if (problem == NULL) {
        step.session = IdIndexAdd(log->sessions, session);
        Keep(log, &step);
    } else if (log->broken.rows++ == 0) {
        NoteBroken(log, session, step.step, problem);
    }
}

void SessionLogAdd(SessionLog *log, const SessionRow *row, TakeRest take, void *collector,
                   const void *rest)
{
    MemoryContext caller;

    if (row->session.isnull || row->step.isnull) {
        log->null_rows++;
        return;
    }
    caller = MemoryContextSwitchTo(log->scratch);
    Take(log, row, take, collector, rest);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(log->scratch);
}

/* --- all rows */

void SessionLogBreak(SessionLog *log, Size i, const char *problem)
{
    LoggedStep *e = &log->entry[i];

    if (log->broken.rows++ == 0) {
        IdList sessions = IdIndexList(log->sessions);

        NoteBroken(log, IdListGet(&sessions, e->session), e->step, problem);
    }
    e->dropped = true;
}

/* So that a broken row is no twin. */
static void RemoveDropped(SessionLog *log)
{
    Size kept = 0;

    for (Size i = 0; i < log->count; i++) {
        if (!log->entry[i].dropped)
            log->entry[kept++] = log->entry[i];
        PollRow(i);
    }
    log->count = kept;
}

static int CompareSteps(const LoggedStep *a, const LoggedStep *b)
{
    if (a->session != b->session)
        return a->session < b->session ? -1 : 1;
    return (a->step > b->step) - (a->step < b->step);
}

#define ST_SORT          SortSteps
#define ST_ELEMENT_TYPE  LoggedStep
#define ST_COMPARE(a, b) CompareSteps(a, b)
#define ST_SCOPE         static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static bool SameStep(const LoggedStep *a, const LoggedStep *b)
{
    return a->session == b->session && a->step == b->step;
}

static void DropGroup(SessionLog *log, Size first, Size last)
{
    const LoggedStep *e = &log->entry[first];

    if (log->broken.rows == 0)
        NoteBroken(log, IdListGet(&log->ids, e->session), e->step,
                   psprintf("there are %zu rows of it", (size_t)(last - first)));
    log->broken.rows += last - first;
    for (Size i = first; i < last; i++)
        log->entry[i].dropped = true;
}

static void DropTwins(SessionLog *log)
{
    for (Size first = 0, last; first < log->count; first = last) {
        for (last = first + 1;
             last < log->count && SameStep(&log->entry[first], &log->entry[last]);)
            last++;
        if (last - first > 1)
            DropGroup(log, first, last);
        PollRow(first);
    }
}

void SessionLogSort(SessionLog *log)
{
    uint32 *dense;

    RemoveDropped(log);
    IdIndexSort(log->sessions, &log->ids, &dense);
    IdIndexRelease(log->sessions);
    for (Size i = 0; i < log->count; i++)
        log->entry[i].session = dense[log->entry[i].session];
    pfree(dense);
    if (log->count > 0)
        SortSteps(log->entry, log->count);
    DropTwins(log);
}

Size SessionLogSortMemory(const SessionLog *log)
{
    Size numbers = SizeMultiply(IdIndexCount(log->sessions), sizeof(uint32));

    return SizeAdd(IdIndexSortMemory(log->sessions), numbers);
}

IdList KeepUsedIds(const IdList *ids, uint32 *number)
{
    IdList kept = IdListCreate(ids->kind, ids->count);

    for (uint32 i = 0; i < ids->count; i++) {
        if (number[i] == 0)
            continue;
        number[i] = kept.count;
        IdListAppend(&kept, IdListGet(ids, i));
        PollRow(i);
    }
    return kept;
}

IdList SessionLogSessions(const SessionLog *log, uint32 **number)
{
    *number = PallocArray(uint32, (Size)log->ids.count + 1);
    memset(*number, 0, ((Size)log->ids.count + 1) * sizeof(uint32));
    for (Size i = 0; i < log->count; i++) {
        if (!log->entry[i].dropped)
            (*number)[log->entry[i].session] = 1;
        PollRow(i);
    }
    return KeepUsedIds(&log->ids, *number);
}

void SessionLogRelease(SessionLog *log)
{
    if (log->entry != NULL)
        pfree(log->entry);
    log->entry = NULL;
    IdListFree(&log->ids);
    MemoryContextDelete(log->scratch);
}

/* --- what is said of it */

void ReportSkippedRows(uint64 nulls, const BrokenRows *broken)
{
    if (nulls > 0)
        ereport(NOTICE, (errmsg_plural("%llu row with a NULL session or step was skipped",
                                       "%llu rows with a NULL session or step were skipped",
                                       (unsigned long)nulls, (unsigned long long)nulls)));
    if (broken->rows > 0)
        ereport(WARNING,
                (errmsg_plural("%llu row that is broken was skipped",
                               "%llu rows that are broken were skipped",
                               (unsigned long)broken->rows, (unsigned long long)broken->rows),
                 errdetail("The first is %s.", broken->first)));
}

void FailEmptyLog(const char *source, const char *what, uint64 nulls, const BrokenRows *broken)
{
    char *detail = NULL;

    if (broken->rows > 0)
        detail = psprintf("Of its rows, " UINT64_FORMAT " are broken; the first is %s.",
                          broken->rows, broken->first);
    else if (nulls > 0)
        detail = psprintf("All " UINT64_FORMAT " rows have a NULL session or step.", nulls);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("source \"%s\" has no %s", source, what),
                    detail == NULL ? 0 : errdetail("%s", detail)));
}
