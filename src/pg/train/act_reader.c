/*
 * act_reader.c: reads the acts of a source into a collector.
 */
#include "pg/train/act_reader.h"

#include "pg/train/log_reader.h"

/* In the order in which they are read. */
#define ACT_COLUMNS 7

static void ColumnsOf(const ActColumns *columns, SourceColumn *list)
{
    list[0] = (SourceColumn){columns->session, "session_column"};
    list[1] = (SourceColumn){columns->step, "step_column"};
    list[2] = (SourceColumn){columns->scenario, "scenario_column"};
    list[3] = (SourceColumn){columns->observation, "observation_column"};
    list[4] = (SourceColumn){columns->action, "action_column"};
    list[5] = (SourceColumn){columns->reward, "reward_column"};
    list[6] = (SourceColumn){columns->propensity, "propensity_column", true};
}

void CheckActColumns(const ActColumns *columns)
{
    SourceColumn list[ACT_COLUMNS];

    if (columns->reward == NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("acts are learnt from their rewards, and no column has them"),
                        errhint("Name it with reward_column => '...'.")));
    ColumnsOf(columns, list);
    CheckLogColumns(list, ACT_COLUMNS,
                    "Session, step, scenario, observation, action, reward and propensity are "
                    "columns of their own.");
}

typedef struct ActReading {
    MemoryContext context;
    const ActColumns *columns;
    ActCollector *collector;
} ActReading;

static void Open(void *arg, const Oid *types)
{
    ActReading *reading = arg;
    ActTypes of = {types[0], types[1], types[2], types[3], types[4], types[5], types[6]};

    reading->collector = ActCollectorCreate(reading->context, reading->columns, &of);
}

static void Add(void *arg, const NullableDatum *row)
{
    ActReading *reading = arg;

    ActCollectorAdd(reading->collector,
                    &(ActRow){row[0], row[1], row[2], row[3], row[4], row[5], row[6]});
}

ActCollector *ActsRead(const Source *source, const ActColumns *columns, MemoryContext context)
{
    ActReading reading = {.context = context, .columns = columns};
    SourceColumn list[ACT_COLUMNS];

    ColumnsOf(columns, list);
    SessionLogRead(source, list, ACT_COLUMNS, &(LogReading){Open, Add, &reading});
    return reading.collector;
}

void CheckActs(const Source *source, const CollectedActs *c)
{
    if (c->acts.steps == 0)
        FailEmptyLog(source->text, "acts", c->null_rows, &c->broken);
}
