/*
 * rows.h: many rows of one axis (users or items) of a served model.
 *
 * A row is named by its index; lists of rows ascend, so that blocks are read in order and lists can
 * be merged.
 */
#ifndef RECADV_PG_SERVE_ROWS_H
#define RECADV_PG_SERVE_ROWS_H

#include "pg/serve/served.h"
#include "pg/model/view.h"

/* Indexes, ascending and distinct. */
typedef struct RowList {
    uint32 *rows;
    uint32 count;
} RowList;

/* How many users or items the model has, and the kind of their ids. */
extern uint32 AxisCount(const Served *served, Axis axis);
extern IdKind AxisKind(const Served *served, Axis axis);

/*
 * Can ids of the axis be returned as `kind`?  Those of type numeric as integers, too, as far as
 * they are some.
 */
extern bool AxisServes(const Served *served, Axis axis, IdKind kind);

/* Fails if they cannot. */
extern void CheckAxisKind(const Served *served, Axis axis, IdKind kind);

/* Index of an id, or UNKNOWN_ID. */
extern uint32 AxisFind(Served *served, Axis axis, Id id);

/* Rows of the ids that the model knows; the list may be of either kind, in any order. */
/* Each id as ServedCanonical has it, in place. */
extern void ServedCanonicalAll(const Served *served, Axis axis, IdList *ids);
extern RowList RowsOfIds(Served *served, Axis axis, const IdList *ids);

/* Rows of a or b; rows of a that are not in b. */
extern RowList RowsUnion(RowList a, RowList b);
extern RowList RowsMinus(RowList a, RowList b);

/* Copies chosen rows into a view, up to `capacity` at a time; blocks are read at most once. */
typedef struct RowReader {
    Served *served;
    Axis axis;
    Model view;       /* what was copied last */
    Model block;      /* not resident: the block read last */
    uint32 loaded;    /* its number, or UNKNOWN_ID */
    uint32 per_block; /* rows */
} RowReader;

extern RowReader RowReaderOpen(Served *served, Axis axis, uint32 capacity);

/* Rows must be in ascending order, also from call to call; a view of items refers to them. */
extern const Model *RowReaderTake(RowReader *reader, const uint32 *rows, uint32 count);

/* All of them in one view, within recadv.max_memory. */
extern Model RowsGather(Served *served, Axis axis, const uint32 *rows, uint32 count);

/* The same for rows in any order, with repeats. */
extern Model RowsGatherAny(Served *served, Axis axis, const uint32 *rows, uint32 count);

/* The largest number of rows that a visitor of RowsVisit gets at once. */
extern uint32 RowsPerVisit(const Served *served, Axis axis);

/* Views of all rows of an axis, in ascending order: visit(arg, first row, view). */
typedef void (*RowVisitor)(void *arg, uint32 first, const Model *view);
extern void RowsVisit(Served *served, Axis axis, RowVisitor visit, void *arg);

/* Ids of rows, one block of ids in memory at a time. */
typedef struct IdReader {
    Served *served;
    Axis axis;
    MemoryContext context;
    IdList block;
    uint32 first;
} IdReader;

extern IdReader IdReaderOpen(Served *served, Axis axis);

/* Valid until the next call. */
extern Id IdReaderGet(IdReader *reader, uint32 row);

/* Ids of many rows in any order will be asked for: reads them all. */
extern void IdReaderLoadAll(IdReader *reader);

#endif
