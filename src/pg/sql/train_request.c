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
#include "pg/train/policy_promotion.h"
#include "pg/train/promotion.h"
#include "pg/train/tuning.h"
#include "pg/train/writer.h"

const char *OptionsText(FunctionCallInfo fcinfo, int argument)
{
    Jsonb *options;

    if (PG_ARGISNULL(argument))
        return "{}";
    options = PG_GETARG_JSONB_P(argument);
    return JsonbToCString(NULL, &options->root, VARSIZE(options));
}

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
    request->options_text = OptionsText(fcinfo, TRAIN_OPTIONS);
    return request;
}

TrainRequest *TakeRequest(FunctionCallInfo fcinfo, int weight_column)
{
    TrainRequest *request = TakeSource(fcinfo, weight_column);

    CheckNotNull(fcinfo, TRAIN_ALGORITHM, "algorithm");
    request->algorithm_name = text_to_cstring(PG_GETARG_TEXT_PP(TRAIN_ALGORITHM));
    return request;
}

/* What both kinds of trainings go by. */
static void ParseOptions(TrainRequest *request)
{
    request->options = OptionsParse(request->algorithm, JsonbParse(request->options_text));
    request->threads = CheckThreads(((TrainOptions *)request->options)->threads);
}

void CheckRequest(TrainRequest *request)
{
    if (request->policy != NULL) {
        request->algorithm = CheckPolicy(request->algorithm_name);
        ParseOptions(request);
        PolicyCheck(request);
        return;
    }
    request->algorithm = CheckTrainable(request->algorithm_name);
    ParseOptions(request);
    CheckHoldout(request, request->source.time_column != NULL);
    CheckTime(request, request->source.time_column != NULL);
    if (request->tuning != NULL)
        TuningParse(request);
    ChoiceCheck(request);
}

char *Title(const TrainRequest *request)
{
    const char *function = request->tuning != NULL   ? "recadv_tune"
                           : request->policy != NULL ? "recadv_train_policy"
                                                     : "recadv_train";

    return psprintf("%s \"%s\"", function, request->model);
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

void ReadSource(Training *training, const TrainRequest *request)
{
    if (request->policy != NULL)
        PolicyRead(training, request);
    else
        TrainingRead(training, request);
}

void LookAtServing(TrainRequest *request, Oid relid, Training *training)
{
    PushActiveSnapshot(GetLatestSnapshot());
    if (request->policy != NULL) {
        PolicyPromotionPrepare(training, request, relid);
    } else {
        ChoiceKeep(training, request, relid);
        TrainingWarm(training, request, relid);
        PromotionPrepare(training, request, relid);
    }
    PopActiveSnapshot();
}

void FitAndDecide(Training *training, TrainRequest *request)
{
    if (request->policy != NULL) {
        PolicyFit(training, request);
        PolicyPromotionDecide(training, request);
        return;
    }
    ChoiceMake(training, request);
    TrainingFit(training, request);
    PromotionDecide(training, request);
}

void ReportTrained(const Training *training, const TrainRequest *request, int32 version)
{
    if (training->policy != NULL)
        PolicyReport(training);
    else
        TrainingReport(training);
    if (version > 0)
        PromotionReport(training, request, version);
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
