/* recorded.c: reads and writes what was measured of a version when it was trained. */
#include "pg/train/recorded.h"

#include "pg/base/json.h"

#define UNLEARNT "unlearnt"

static const char *const holdout_names[] = {"none", "last", "random"};

const char *HoldoutName(Holdout holdout)
{
    return holdout_names[holdout];
}

/* 0.1.0 did not tell, and held nothing out of users with fewer than five interactions. */
static Holdout ReadHoldout(Jsonb *training)
{
    char *name = JsonbGetString(training, "holdout");

    if (name == NULL)
        return HOLDOUT_AUTO;
    for (int i = 0; i < (int)lengthof(holdout_names); i++)
        if (strcmp(name, holdout_names[i]) == 0)
            return (Holdout)i;
    return HOLDOUT_AUTO;
}

/* 0.1.0 did not tell of how many users; figures of recommenders are from 0 to 1. */
static MeanMetric ReadMetric(Jsonb *object, const char *metric, int64 users)
{
    double value;

    if (JsonbHas(object, "held_out_users") && !JsonbGetInteger(object, "held_out_users", &users))
        return (MeanMetric){0};
    if (!JsonbGetReal(object, metric, &value) || !(value >= 0 && value <= 1) || users < 0 ||
        users > PG_UINT32_MAX)
        return (MeanMetric){0};
    return (MeanMetric){value, (uint32)users};
}

Recorded RecordedRead(ModelStore *store, const Header *header)
{
    Jsonb *training = JsonbGetObject(StoreReadJson(store, PART_HEADER, 0), "training"), *unlearnt;
    Recorded recorded = {.metric = header->algorithm->metrics[0].name};

    if (training == NULL)
        return recorded;
    recorded.holdout = ReadHoldout(training);
    recorded.own = recorded.unlearnt = ReadMetric(training, recorded.metric, header->held);
    recorded.warm = JsonbHas(training, "warm_users");
    if (!recorded.warm)
        return recorded;
    unlearnt = JsonbGetObject(training, UNLEARNT);
    recorded.unlearnt =
        unlearnt == NULL ? (MeanMetric){0} : ReadMetric(unlearnt, recorded.metric, 0);
    return recorded;
}

void UnlearntDescribe(StringInfo json, const char *metric, const MeanMetric *unlearnt)
{
    if (unlearnt->users == 0)
        return;
    JsonOpen(json, UNLEARNT, '{');
    JsonReal(json, metric, unlearnt->value);
    JsonInteger(json, "held_out_users", unlearnt->users);
    JsonClose(json, '}');
}
