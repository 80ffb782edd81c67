/* policy_columns.c: reads the arguments that name the columns of a log of slates, or of acts. */
#include "pg/sql/policy_columns.h"

#include "pg/sql/checks.h"

char *ColumnArgument(FunctionCallInfo fcinfo, int argument)
{
    return PG_ARGISNULL(argument) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(argument)));
}

static char *NamedColumn(FunctionCallInfo fcinfo, int argument, const char *name)
{
    CheckNotNull(fcinfo, argument, name);
    return ColumnArgument(fcinfo, argument);
}

PolicyColumns PolicyColumnsArgument(FunctionCallInfo fcinfo, int first)
{
    char *session = NamedColumn(fcinfo, first, "session_column");
    char *step = NamedColumn(fcinfo, first + 1, "step_column");
    char *shown = NamedColumn(fcinfo, first + 2, "shown_column");
    char *clicked = NamedColumn(fcinfo, first + 3, "clicked_column");
    char *scenario = NamedColumn(fcinfo, first + 4, "scenario_column");
    char *observation = NamedColumn(fcinfo, first + 5, "observation_column");
    char *action = NamedColumn(fcinfo, first + 6, "action_column");
    char *reward = ColumnArgument(fcinfo, first + 7);
    char *propensity = ColumnArgument(fcinfo, first + 8);

    return (PolicyColumns){
        .slates = {session, step, shown, clicked, reward, propensity, NULL},
        .acts = {session, step, scenario, observation, action, reward, propensity}};
}
