/*
 * train_request.c: what recadv_train() and recadv_train_job() share: the request that their
 * arguments make, and the new version that comes of it.
 */
#include "pg/sql/train_request.h"

#include "utils/builtins.h"

#include "pg/base/settings.h"
#include "pg/model/options.h"
#include "pg/model/table.h"
#include "pg/serve/preload.h"
#include "pg/sql/checks.h"
#include "pg/stream/forget_learnt.h"

TrainRequest *TakeRequest(FunctionCallInfo fcinfo, int weight_column)
{
    TrainRequest *request = palloc0(sizeof(TrainRequest));

    CheckNotNull(fcinfo, TRAIN_MODEL, "model");
    CheckNotNull(fcinfo, TRAIN_SOURCE, "source");
    CheckNotNull(fcinfo, TRAIN_USER_COLUMN, "user_column");
    CheckNotNull(fcinfo, TRAIN_ITEM_COLUMN, "item_column");
    CheckNotNull(fcinfo, TRAIN_ALGORITHM, "algorithm");
    request->model = text_to_cstring(PG_GETARG_TEXT_PP(TRAIN_MODEL));
    request->source.text = text_to_cstring(PG_GETARG_TEXT_PP(TRAIN_SOURCE));
    request->source.user_column = pstrdup(NameStr(*PG_GETARG_NAME(TRAIN_USER_COLUMN)));
    request->source.item_column = pstrdup(NameStr(*PG_GETARG_NAME(TRAIN_ITEM_COLUMN)));
    if (!PG_ARGISNULL(TRAIN_TIME_COLUMN))
        request->source.time_column = pstrdup(NameStr(*PG_GETARG_NAME(TRAIN_TIME_COLUMN)));
    if (!PG_ARGISNULL(weight_column))
        request->source.weight_column = pstrdup(NameStr(*PG_GETARG_NAME(weight_column)));
    request->algorithm_name = text_to_cstring(PG_GETARG_TEXT_PP(TRAIN_ALGORITHM));
    request->options_text = "{}";
    if (!PG_ARGISNULL(TRAIN_OPTIONS)) {
        Jsonb *options = PG_GETARG_JSONB_P(TRAIN_OPTIONS);

        request->options_text = JsonbToCString(NULL, &options->root, VARSIZE(options));
    }
    return request;
}

void CheckRequest(TrainRequest *request)
{
    request->algorithm = CheckAlgorithm(request->algorithm_name);
    request->options = OptionsParse(request->algorithm, JsonbParse(request->options_text));
    request->threads = CheckThreads(((TrainOptions *)request->options)->threads);
    CheckNoWeights(request->source.weight_column != NULL);
    CheckHoldout(request->options, request->source.time_column != NULL);
    if (request->algorithm->stream != NULL && request->source.time_column == NULL)
        FailNoTime(request->algorithm);
}

char *Title(const TrainRequest *request)
{
    return psprintf("recadv_train \"%s\"", request->model);
}

int32 StoreVersion(Oid relid, const TrainRequest *request, Training *training)
{
    double start = HostClock();
    int32 version = ModelTableNextVersion(relid);
    TableSink sink;

    TableSinkOpen(relid, version, &sink);
    TrainingWrite(training, request, &sink.sink);
    TableSinkClose(&sink);
    ModelTablePublish(relid, version, (int)((TrainOptions *)request->options)->keep_versions);
    ForgetLearnt(relid, &training->collected);
    Preload(relid);
    training->phases.write = HostClock() - start;
    return version;
}
