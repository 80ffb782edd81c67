/*
 * slate_reader.c: reads the slates of a source into a collector.
 */
#include "pg/train/slate_reader.h"

#include "pg/train/log_reader.h"

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

void CheckSlateColumns(const SlateColumns *columns)
{
    SourceColumn list[SLATE_COLUMNS];

    ColumnsOf(columns, list);
    CheckLogColumns(list, SLATE_COLUMNS,
                    "Session, step, shown, clicked, reward and propensity are columns of their "
                    "own.");
}

typedef struct SlateReading {
    MemoryContext context;
    const SlateColumns *columns;
    SlateCollector *collector;
} SlateReading;

static void Open(void *arg, const Oid *types)
{
    SlateReading *reading = arg;
    SlateTypes of = {types[0], types[1], types[2], types[3], types[4], types[5], types[6]};

    reading->collector = SlateCollectorCreate(reading->context, reading->columns, &of);
}

static void Add(void *arg, const NullableDatum *row)
{
    SlateReading *reading = arg;

    SlateCollectorAdd(reading->collector,
                      &(SlateRow){row[0], row[1], row[2], row[3], row[4], row[5], row[6]});
}

SlateCollector *SlatesRead(const Source *source, const SlateColumns *columns, MemoryContext context)
{
    SlateReading reading = {.context = context, .columns = columns};
    SourceColumn list[SLATE_COLUMNS];

    ColumnsOf(columns, list);
    SessionLogRead(source, list, SLATE_COLUMNS, &(LogReading){Open, Add, &reading});
    return reading.collector;
}

void CheckSlates(const Source *source, const CollectedSlates *c)
{
    if (c->slates.steps == 0)
        FailEmptyLog(source->text, "slates", c->null_rows, &c->broken);
}
