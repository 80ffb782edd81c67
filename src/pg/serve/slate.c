/*
 * slate.c: chooses the best items and lets places explore.
 *
 * The other items are never listed: a draw is a number among them, and becomes an item by counting
 * past those that are left out.
 */
#include "pg/serve/slate.h"

/* The items that are shown, ascending. */
static RowList ItemsOf(const TopK *shown)
{
    RowList list = {PallocArray(uint32, (Size)shown->count + 1), shown->count};

    for (uint32 p = 0; p < shown->count; p++)
        list.rows[p] = shown->entries[p].item;
    SortIndexes(list.rows, list.count);
    return list;
}

static uint32 Eligible(const Served *served, const Filter *filter)
{
    if (filter->only_given)
        return filter->only.count;
    return ServedItems(served) - filter->without.count;
}

/* Turns each draw into the item that it means. */
static void DrawnItems(const Filter *filter, const TopK *greedy, uint32 *drawn)
{
    RowList shown = ItemsOf(greedy);
    RowList list =
        filter->only_given ? RowsMinus(filter->only, shown) : RowsUnion(filter->without, shown);

    for (uint32 p = 0; p < greedy->count; p++)
        if (drawn[p] != NO_ITEM)
            drawn[p] = filter->only_given ? list.rows[drawn[p]]
                                          : NumberOutside(drawn[p], list.rows, list.count);
}

static int CompareItems(const void *a, const void *b)
{
    const Scored *x = a, *y = b;

    return (x->item > y->item) - (x->item < y->item);
}

/* The drawn items with their scores, by item. */
static TopK ScoreDrawn(Served *served, const float *query, const uint32 *drawn, uint32 places)
{
    Filter only = {.only_given = true, .only = {PallocArray(uint32, (Size)places + 1), 0}};
    TopK scored;

    for (uint32 p = 0; p < places; p++)
        if (drawn[p] != NO_ITEM)
            only.only.rows[only.only.count++] = drawn[p];
    SortIndexes(only.only.rows, only.only.count);
    scored = SelectItems(served, query, &only, only.only.count, 0);
    qsort(scored.entries, scored.count, sizeof(Scored), CompareItems);
    return scored;
}

static void PutDrawn(Served *served, const float *query, const uint32 *drawn, float propensity,
                     ShownSlate *slate)
{
    TopK scored = ScoreDrawn(served, query, drawn, slate->shown.count);

    for (uint32 p = 0; p < slate->shown.count; p++) {
        Scored wanted = {.item = drawn[p]};

        if (drawn[p] == NO_ITEM)
            continue;
        slate->shown.entries[p] =
            *(Scored *)bsearch(&wanted, scored.entries, scored.count, sizeof(Scored), CompareItems);
        slate->propensity[p] = propensity;
    }
}

ShownSlate SelectSlate(Served *served, const float *query, const Filter *filter, uint32 k,
                       double explore, Random *random)
{
    Filter eligible = *filter;
    Exploration e;
    ShownSlate slate;
    uint32 *drawn, *room;

    if (eligible.only_given) {
        eligible.only = RowsMinus(filter->only, filter->without);
        eligible.without = (RowList){0};
    }
    slate.shown = SelectItems(served, query, &eligible, k, 0);
    e = ExplorationOf(explore, k, Eligible(served, &eligible));
    Assert(e.places == slate.shown.count);
    slate.propensity = PallocArray(float, (Size)e.places + 1);
    for (uint32 p = 0; p < e.places; p++)
        slate.propensity[p] = (float)ExplorationGreedy(&e);
    drawn = PallocArray(uint32, (Size)e.places + 1);
    room = PallocArray(uint32, 2 * (Size)e.places + 1);
    ExplorePlaces(&e, random, drawn, room);
    DrawnItems(&eligible, &slate.shown, drawn);
    PutDrawn(served, query, drawn, (float)ExplorationOther(&e), &slate);
    return slate;
}

void AddSlate(RowSet *rows, Served *served, IdKind kind, const ShownSlate *slate)
{
    AddItems(rows, served, AXIS_ITEM, kind, &slate->shown, slate->propensity);
}
