/* recorded.c: reads and writes what was measured of a version before warm starts. */
#include "pg/train/recorded.h"

#include "pg/base/json.h"

#define BEFORE "before"
#define USERS  "held_out_users"

/* 0.1.0 told only how many interactions are held out. */
static int64 HeldUsers(Jsonb *training, const Header *header)
{
    int64 users;

    return JsonbGetInteger(training, USERS, &users) ? users : header->held;
}

static bool IsWarm(Jsonb *training)
{
    return JsonbHas(training, "warm_users");
}

Recorded RecordedRead(ModelStore *store, const Header *header)
{
    Jsonb *training = JsonbGetObject(StoreReadJson(store, PART_HEADER, 0), "training");
    Jsonb *measured = training;
    Recorded recorded = {.holdout =
                             ResolveHoldout(header->options, header->source.time_column != NULL)};
    int64 users;

    if (training == NULL)
        return recorded;
    recorded.before = IsWarm(training);
    if (recorded.before && (measured = JsonbGetObject(training, BEFORE)) == NULL)
        return recorded;
    users = HeldUsers(measured, header);
    if (JsonbGetReal(measured, header->algorithm->metrics[0].name, &recorded.value) &&
        recorded.value >= 0 && recorded.value <= 1 && users >= 0 && users <= PG_UINT32_MAX)
        recorded.users = (uint32)users;
    return recorded;
}

void RecordedDescribe(StringInfo json, const Recorded *recorded, const char *metric)
{
    if (recorded->users == 0)
        return;
    JsonOpen(json, BEFORE, '{');
    JsonReal(json, metric, recorded->value);
    JsonInteger(json, USERS, recorded->users);
    JsonClose(json, '}');
}
