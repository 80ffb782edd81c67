/* rounds.c: samples, trials and their order. */
#include "algo/choice/rounds.h"

#include <math.h>

#include "algo/choice/sample.h"
#include "algo/learn/loop.h"

const char too_few[] = "too few interactions can be held out to choose by";

const Trial *SimplestTrial(const Interactions *data, const Trial *list, int count)
{
    for (int i = 0; i < count && IsRankable(data); i++)
        if (list[i].algorithm->history != NULL || list[i].algorithm->embedding[AXIS_USER] != 0)
            return &list[i];
    return &list[0];
}

bool IsMeasurable(const Interactions *data)
{
    return IsEnoughHeld(data) && IsRankable(data);
}

void RoundsRecord(Rounds *r, const Trial *trial)
{
    if (r->trials < r->most)
        r->trial[r->trials++] = *trial;
}

/* --- how much they see */

double RoundWork(const Trial *list, int count, int times, const Interactions *shape)
{
    double work = 0;

    for (int i = 0; i < count; i++)
        work += TrialWork(&list[i], times, shape);
    return work;
}

/* The shape of a sample of so many users. */
static Interactions Scaled(const Interactions *data, double share)
{
    return (Interactions){.users = (uint32_t)ceil(data->users * share),
                          .items = data->items,
                          .count = (uint64_t)ceil((double)data->count * share),
                          .columns = data->columns,
                          .held_count = (uint64_t)ceil((double)data->held_count * share)};
}

uint64_t RoundSample(const Interactions *data, const Trial *list, int count, int times,
                     uint64_t most, double work)
{
    double share = fmin(1, (double)most / (double)data->count);
    double least = fmin(share, WANTED_HELD / (double)data->held_count);
    Interactions shape = Scaled(data, share);

    while (share > least && RoundWork(list, count, times, &shape) > work) {
        share = fmax(least, 0.9 * share);
        shape = Scaled(data, share);
    }
    return shape.count;
}

/* --- trials */

static void Tell(const Rounds *r, const Trial *trial)
{
    const Host *host = r->host;

    host->progress(host->arg, &(Progress){trial->algorithm->name, r->trials, r->planned, NAN,
                                          trial->algorithm->metrics[0].label, trial->metric,
                                          HostClock() - r->start});
}

static size_t RoomBeside(size_t room, const Interactions *data, const Interactions *sample,
                         uint64_t most)
{
    size_t copy =
        sample->offset == data->offset ? 0 : SampleMemory(data, most, data->events != NULL);

    return room == SIZE_MAX ? room : room > copy ? room - copy : 0;
}

static void RunTrials(Rounds *r, const TrialRound *round, Trial *list, int count)
{
    for (int i = 0; i < count; i++) {
        r->spent += TrialWork(&list[i], round->times, round->data);
        TrialRun(round, &list[i]);
        RoundsRecord(r, &list[i]);
        Tell(r, &list[i]);
        if (r->go_on == NULL || r->go_on(r->arg))
            continue;
        for (i++; i < count; i++) {
            list[i].round = 0;
            list[i].metric = NAN;
            list[i].problem = "the time was up";
            RoundsRecord(r, &list[i]);
        }
    }
}

bool RoundRun(Rounds *r, Trial *list, int count, int times, uint64_t most)
{
    Interactions sample;
    TrialRound round = {.host = r->host, .data = &sample, .times = times};
    bool measurable;

    SampleUsers(r->host, r->data, most, r->seed, true, &sample);
    measurable = IsMeasurable(&sample);
    round.room = RoomBeside(r->room, r->data, &sample, most);
    round.round = r->round + 1;
    if (measurable) {
        r->round++;
        RunTrials(r, &round, list, count);
    }
    SampleRelease(r->host, r->data, &sample);
    return measurable;
}

/* What could not be measured is worst. */
static double Worth(const Trial *trial)
{
    return isnan(trial->metric) ? -1 : trial->metric;
}

static int PlaceOf(const Algorithm *algorithm)
{
    int place = 0;

    while (algorithms[place] != NULL && algorithms[place] != algorithm)
        place++;
    return place;
}

/* The order that they came in is that of an earlier round, which may have been luck. */
static bool IsBefore(const Trial *a, const Trial *b)
{
    if (Worth(a) != Worth(b))
        return Worth(a) > Worth(b);
    return PlaceOf(a->algorithm) < PlaceOf(b->algorithm);
}

int RoundRank(Trial *list, int count)
{
    int measured = 0;

    for (int i = 0; i < count; i++) {
        Trial trial = list[i];
        int at = i;

        for (; at > 0 && IsBefore(&trial, &list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = trial;
        measured += !isnan(trial.metric);
    }
    return measured;
}
