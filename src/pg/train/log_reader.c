/*
 * log_reader.c: runs the query on a log and hands each row to a collector.
 */
#include "pg/train/log_reader.h"

#include "executor/tuptable.h"

#include "pg/train/reader.h"

void CheckLogColumns(const SourceColumn *columns, int count, const char *hint)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            if (columns[i].name != NULL && columns[j].name != NULL &&
                strcmp(columns[i].name, columns[j].name) == 0)
                ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                                errmsg("column \"%s\" is given for two things", columns[i].name),
                                errhint("%s", hint)));
}

typedef struct LogReceiver {
    DestReceiver pub;
    const LogReading *reading;
    int columns;
    int place[MOST_LOG_COLUMNS]; /* in a row, or -1 */
    bool opened;
} LogReceiver;

/* Called before the first row, when the types of the columns are known. */
static void Startup(DestReceiver *self, int operation, TupleDesc types)
{
    LogReceiver *receiver = (LogReceiver *)self;
    Oid of[MOST_LOG_COLUMNS];

    for (int i = 0; i < receiver->columns; i++) {
        int place = receiver->place[i];

        of[i] = place < 0 ? InvalidOid : TupleDescAttr(types, place)->atttypid;
    }
    receiver->reading->open(receiver->reading->arg, of);
    receiver->opened = true;
}

static bool Receive(TupleTableSlot *slot, DestReceiver *self)
{
    const LogReceiver *receiver = (LogReceiver *)self;
    NullableDatum row[MOST_LOG_COLUMNS];

    slot_getallattrs(slot);
    for (int i = 0; i < receiver->columns; i++) {
        int place = receiver->place[i];

        row[i] = place < 0 ? (NullableDatum){0, true}
                           : (NullableDatum){slot->tts_values[place], slot->tts_isnull[place]};
    }
    receiver->reading->add(receiver->reading->arg, row);
    return true;
}

static void Nothing(DestReceiver *self)
{
    (void)self;
}

void SessionLogRead(const Source *source, const SourceColumn *columns, int count,
                    const LogReading *reading)
{
    LogReceiver receiver = {.pub = {.receiveSlot = Receive,
                                    .rStartup = Startup,
                                    .rShutdown = Nothing,
                                    .rDestroy = Nothing,
                                    .mydest = DestNone},
                            .reading = reading,
                            .columns = count};
    int next = 0;

    Assert(count <= MOST_LOG_COLUMNS);
    for (int i = 0; i < count; i++)
        receiver.place[i] = columns[i].name == NULL ? -1 : next++;
    if (!SourceExecute(SourceSelect(source, columns, count), &(SourceArgument){InvalidOid, 0},
                       &receiver.pub) ||
        !receiver.opened)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("source \"%s\" gives no rows to read", source->text)));
}
