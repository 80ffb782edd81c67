/* policy_columns.c: reads the arguments that name the columns of a log of slates. */
#include "pg/sql/policy_columns.h"

#include "pg/sql/checks.h"

static char *ColumnArgument(FunctionCallInfo fcinfo, int argument)
{
    return PG_ARGISNULL(argument) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(argument)));
}

static char *NamedColumn(FunctionCallInfo fcinfo, int argument, const char *name)
{
    CheckNotNull(fcinfo, argument, name);
    return ColumnArgument(fcinfo, argument);
}

/* A column that is given twice would be read twice as what it is not. */
static void CheckDistinct(const SlateColumns *columns)
{
    const char *names[] = {columns->session, columns->step,       columns->shown,  columns->clicked,
                           columns->reward,  columns->propensity, columns->history};

    for (int i = 0; i < (int)lengthof(names); i++)
        for (int j = 0; j < i; j++)
            if (names[i] != NULL && names[j] != NULL && strcmp(names[i], names[j]) == 0)
                ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                                errmsg("column \"%s\" is given for two things", names[i]),
                                errhint("Session, step, shown, clicked, reward and propensity are "
                                        "columns of their own.")));
}

void PolicyHistoryArgument(FunctionCallInfo fcinfo, int argument, SlateColumns *columns)
{
    columns->history = ColumnArgument(fcinfo, argument);
    CheckDistinct(columns);
}

SlateColumns PolicyColumnsArgument(FunctionCallInfo fcinfo, int first)
{
    SlateColumns columns = {NULL};

    columns.session = NamedColumn(fcinfo, first, "session_column");
    columns.step = NamedColumn(fcinfo, first + 1, "step_column");
    columns.shown = NamedColumn(fcinfo, first + 2, "shown_column");
    columns.clicked = NamedColumn(fcinfo, first + 3, "clicked_column");
    columns.reward = ColumnArgument(fcinfo, first + 4);
    columns.propensity = ColumnArgument(fcinfo, first + 5);
    CheckDistinct(&columns);
    return columns;
}
