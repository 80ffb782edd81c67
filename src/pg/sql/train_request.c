/*
 * train_request.c: what recadv_train() and recadv_train_job() share: the request that their
 * arguments make, and the new version that comes of it.
 */
#include "pg/sql/train_request.h"

#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "pg/base/settings.h"
#include "pg/model/options.h"
#include "pg/serve/publish.h"
#include "pg/sql/checks.h"
#include "pg/train/choice.h"
#include "pg/train/promotion.h"
#include "pg/train/tuning.h"
#include "pg/train/writer.h"

TrainRequest *TakeSource(FunctionCallInfo fcinfo, int weight_column)
{
    TrainRequest *request = palloc0(sizeof(TrainRequest));

    CheckNotNull(fcinfo, TRAIN_MODEL, "model");
    CheckNotNull(fcinfo, TRAIN_SOURCE, "source");
    CheckNotNull(fcinfo, TRAIN_USER_COLUMN, "user_column");
    CheckNotNull(fcinfo, TRAIN_ITEM_COLUMN, "item_column");
    request->model = text_to_cstring(PG_GETARG_TEXT_PP(TRAIN_MODEL));
    request->source.text = text_to_cstring(PG_GETARG_TEXT_PP(TRAIN_SOURCE));
    request->source.user_column = pstrdup(NameStr(*PG_GETARG_NAME(TRAIN_USER_COLUMN)));
    request->source.item_column = pstrdup(NameStr(*PG_GETARG_NAME(TRAIN_ITEM_COLUMN)));
    if (!PG_ARGISNULL(TRAIN_TIME_COLUMN))
        request->source.time_column = pstrdup(NameStr(*PG_GETARG_NAME(TRAIN_TIME_COLUMN)));
    if (!PG_ARGISNULL(weight_column))
        request->source.weight_column = pstrdup(NameStr(*PG_GETARG_NAME(weight_column)));
    request->options_text = "{}";
    if (!PG_ARGISNULL(TRAIN_OPTIONS)) {
        Jsonb *options = PG_GETARG_JSONB_P(TRAIN_OPTIONS);

        request->options_text = JsonbToCString(NULL, &options->root, VARSIZE(options));
    }
    return request;
}

TrainRequest *TakeRequest(FunctionCallInfo fcinfo, int weight_column)
{
    TrainRequest *request = TakeSource(fcinfo, weight_column);

    CheckNotNull(fcinfo, TRAIN_ALGORITHM, "algorithm");
    request->algorithm_name = text_to_cstring(PG_GETARG_TEXT_PP(TRAIN_ALGORITHM));
    return request;
}

void CheckRequest(TrainRequest *request)
{
    request->algorithm = CheckTrainable(request->algorithm_name);
    request->options = OptionsParse(request->algorithm, JsonbParse(request->options_text));
    request->threads = CheckThreads(((TrainOptions *)request->options)->threads);
    CheckHoldout(request->options, request->source.time_column != NULL);
    CheckTime(request->algorithm, request->options, request->source.time_column != NULL);
    if (request->tuning != NULL)
        TuningParse(request);
    ChoiceCheck(request);
}

char *Title(const TrainRequest *request)
{
    return psprintf("%s \"%s\"", request->tuning != NULL ? "recadv_tune" : "recadv_train",
                    request->model);
}

typedef struct Trained {
    const TrainRequest *request;
    Training *training;
} Trained;

static void WriteTrained(void *arg, ModelSink *sink)
{
    Trained *trained = arg;

    TrainingWrite(trained->training, trained->request, sink);
}

void LookAtServing(TrainRequest *request, Oid relid, Training *training)
{
    PushActiveSnapshot(GetLatestSnapshot());
    ChoiceKeep(training, request, relid);
    TrainingWarm(training, request, relid);
    PromotionPrepare(training, request, relid);
    PopActiveSnapshot();
}

int32 StoreVersion(Oid relid, const TrainRequest *request, Training *training)
{
    double start = HostClock();
    PublishedVersion published = {.keep = (int)((TrainOptions *)request->options)->keep_versions,
                                  .unpromoted = training->promotion.reason != NULL,
                                  .write = WriteTrained,
                                  .arg = &(Trained){request, training},
                                  .learnt = &training->collected};
    int32 version;

    RunStatusStage(&training->backend.status, "write");
    version = PublishVersion(relid, &published);

    training->phases.write = HostClock() - start;
    return version;
}
