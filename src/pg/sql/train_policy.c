/* train_policy.c: recadv_train_policy(): learns from a log of slates, or of acts, in the caller's
 * transaction.
 */
#include "pg/base/compat.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "pg/base/json.h"
#include "pg/base/rowset.h"
#include "pg/sql/checks.h"
#include "pg/sql/policy_columns.h"
#include "pg/sql/train_request.h"
#include "pg/train/policy.h"

static PolicyRequest *TakeColumns(FunctionCallInfo fcinfo)
{
    PolicyRequest *policy = palloc0(sizeof(PolicyRequest));

    PolicyColumns columns = PolicyColumnsArgument(fcinfo, POLICY_SESSION_COLUMN);

    policy->columns = columns.slates;
    policy->act_columns = columns.acts;
    if (!PG_ARGISNULL(POLICY_SIMULATOR))
        policy->simulator = text_to_cstring(PG_GETARG_TEXT_PP(POLICY_SIMULATOR));
    return policy;
}

TrainRequest *TakePolicy(FunctionCallInfo fcinfo, int weight_column)
{
    TrainRequest *request = palloc0(sizeof(TrainRequest));

    CheckNotNull(fcinfo, POLICY_MODEL, "model");
    CheckNotNull(fcinfo, POLICY_ALGORITHM, "algorithm");
    request->model = text_to_cstring(PG_GETARG_TEXT_PP(POLICY_MODEL));
    if (!PG_ARGISNULL(POLICY_SOURCE)) /* in a world nothing is read */
        request->source.text = text_to_cstring(PG_GETARG_TEXT_PP(POLICY_SOURCE));
    request->algorithm_name = text_to_cstring(PG_GETARG_TEXT_PP(POLICY_ALGORITHM));
    request->policy = TakeColumns(fcinfo);
    request->options_text = OptionsText(fcinfo, POLICY_OPTIONS);
    return request;
}

/* What the training measured itself. */
static void ResultMetrics(ResultRow *row, const Training *t, const Epoch *best)
{
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    if (best != NULL)
        DescribeMetrics(&json, t->model.algorithm, best->metric);
    DescribeFindings(&json, &t->report);
    DescribeCalibration(&json, &t->report);
    PolicyDescribeMeasured(&json, t);
    JsonClose(&json, '}');
    ResultDatum(row, JsonbPGetDatum(JsonbParse(json.data)));
}

static void ResultReal(ResultRow *row, double value)
{
    ResultFloat8If(row, !isnan(value), isnan(value) ? 0 : value);
}

/* Of the log; NULL where there is none. */
static void ResultCount(ResultRow *row, const PolicyTraining *p, uint64 count)
{
    if (p->world == NULL)
        ResultInt8(row, (int64)count);
    else
        ResultNull(row);
}

static Datum Summary(FunctionCallInfo fcinfo, const TrainRequest *request, const Training *t,
                     int32 version)
{
    const PolicyTraining *p = t->policy;
    LogSummary log = PolicySummary(p);
    const Epoch *best = TrainingBest(t);
    ResultRow row = {0};

    ResultText(&row, request->model);
    ResultInt4(&row, version);
    ResultText(&row, request->algorithm->name);
    ResultCount(&row, p, log.sessions);
    ResultCount(&row, p, log.steps);
    ResultInt8(&row, t->collected.data.items);
    ResultCount(&row, p, log.null_rows);
    ResultCount(&row, p, log.broken->rows);
    ResultInt4(&row, t->report.epochs);
    if (best != NULL)
        ResultInt4(&row, best->epoch);
    else
        ResultNull(&row);
    ResultReal(&row, p->measured.reward);
    ResultReal(&row, p->measured.depth);
    ResultReal(&row, log.reward);
    ResultReal(&row, p->random.reward);
    ResultFloat8(&row, (double)(GetCurrentTimestamp() - t->started) / USECS_PER_SEC);
    ResultText(&row, t->report.stop_reason);
    ResultMetrics(&row, t, best);
    ResultText(&row, t->promotion.reason == NULL ? "promoted" : t->promotion.reason);
    return ResultRowDatum(fcinfo, &row);
}

PG_FUNCTION_INFO_V1(recadv_train_policy);

Datum recadv_train_policy(PG_FUNCTION_ARGS)
{
    TrainRequest *request;
    Training training;
    int32 version;
    Datum result;

    CheckCanWrite("recadv_train_policy()");
    request = TakePolicy(fcinfo, -1);
    version = TrainNow(request, &training);
    result = Summary(fcinfo, request, &training, version);
    MemoryContextDelete(training.context);
    PG_RETURN_DATUM(result);
}
