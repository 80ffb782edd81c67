/*
 * slate_reader.c: runs the query on a log of slates and hands each row to a collector.
 */
#include "pg/train/slate_reader.h"

#include "executor/tuptable.h"
#include "utils/lsyscache.h"

#include "pg/train/reader.h"

/* In the order in which they are read. */
#define SLATE_COLUMNS 7

static void ColumnsOf(const SlateColumns *columns, SourceColumn *list)
{
    list[0] = (SourceColumn){columns->session, "session_column"};
    list[1] = (SourceColumn){columns->step, "step_column"};
    list[2] = (SourceColumn){columns->shown, "shown_column"};
    list[3] = (SourceColumn){columns->clicked, "clicked_column"};
    list[4] = (SourceColumn){columns->reward, "reward_column"};
    list[5] = (SourceColumn){columns->propensity, "propensity_column", true};
    list[6] = (SourceColumn){columns->history, "history_column"};
}

typedef struct SlateReceiver {
    DestReceiver pub;
    MemoryContext context;
    const SlateColumns *columns;
    int place[SLATE_COLUMNS]; /* in a row, or -1 */
    SlateCollector *collector;
} SlateReceiver;

static Oid TypeOf(const SlateReceiver *receiver, TupleDesc types, int column)
{
    int place = receiver->place[column];

    return place < 0 ? InvalidOid : TupleDescAttr(types, place)->atttypid;
}

/* Called before the first row, when the types of the columns are known. */
static void Startup(DestReceiver *self, int operation, TupleDesc types)
{
    SlateReceiver *receiver = (SlateReceiver *)self;
    SlateTypes of = {TypeOf(receiver, types, 0), TypeOf(receiver, types, 1),
                     TypeOf(receiver, types, 2), TypeOf(receiver, types, 3),
                     TypeOf(receiver, types, 4), TypeOf(receiver, types, 5),
                     TypeOf(receiver, types, 6)};

    receiver->collector = SlateCollectorCreate(receiver->context, receiver->columns, &of);
}

static NullableDatum ValueOf(const SlateReceiver *receiver, const TupleTableSlot *slot, int column)
{
    int place = receiver->place[column];

    return place < 0 ? (NullableDatum){0, true}
                     : (NullableDatum){slot->tts_values[place], slot->tts_isnull[place]};
}

static bool Receive(TupleTableSlot *slot, DestReceiver *self)
{
    SlateReceiver *receiver = (SlateReceiver *)self;
    SlateRow row;

    slot_getallattrs(slot);
    row = (SlateRow){ValueOf(receiver, slot, 0), ValueOf(receiver, slot, 1),
                     ValueOf(receiver, slot, 2), ValueOf(receiver, slot, 3),
                     ValueOf(receiver, slot, 4), ValueOf(receiver, slot, 5),
                     ValueOf(receiver, slot, 6)};
    SlateCollectorAdd(receiver->collector, &row);
    return true;
}

static void Nothing(DestReceiver *self)
{
    (void)self;
}

SlateCollector *SlatesRead(const Source *source, const SlateColumns *columns, MemoryContext context)
{
    SlateReceiver receiver = {.pub = {.receiveSlot = Receive,
                                      .rStartup = Startup,
                                      .rShutdown = Nothing,
                                      .rDestroy = Nothing,
                                      .mydest = DestNone},
                              .context = context,
                              .columns = columns};
    SourceColumn list[SLATE_COLUMNS];
    int next = 0;

    ColumnsOf(columns, list);
    for (int i = 0; i < SLATE_COLUMNS; i++)
        receiver.place[i] = list[i].name == NULL ? -1 : next++;
    if (!SourceExecute(SourceSelect(source, list, SLATE_COLUMNS), &(SourceArgument){InvalidOid, 0},
                       &receiver.pub) ||
        receiver.collector == NULL)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source \"%s\" gives no rows to read", source->text)));
    return receiver.collector;
}

void CheckSlates(const Source *source, const CollectedSlates *c)
{
    char *detail = NULL;

    if (c->slates.steps > 0)
        return;
    if (c->broken.rows > 0)
        detail = psprintf("Of its rows, " UINT64_FORMAT " are broken; the first is %s.",
                          c->broken.rows, c->broken.first);
    else if (c->null_rows > 0)
        detail = psprintf("All " UINT64_FORMAT " rows have a NULL session or step.", c->null_rows);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("source \"%s\" has no slates", source->text),
                    detail == NULL ? 0 : errdetail("%s", detail)));
}
