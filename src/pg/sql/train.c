/* train.c: recadv_train(): trains in the caller's transaction. */
#include "pg/base/compat.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/sql/checks.h"
#include "pg/sql/train_request.h"
#include "pg/train/runs.h"
#include "pg/base/json.h"
#include "pg/base/rowset.h"
#include "pg/model/ensure.h"

/* Arguments of recadv_train, after those of TakeRequest. */
enum { TRAIN_WEIGHT_COLUMN = TRAIN_OTHERS };

/* NULL if the algorithm has no metric of this name, or did not measure it. */
static void ResultMetric(ResultRow *row, const Algorithm *algorithm, const Epoch *epoch,
                         const char *name)
{
    double value = NAN;

    for (int i = 0; i < METRICS && epoch != NULL; i++)
        if (strcmp(algorithm->metrics[i].name, name) == 0)
            value = epoch->metric[i];
    ResultFloat8If(row, !isnan(value), isnan(value) ? 0 : value);
}

static void ResultMetrics(ResultRow *row, const Algorithm *algorithm, const TrainReport *report,
                          const Epoch *epoch)
{
    StringInfoData json;

    if (epoch == NULL || isnan(epoch->metric[0])) {
        ResultNull(row);
        return;
    }
    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    DescribeMetrics(&json, algorithm, epoch->metric);
    DescribeFindings(&json, report);
    JsonClose(&json, '}');
    ResultDatum(row, JsonbPGetDatum(JsonbParse(json.data)));
}

static Datum Summary(FunctionCallInfo fcinfo, const TrainRequest *request, const Training *t,
                     int32 version)
{
    const Collected *c = &t->collected;
    const Epoch *best = TrainingBest(t);
    ResultRow row = {0};

    ResultText(&row, request->model);
    ResultInt4(&row, version);
    ResultText(&row, request->algorithm->name);
    ResultInt8(&row, c->data.users);
    ResultInt8(&row, c->data.items);
    ResultInt8(&row, (int64)c->data.count);
    ResultInt8(&row, (int64)c->null_rows);
    ResultInt8(&row, (int64)c->duplicates);
    ResultInt4(&row, t->report.epochs);
    if (best != NULL)
        ResultInt4(&row, best->epoch);
    else
        ResultNull(&row);
    ResultFloat8If(&row, best != NULL && !isnan(best->loss), best != NULL ? best->loss : 0);
    ResultMetric(&row, request->algorithm, best, "ndcg");
    ResultMetric(&row, request->algorithm, best, "hr");
    ResultFloat8(&row, (double)(GetCurrentTimestamp() - t->started) / USECS_PER_SEC);
    ResultText(&row, t->report.stop_reason);
    ResultInt8(&row, (int64)c->weightless_rows);
    ResultMetrics(&row, request->algorithm, &t->report, best);
    ResultText(&row, t->promotion.reason == NULL ? "promoted" : t->promotion.reason);
    ResultText(&row, t->chosen == NULL ? "named" : t->chosen);
    return ResultRowDatum(fcinfo, &row);
}

int32 TrainNow(TrainRequest *request, Training *training)
{
    Run run = {.kind = RUN_TRAIN};
    Oid relid;

    CheckRequest(request);
    TrainingInit(training, CurrentMemoryContext, Title(request));
    SPI_connect();
    relid = ModelTableEnsure(request->model);
    if (!OidIsValid(relid) || !RunLock(relid, false))
        FailBusy(request->model);
    RunStatusBegin(&training->backend.status, RUN_TRAIN, relid, get_rel_name(relid));
    ReadSource(training, request);
    LookAtServing(request, relid, training);
    FitAndDecide(training, request);
    run.version = StoreVersion(relid, request, training);
    run.number = RunNumber(relid, RUN_TRAIN, true);
    run.started = training->started;
    RunEnd(&run, training);
    RunWrite(relid, &run, request, training);
    RunStatusEnd(&training->backend.status);
    SPI_finish();
    ReportTrained(training, request, run.version);
    return run.version;
}

PG_FUNCTION_INFO_V1(recadv_train_0_2);

/* All in the caller's transaction. */
Datum recadv_train_0_2(PG_FUNCTION_ARGS)
{
    TrainRequest *request;
    Training training;
    int32 version;
    Datum result;

    CheckCanWrite("recadv_train()");
    request = TakeRequest(fcinfo, TRAIN_WEIGHT_COLUMN);
    version = TrainNow(request, &training);
    result = Summary(fcinfo, request, &training, version);
    MemoryContextDelete(training.context);
    PG_RETURN_DATUM(result);
}
