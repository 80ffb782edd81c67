/*
 * prequential.c: ranks an event among what the user may get next, then lets the algorithm learn it.
 *
 * For recadv_refresh() and recadv_evaluate_stream().
 */
#include "algo/rank/prequential.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/metrics.h"

/* Room for scores grows by half, and at least by this. */
#define ROOM 1024

size_t StreamMemory(const Model *model, uint32_t items)
{
    const StreamMethods *methods = model->algorithm->stream;
    size_t scores = SizeMultiply(SizeAdd(SizeAdd(items, items / 2), ROOM), sizeof(float));
    size_t width = model->algorithm->history != NULL ? items : 0;
    size_t query = SizeMultiply(SizeAdd(model->algorithm->query_width(model), width + width / 2),
                                sizeof(float));

    return SizeAdd(SizeAdd(scores, query), methods == NULL ? 0 : methods->memory(model));
}

uint32_t StreamRecent(const Model *model)
{
    HistoryNeed need = {0};

    if (model->algorithm->history != NULL)
        need = model->algorithm->history(model->options);
    return need.ordered ? need.limit : 0;
}

void StreamOpen(const Host *host, Model *model, History *history, uint64_t events,
                double mean_weight, Stream *stream)
{
    const StreamMethods *methods = model->algorithm->stream;

    *stream = (Stream){.host = host,
                       .model = model,
                       .history = history,
                       .users = model->users,
                       .items = model->items,
                       .mean_weight = mean_weight};
    if (methods != NULL)
        stream->learner = methods->open(host, model, history, events);
}

void StreamClose(Stream *stream)
{
    if (stream->learner != NULL)
        stream->model->algorithm->stream->close(stream->learner);
    HostRelease(stream->host, stream->query);
    HostRelease(stream->host, stream->scores);
    stream->learner = NULL;
    stream->query = stream->scores = NULL;
}

StreamMetrics StreamMetricsSince(const StreamMetrics *before, const StreamMetrics *now)
{
    return (StreamMetrics){.events = now->events - before->events,
                           .ranked = now->ranked - before->ranked,
                           .repeats = now->repeats - before->repeats,
                           .new_users = now->new_users - before->new_users,
                           .new_items = now->new_items - before->new_items,
                           .hr = now->hr - before->hr,
                           .ndcg = now->ndcg - before->ndcg,
                           .mrr = now->mrr - before->mrr};
}

static uint32_t RoomFor(uint32_t count)
{
    return count / 2 + ROOM > UINT32_MAX - count ? UINT32_MAX : count + count / 2 + ROOM;
}

/* Items come in between events, and queries may be as wide as there are items. */
static void Reserve(Stream *s)
{
    uint32_t width = s->model->algorithm->query_width(s->model);

    if (s->model->items > s->room) {
        HostRelease(s->host, s->scores);
        s->room = RoomFor(s->model->items);
        s->scores = HostAllocate(s->host, s->room, sizeof(float));
    }
    if (width > s->query_room) {
        HostRelease(s->host, s->query);
        s->query_room = s->query == NULL ? width : RoomFor(width);
        s->query = HostAllocateZero(s->host, s->query_room, sizeof(float));
    }
}

/* Is there anything but popularity to rank this user by? */
static bool IsKnown(const Stream *s, uint32_t user)
{
    if (!IsPersonal(s->model)) /* what serves one serves strangers */
        return true;
    if (s->history->users[user].count == 0)
        return false;
    return s->learner != NULL || s->model->algorithm->history != NULL || user < s->users;
}

static void QueryUser(Stream *s, uint32_t user)
{
    bool trained = s->learner != NULL || user < s->users;
    QueryInput input = {.row = trained ? user : NO_ROW};

    if (s->history->recent != NULL) {
        input.items = s->history->recent[user].item;
        input.count = s->history->recent[user].count;
    } else {
        input.items = s->history->users[user].item;
        input.count = s->history->users[user].count;
    }
    s->model->algorithm->query(s->model, &input, s->query);
}

/* Does it score items that came after it was trained?  The popularity grows by itself. */
static bool ScoresNewItems(const Stream *s)
{
    const Algorithm *algorithm = s->model->algorithm;

    return s->learner != NULL || (algorithm->score == NULL && !IsPersonal(s->model) &&
                                  algorithm->items == POPULARITY_PART);
}

static void ScoreUser(Stream *s, uint32_t user)
{
    const float *popularity = s->model->part[POPULARITY_PART].data;

    if (!IsKnown(s, user)) {
        memcpy(s->scores, popularity, s->model->items * sizeof(float));
        return;
    }
    QueryUser(s, user);
    ModelScore(s->model, s->query, 1, s->scores);
    if (!ScoresNewItems(s))
        for (uint32_t i = s->items; i < s->model->items; i++)
            s->scores[i] = -INFINITY;
}

/* Does candidate i rank before the item?  Ties go to the lower one, as they are served. */
static inline uint32_t Before(const Stream *s, const float *popularity, uint32_t i, uint32_t item)
{
    const float *scores = s->scores;

    return ((scores[i] > scores[item]) | ((scores[i] == scores[item]) & (i < item))) &
           (popularity[i] > 0);
}

static bool HasNan(const float *scores, uint32_t count)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < count; i++)
        found += scores[i] != scores[i];
    return found > 0;
}

uint32_t StreamRank(Stream *s, uint32_t user, uint32_t item)
{
    const float *popularity = s->model->part[POPULARITY_PART].data;
    const ItemSet *own = &s->history->users[user];
    uint32_t position = 0;

    if (popularity[item] == 0)
        return NOT_RANKED;
    Reserve(s);
    ScoreUser(s, user);
    if (HasNan(s->scores, s->model->items))
        HostFail(s->host, FAIL_NOT_FINITE, NULL, "the model gives scores that are not a number");
    for (uint32_t i = 0; i < s->model->items; i++)
        position += Before(s, popularity, i, item);
    for (uint32_t i = 0; i < own->count; i++)
        position -= Before(s, popularity, own->item[i], item);
    return position;
}

static void RankEvent(Stream *s, uint32_t user, uint32_t item)
{
    uint32_t position = StreamRank(s, user, item);

    s->total.ranked++;
    if (position == NOT_RANKED)
        return;
    s->total.hr += position < STREAM_CUTOFF;
    s->total.ndcg += position < STREAM_CUTOFF ? 1 / log2(position + 2.0) : 0;
    s->total.mrr += 1 / (position + 1.0);
}

/* Weights are relative to what training has seen. */
static void LearnEvent(Stream *s, const Event *event)
{
    Event relative = *event;

    relative.weight = (float)(event->weight / s->mean_weight);
    s->model->algorithm->stream->learn(s->learner, &relative);
}

void StreamEvent(Stream *s, const Event *event, bool rank)
{
    float *popularity = s->model->part[POPULARITY_PART].data;
    uint32_t user = event->user, item = event->item;
    bool repeats = HistoryContains(s->history, user, item);

    s->total.events++;
    s->total.repeats += repeats;
    s->total.new_users += s->history->users[user].count == 0;
    s->total.new_items += popularity[item] == 0;
    if (rank && !repeats)
        RankEvent(s, user, item);
    if (s->learner != NULL)
        LearnEvent(s, event);
    HistoryNote(s->history, user, item);
    if (HistoryAdd(s->history, user, item))
        popularity[item] = fminf(popularity[item] + event->weight, FLT_MAX);
}
