/* slates.h: MovieLens 100K as a log of slates: what a user rated, by time, ten items at a time; a
 * rating of four or more is a click. */
#include <stdint.h>

#include "core/slates.h"

#define SLATE 10
#define LIKED 4

typedef struct Rating {
    uint32_t user, item;
    int stars;
    double time;
    uint32_t rank; /* of the item by its number of ratings */
} Rating;

static Rating *ReadRatings(const char *file, size_t *count)
{
    FILE *in = Open(file);
    size_t room = 1024;
    Rating *ratings = malloc(room * sizeof(*ratings)), r = {0};

    *count = 0;
    while (fscanf(in, "%u %u %d %lf", &r.user, &r.item, &r.stars, &r.time) == 4) {
        if (*count == room)
            ratings = realloc(ratings, (room *= 2) * sizeof(*ratings));
        ratings[(*count)++] = r;
    }
    fclose(in);
    return ratings;
}

static uint64_t *numbers_of; /* what CompareNumbers looks at */

/* More first; then the lower id. */
static int CompareNumbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    if (numbers_of[x] != numbers_of[y])
        return numbers_of[x] > numbers_of[y] ? -1 : 1;
    return (x > y) - (x < y);
}

static void RankItems(Rating *ratings, size_t count)
{
    uint32_t items = 0, *order, *rank;

    for (size_t i = 0; i < count; i++)
        items = ratings[i].item >= items ? ratings[i].item + 1 : items;
    numbers_of = calloc(items, sizeof(*numbers_of));
    order = malloc(items * sizeof(*order));
    rank = malloc(items * sizeof(*rank));
    for (size_t i = 0; i < count; i++)
        numbers_of[ratings[i].item]++;
    for (uint32_t i = 0; i < items; i++)
        order[i] = i;
    qsort(order, items, sizeof(*order), CompareNumbers);
    for (uint32_t i = 0; i < items; i++)
        rank[order[i]] = i;
    for (size_t i = 0; i < count; i++)
        ratings[i].rank = rank[ratings[i].item];
    free(numbers_of);
    free(order);
    free(rank);
}

static int CompareRatings(const void *a, const void *b)
{
    const Rating *x = a, *y = b;

    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Keeps the ratings of the most rated items, in order of user and time. */
static size_t KeepItems(Rating *ratings, size_t count, uint32_t items)
{
    size_t kept = 0;

    RankItems(ratings, count);
    for (size_t i = 0; i < count; i++)
        if (ratings[i].rank < items)
            ratings[kept++] = ratings[i];
    qsort(ratings, kept, sizeof(*ratings), CompareRatings);
    return kept;
}

static Slates SlatesRoom(size_t answers)
{
    Slates log = {.session = HostAllocateZero(&host, answers + 2, sizeof(uint64_t)),
                  .step = HostAllocateZero(&host, answers + 2, sizeof(uint64_t)),
                  .shown = HostAllocate(&host, answers + 1, sizeof(uint32_t)),
                  .clicked = HostAllocate(&host, answers + 1, sizeof(bool)),
                  .reward = HostAllocate(&host, answers + 1, sizeof(float))};

    return log;
}

static void AddStep(Slates *log, const Rating *slate)
{
    uint32_t clicks = 0;

    for (int i = 0; i < SLATE; i++) {
        log->shown[log->shown_count] = slate[i].rank;
        log->clicked[log->shown_count++] = slate[i].stars >= LIKED;
        clicks += slate[i].stars >= LIKED;
    }
    log->reward[log->steps++] = ClickReward(clicks, SLATE);
    log->step[log->steps] = log->shown_count;
}

static int CompareTimes(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Ends of the whole slates of all users: called with each one's ratings and user. */
static void EachSlate(const Rating *ratings, size_t count, void (*with)(void *, const Rating *),
                      void *arg)
{
    for (size_t i = 0, in_user = 0; i < count; i++) {
        in_user = i > 0 && ratings[i].user == ratings[i - 1].user ? in_user + 1 : 1;
        if (in_user % SLATE == 0)
            with(arg, ratings + i + 1 - SLATE);
    }
}

typedef struct Times {
    double *time;
    size_t count;
} Times;

static void KeepTime(void *arg, const Rating *slate)
{
    Times *times = arg;

    times->time[times->count++] = slate[SLATE - 1].time;
}

/* The time before which a share of the slates ends. */
__attribute__((unused)) static double TimeOfShare(const Rating *ratings, size_t count, double share)
{
    Times times = {malloc(count * sizeof(double)), 0};
    double time;

    EachSlate(ratings, count, KeepTime, &times);
    qsort(times.time, times.count, sizeof(double), CompareTimes);
    time = times.time[(size_t)(share * (double)(times.count - 1))];
    free(times.time);
    return time;
}

/* Slates by session, which is a user; those of users are beside, and when they ended. */
typedef struct MovieLog {
    Slates slates;
    uint32_t *user; /* of each session */
    double until;
    bool later; /* those after `until`, otherwise the others */
} MovieLog;

static void AddSlate(void *arg, const Rating *slate)
{
    MovieLog *log = arg;
    Slates *s = &log->slates;

    if ((slate[SLATE - 1].time > log->until) != log->later)
        return;
    if (s->sessions == 0 || log->user[s->sessions - 1] != slate->user)
        log->user[s->sessions++] = slate->user;
    AddStep(s, slate);
    s->session[s->sessions] = s->steps;
}

static MovieLog SlatesOf(const Rating *ratings, size_t count, uint32_t items, double until,
                         bool later)
{
    MovieLog log = {.slates = SlatesRoom(count),
                    .user = malloc((count + 1) * sizeof(uint32_t)),
                    .until = until,
                    .later = later};

    EachSlate(ratings, count, AddSlate, &log);
    log.slates.items = items;
    return log;
}

/* The popularity of an item is how often it was clicked. */
static void Count(Model *model, const Slates *log)
{
    for (uint64_t a = 0; a < log->shown_count; a++)
        model->part[POPULARITY_PART].data[log->shown[a]] += log->clicked[a];
}
