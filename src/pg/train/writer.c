/*
 * writer.c: stores a finished training as a version, with its header and its history.
 *
 * The header says for serving what the version is, and for people (recadv_info()) where it came
 * from and how its training went; the history is the learning curve for recadv_history().
 */
#include "pg/train/writer.h"

#include <math.h>

#include "utils/builtins.h"

#include "pg/ids/id_text.h"
#include "pg/model/options.h"
#include "pg/model/pieces.h"
#include "pg/train/policy.h"
#include "pg/train/promotion.h"
#include "pg/train/recorded.h"

void DescribeSeconds(StringInfo json, const char *key, double seconds)
{
    JsonRaw(json, key, psprintf("%.4f", seconds));
}

void DescribePhases(StringInfo json, const TrainPhases *phases)
{
    JsonOpen(json, "phases", '{');
    DescribeSeconds(json, "read", phases->read);
    DescribeSeconds(json, "map", phases->map);
    if (phases->compare > 0)
        DescribeSeconds(json, "compare", phases->compare);
    if (phases->choose > 0)
        DescribeSeconds(json, "choose", phases->choose);
    DescribeSeconds(json, "fit", phases->fit);
    DescribeSeconds(json, "evaluate", phases->evaluate);
    if (phases->write > 0)
        DescribeSeconds(json, "write", phases->write);
    JsonClose(json, '}');
}

/* A model that is stored is one of many runs, an image a value. */
static bool IsTimed(const TrainRequest *request)
{
    return request->model != NULL;
}

/* If it was ranked beside the version before it, its own; otherwise that one's, if held out alike.
 */
static void DescribeUnlearnt(StringInfo json, const Training *t)
{
    const Promotion *p = &t->promotion;
    MeanMetric own = {p->value, p->compared};
    const char *metric = t->model.algorithm->metrics[0].name;

    if (p->compared >= PROMOTION_LEAST && !isnan(p->value))
        UnlearntDescribe(json, metric, &own);
    else if (t->base.holdout == t->held_how)
        UnlearntDescribe(json, metric, &t->base.unlearnt);
}

/* Images of the same rows are to be the same bytes. */
static void DescribeTraining(StringInfo json, const Training *t, const TrainRequest *request)
{
    bool timed = IsTimed(request);
    static const double unmeasured[METRICS] = {NAN, NAN};
    const Epoch *best = TrainingBest(t);

    JsonOpen(json, "training", '{');
    if (timed) {
        JsonTime(json, "started", t->started);
        JsonReal(json, "seconds", t->seconds);
    }
    JsonInteger(json, "rows", (int64)t->collected.rows);
    JsonInteger(json, "null_rows", (int64)t->collected.null_rows);
    if (t->collected.weightless_rows > 0)
        JsonInteger(json, "weightless_rows", (int64)t->collected.weightless_rows);
    if (t->collected.unusable.rows > 0)
        JsonInteger(json, "unusable_ids", (int64)t->collected.unusable.rows);
    JsonInteger(json, "duplicates", (int64)t->collected.duplicates);
    JsonInteger(json, "epochs", t->report.epochs);
    JsonInteger(json, "best_epoch", best == NULL ? 0 : best->epoch);
    JsonReal(json, "loss", best == NULL ? NAN : best->loss);
    DescribeMetrics(json, t->model.algorithm, best == NULL ? unmeasured : best->metric);
    DescribeHoldout(json, t->model.algorithm, t);
    DescribeFindings(json, &t->report);
    DescribeCalibration(json, &t->report);
    if (t->policy != NULL)
        PolicyDescribeMeasured(json, t);
    JsonString(json, "stop_reason", t->report.stop_reason);
    JsonBool(json, "warm_start", t->model.warm);
    if (t->model.warm) {
        JsonInteger(json, "warm_users", t->known.users);
        JsonInteger(json, "warm_items", t->known.items);
        DescribeUnlearnt(json, t);
    }
    if (t->report.warning[0] != '\0')
        JsonString(json, "warning", t->report.warning);
    if (timed)
        DescribePhases(json, &t->phases);
    JsonClose(json, '}');
}

/* Where there was a version to compare with. */
static void DescribePromotion(StringInfo json, const Promotion *p)
{
    const char *measure = p->measure == NULL ? "ndcg" : p->measure;

    if (p->serving == 0)
        return;
    JsonOpen(json, "promotion", '{');
    JsonBool(json, "promoted", p->reason == NULL);
    if (p->reason != NULL)
        JsonString(json, "reason", p->reason);
    if (p->problem != NULL)
        JsonString(json, "problem", p->problem);
    JsonInteger(json, "serving_version", p->serving);
    JsonInteger(json, "compared", p->compared);
    JsonReal(json, measure, p->value);
    JsonReal(json, psprintf("serving_%s", measure), p->serving_value);
    JsonClose(json, '}');
}

/* Texts of ids are canonical; those of some types are known by other texts, too. */
static void DescribeIds(StringInfo json, const Collected *c)
{
    Oid user = IdTextType(c->user_type), item = IdTextType(c->item_type);

    if (c->users.kind == ID_INTEGER && c->items.kind == ID_INTEGER)
        return;
    JsonOpen(json, "canonical_ids", '{');
    if (OidIsValid(user))
        JsonString(json, "user", IdTextTypeName(user));
    if (OidIsValid(item))
        JsonString(json, "item", IdTextTypeName(item));
    JsonClose(json, '}');
}

static void DescribeColumns(StringInfo json, const Source *source)
{
    JsonString(json, "user_column", source->user_column);
    JsonString(json, "item_column", source->item_column);
    JsonString(json, "time_column", source->time_column);
    if (source->weight_column != NULL)
        JsonString(json, "weight_column", source->weight_column);
}

static void DescribeLog(StringInfo json, const Training *t, const TrainRequest *request)
{
    PolicyDescribeSource(json, request, t);
    PolicyDescribeLog(json, t);
    PolicyDescribeScenarios(json, t);
}

static char *DescribeModel(const Training *t, const TrainRequest *request)
{
    const Collected *c = &t->collected;
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '{');
    JsonInteger(&json, "format", HEADER_FORMAT);
    JsonString(&json, "byte_order", "little-endian");
    JsonString(&json, "algorithm", request->algorithm->name);
    JsonInteger(&json, "users", c->data.users);
    JsonInteger(&json, "items", c->data.items);
    JsonInteger(&json, "interactions", (int64)c->data.count);
    JsonInteger(&json, "held_out", (int64)c->data.held_count);
    if (c->data.held_count > 0 && c->data.held_learnt)
        JsonBool(&json, "held_out_learnt", true);
    JsonString(&json, "user_kind", IdKindName(c->users.kind));
    JsonString(&json, "item_kind", IdKindName(c->items.kind));
    if (t->policy == NULL)
        JsonString(&json, "user_type", format_type_be(c->user_type));
    JsonString(&json, t->model.acts != NULL ? "scenario_type" : "item_type",
               format_type_be(c->item_type));
    DescribeIds(&json, c);
    JsonString(&json, "source", request->source.text);
    if (t->source_relation != NULL)
        JsonString(&json, "source_relation", t->source_relation);
    if (t->policy != NULL)
        DescribeLog(&json, t, request);
    else
        DescribeColumns(&json, &request->source);
    if (c->mean_weight != 1)
        JsonReal(&json, "mean_weight", c->mean_weight);
    if (c->window != NULL)
        WindowDescribe(&json, c->window, c->rows);
    RecentDescribe(&json, &t->recent);
    JsonRaw(&json, "options", OptionsToJson(request->algorithm, request->options));
    if (t->choice != NULL)
        JsonRaw(&json, "choice", t->choice);
    DescribeTraining(&json, t, request);
    DescribePromotion(&json, &t->promotion);
    JsonClose(&json, '}');
    return json.data;
}

static char *DescribeHistory(const Training *t, bool timed)
{
    const TrainReport *report = &t->report;
    StringInfoData json;

    initStringInfo(&json);
    JsonOpen(&json, NULL, '[');
    for (int i = 0; i < report->epochs; i++) {
        const Epoch *epoch = &report->history[i];

        JsonOpen(&json, NULL, '{');
        JsonInteger(&json, "epoch", epoch->epoch);
        JsonString(&json, "stage", epoch->stage);
        JsonReal(&json, "loss", epoch->loss);
        DescribeMetrics(&json, t->model.algorithm, epoch->metric);
        if (timed)
            JsonReal(&json, "seconds", epoch->seconds);
        JsonClose(&json, '}');
    }
    JsonClose(&json, ']');
    return json.data;
}

void TrainingWrite(const Training *t, const TrainRequest *request, ModelSink *sink)
{
    const Collected *c = &t->collected;
    WholeModel whole = {
        .model = t->model,
        .data = c->data,
        .user_ids = c->users,
        .item_ids = c->items,
        .header_text = DescribeModel(t, request),
        .history_text = DescribeHistory(t, IsTimed(request)),
    };

    if (c->window != NULL)
        whole.window = *c->window;
    whole.learnt = c->learnt;
    whole.recent = t->recent;
    WritePieces(sink, &whole);
}
