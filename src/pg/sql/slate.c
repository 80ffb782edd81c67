/* slate.c: recadv_slate: a visitor's best items with exploration, and what to log beside them. */
#include "pg/serve/arguments.h"
#include "pg/serve/open.h"
#include "pg/serve/slate.h"
#include "pg/serve/visitor.h"
#include "pg/sql/explore.h"

/* Arguments of recadv_slate. */
enum {
    SLATE_HISTORY,
    SLATE_K,
    SLATE_MODEL,
    SLATE_EXPLORE,
    SLATE_SEED,
    SLATE_EXCLUDE_SEEN,
    SLATE_CANDIDATES,
    SLATE_EXCLUDE
};

/* Where all get the same scores, a history tells no more than whether anything is known. */
static float *QueryOf(Served *served, RowList known, const IdList *ids)
{
    if (IsPersonal(&served->model))
        return VisitorQuery(served, known, ids);
    return known.count == 0 && GoesByRecent(served, NULL) ? NULL : ServedQueryRoom(served);
}

static void Answer(FunctionCallInfo fcinfo, Served *served, IdKind kind, RowSet *rows)
{
    IdList ids = IdsArgument(fcinfo, SLATE_HISTORY, kind);
    RowList known;
    Filter filter;
    Random random;
    ShownSlate slate;

    CheckAxisKind(served, AXIS_ITEM, kind);
    known = RowsOfIds(served, AXIS_ITEM, &ids);
    filter = FilterArguments(fcinfo, SLATE_CANDIDATES, served, AXIS_ITEM, kind);
    if (PG_GETARG_BOOL(SLATE_EXCLUDE_SEEN))
        filter.without = RowsUnion(filter.without, known);
    RandomSeed(&random, SeedArgument(fcinfo, SLATE_SEED), RANDOM_EXPLORE, 0, 0);
    slate = SelectSlate(served, QueryOf(served, known, &ids), &filter, KArgument(fcinfo, SLATE_K),
                        ExploreArgument(fcinfo, SLATE_EXPLORE), &random);
    AddSlate(rows, served, kind, &slate);
}

static Datum SlateFor(FunctionCallInfo fcinfo, IdKind kind)
{
    ModelTable table;
    RowSet rows;

    RowSetOpen(&rows, fcinfo);
    if (PG_ARGISNULL(SLATE_K) || PG_ARGISNULL(SLATE_EXPLORE) || PG_ARGISNULL(SLATE_EXCLUDE_SEEN))
        return (Datum)0;
    KArgument(fcinfo, SLATE_K);
    ExploreArgument(fcinfo, SLATE_EXPLORE);
    Answer(fcinfo, ServedOpen(ModelArgument(fcinfo, SLATE_MODEL), &table), kind, &rows);
    ModelTableClose(&table);
    return (Datum)0;
}

FOR_BOTH_KINDS(recadv_slate, SlateFor)
