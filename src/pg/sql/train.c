/* train.c: recadv_train(): trains in the caller's transaction. */
#include "pg/base/compat.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "pg/sql/checks.h"
#include "pg/sql/train_request.h"
#include "pg/train/runs.h"

/* Arguments of recadv_train, after those of TakeRequest. */
enum { TRAIN_WEIGHT_COLUMN = TRAIN_OTHERS };

static Datum ResultRow(FunctionCallInfo fcinfo, const TrainRequest *request, const Training *t,
                       int32 version)
{
    const Collected *c = &t->collected;
    const Epoch *best = TrainingBest(t);
    bool unvalidated = best == NULL || isnan(best->ndcg);
    TupleDesc types;
    Datum values[] = {
        CStringGetTextDatum(request->model),
        Int32GetDatum(version),
        CStringGetTextDatum(request->algorithm->name),
        Int64GetDatum(c->data.users),
        Int64GetDatum(c->data.items),
        Int64GetDatum((int64)c->data.count),
        Int64GetDatum((int64)c->null_rows),
        Int64GetDatum((int64)c->duplicates),
        Int32GetDatum(t->report.epochs),
        Int32GetDatum(best == NULL ? 0 : best->epoch),
        Float8GetDatum(best == NULL ? 0 : best->loss),
        Float8GetDatum(unvalidated ? 0 : best->ndcg),
        Float8GetDatum(unvalidated ? 0 : best->hr),
        Float8GetDatum((double)(GetCurrentTimestamp() - t->started) / USECS_PER_SEC),
        CStringGetTextDatum(t->report.stop_reason),
    };
    bool nulls[lengthof(values)] = {
        [9] = best == NULL, [10] = best == NULL, [11] = unvalidated, [12] = unvalidated};

    if (get_call_result_type(fcinfo, NULL, &types) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(types), values, nulls));
}

PG_FUNCTION_INFO_V1(recadv_train_0_2);

/* All in the caller's transaction. */
Datum recadv_train_0_2(PG_FUNCTION_ARGS)
{
    TrainRequest *request;
    Training training;
    Run run = {.status = "succeeded"};
    Datum result;
    Oid relid;

    CheckCanWrite("recadv_train()");
    request = TakeRequest(fcinfo, TRAIN_WEIGHT_COLUMN);
    CheckRequest(request);
    TrainingInit(&training, CurrentMemoryContext, Title(request));
    SPI_connect();
    relid = ModelTableEnsure(request->model);
    if (!OidIsValid(relid) || !RunLock(relid, false))
        FailBusy(request->model);
    TrainingRead(&training, request);
    TrainingWarm(&training, request, relid);
    TrainingFit(&training, request);
    run.version = StoreVersion(relid, request, &training);
    run.number = RunNumber(relid, true);
    run.started = training.started;
    run.message = training.report.stop_reason;
    RunWrite(relid, &run, request, &training);
    SPI_finish();
    TrainingReport(&training);
    result = ResultRow(fcinfo, request, &training, run.version);
    MemoryContextDelete(training.context);
    PG_RETURN_DATUM(result);
}
