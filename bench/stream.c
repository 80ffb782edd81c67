/*
 * stream.c: prequential accuracy and speed of streaming, without PostgreSQL.
 *
 *   stream FILE.tsv|drift[=EVENTS]|still[=EVENTS] ORDER WINDOW MODEL [option=value ...]
 *
 * FILE holds user, item, rating and time, tab-separated.  "drift" is a made-up stream: 20 taste
 * groups of 100 users and 50 items each, no item more popular than another; after 60 % of the
 * events and a fifth of the rest the tastes swap.  "still" is the same without the swap.
 * ORDER: time; or spread, in which each user's events after the first keep their order but come at
 * random moments of the rest of the stream.  The first 60 % of the events train, the others are
 * ranked one by one and learnt.
 *
 * MODEL: an algorithm; or knn; or bpr1, bpr10: bpr with so many steps per event.  An algorithm's
 * name may be followed by "/frozen" (nothing is learnt), "/unwritten" (parameters are learnt, the
 * memory stays), or "/written" (only the memory is written).
 *
 * For made-up streams a window shows what a model that knows the tastes would reach, too.
 * Prints HR@10, NDCG@10, MRR, seconds of training, events per second of learning alone (processor
 * time); with WINDOW > 0 first one line per so many events.
 */
#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "algo/mf/mf.h"
#include "algo/rank/prequential.h"
#include "core/pool.h"
#include "program.h"

#define WARM_UP   0.6
#define NEIGHBOUR 5 /* last items of a user that knn looks at */

/* --- events */

typedef struct FileEvent {
    double time;
    uint32_t number; /* ties: order of the file */
    uint32_t user, item;
} FileEvent;

static FileEvent *event;
static uint32_t events, users, items; /* in all */

static int CompareEvents(const void *a, const void *b)
{
    const FileEvent *x = a, *y = b;

    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static void AddEvent(uint32_t user, uint32_t item, double time)
{
    static uint32_t room;

    if (events == room) {
        room = room == 0 ? 1 << 16 : 2 * room;
        event = realloc(event, room * sizeof(FileEvent));
    }
    event[events] = (FileEvent){time, events, user, item};
    events++;
}

static void ReadEvents(const char *file)
{
    FILE *in = Open(file);
    unsigned user, item, rating;
    double time;

    while (fscanf(in, "%u %u %u %lf", &user, &item, &rating, &time) == 4)
        AddEvent(user, item, time);
    fclose(in);
}

#define GROUPS      20
#define GROUP_USERS 100
#define GROUP_ITEMS 50

static uint32_t taste_of[GROUPS * GROUP_ITEMS]; /* by the item's number */

static uint32_t made_events = 100000;

static double SwapTime(void)
{
    return made_events * (WARM_UP + (1 - WARM_UP) / 5);
}

static void MakeEvents(bool drift, uint64_t seed)
{
    Random random;

    RandomSeed(&random, seed, RANDOM_ROBUSTNESS, 77, 0);
    for (uint32_t n = 0; n < made_events; n++) {
        uint32_t user = RandomBelow(&random, GROUPS * GROUP_USERS), taste = user % GROUPS;

        if (drift && n >= SwapTime())
            taste = (taste + GROUPS / 2) % GROUPS;
        AddEvent(user, taste * GROUP_ITEMS + RandomBelow(&random, GROUP_ITEMS), n);
    }
}

static int CompareByUser(const void *a, const void *b)
{
    const FileEvent *x = &event[*(const uint32_t *)a], *y = &event[*(const uint32_t *)b];

    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static int CompareMoments(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Later events of each user move to random moments between their first one and the end. */
static void Spread(uint64_t seed)
{
    double *moment = malloc(events * sizeof(double));
    uint32_t *own = malloc(events * sizeof(uint32_t));
    Random random;

    RandomSeed(&random, seed, RANDOM_ROBUSTNESS, 78, 0);
    qsort(event, events, sizeof(FileEvent), CompareEvents);
    for (uint32_t i = 0; i < events; i++)
        event[i].number = own[i] = i;
    qsort(own, events, sizeof(uint32_t), CompareByUser);
    for (uint32_t from = 0, to; from < events; from = to) {
        for (to = from; to < events && event[own[to]].user == event[own[from]].user; to++)
            moment[to] = own[from] + RandomUniform(&random) * (events - own[from]);
        moment[from] = own[from];
        qsort(moment + from, to - from, sizeof(double), CompareMoments);
        for (uint32_t k = from; k < to; k++)
            event[own[k]].time = moment[k];
    }
    free(moment);
    free(own);
}

/* Numbers in order of first appearance: whoever is new has the next number. */
static uint32_t Renumber(uint32_t *table, uint32_t *count, uint32_t id)
{
    if (table[id] == 0)
        table[id] = ++*count;
    return table[id] - 1;
}

static void Arrange(void)
{
    uint32_t *table = calloc(2u << 20, sizeof(uint32_t));

    qsort(event, events, sizeof(FileEvent), CompareEvents);
    for (uint32_t i = 0; i < events; i++) {
        uint32_t item = event[i].item;

        event[i].user = Renumber(table, &users, event[i].user);
        event[i].item = Renumber(table + (1u << 20), &items, item);
        if (event[i].item < GROUPS * GROUP_ITEMS)
            taste_of[event[i].item] = item / GROUP_ITEMS;
    }
    free(table);
}

/* --- the warm-up */

static Interactions data;
static Events warm_events;

static void Gather(uint32_t count)
{
    Pairs pairs = {.count = count,
                   .user = HostAllocate(&host, count, sizeof(uint32_t)),
                   .item = HostAllocate(&host, count, sizeof(uint32_t)),
                   .time = HostAllocate(&host, count, sizeof(int64_t))};
    uint32_t warm_users = 0, warm_items = 0;

    for (uint32_t i = 0; i < count; i++) {
        pairs.user[i] = event[i].user;
        pairs.item[i] = event[i].item;
        pairs.time[i] = i;
        warm_users = event[i].user >= warm_users ? event[i].user + 1 : warm_users;
        warm_items = event[i].item >= warm_items ? event[i].item + 1 : warm_items;
    }
    EventsBuild(&host, &pairs, warm_users, &warm_events);
    InteractionsBuild(&host, &pairs, warm_users, warm_items, &data);
    data.events = &warm_events;
}

/* --- references that belong to the benchmark */

/* knn: items that users of the last few items had, too; counts are updated with each event. */
typedef struct Knn {
    float *both; /* items x items */
    float *own;
    uint32_t *last; /* users x NEIGHBOUR */
    uint32_t *count;
} Knn;

static Knn knn;

static void KnnLearn(const History *history, uint32_t user, uint32_t item)
{
    const ItemSet *set = &history->users[user];

    if (HistoryContains(history, user, item))
        return;
    for (uint32_t i = 0; i < set->count; i++) {
        knn.both[(size_t)item * items + set->item[i]]++;
        knn.both[(size_t)set->item[i] * items + item]++;
    }
    knn.own[item]++;
    knn.last[user * NEIGHBOUR + knn.count[user]++ % NEIGHBOUR] = item;
}

static void KnnScore(uint32_t user, float *scores)
{
    uint32_t n = knn.count[user] < NEIGHBOUR ? knn.count[user] : NEIGHBOUR;

    memset(scores, 0, items * sizeof(float));
    for (uint32_t k = 0; k < n; k++) {
        uint32_t from = knn.last[user * NEIGHBOUR + k];

        for (uint32_t i = 0; i < items; i++)
            if (knn.own[i] > 0)
                scores[i] += knn.both[(size_t)from * items + i] / sqrtf(knn.own[from] * knn.own[i]);
    }
}

/* bpr, some steps per event: the event's pair against a random item each. */
typedef struct OnlineBpr {
    int steps;
    float rate;
    float *user_state, *item_state; /* per element */
    Random random;
} OnlineBpr;

static OnlineBpr bpr;

static void BprStep(Model *model, uint32_t user, uint32_t i, uint32_t j)
{
    Part *P = &model->part[MF_USER_PART], *Q = &model->part[MF_ITEM_PART];
    float *p = P->data + (size_t)user * P->stride;
    float *qi = Q->data + (size_t)i * Q->stride, *qj = Q->data + (size_t)j * Q->stride;
    float *ap = bpr.user_state + (size_t)user * P->stride;
    float *ai = bpr.item_state + (size_t)i * Q->stride,
          *aj = bpr.item_state + (size_t)j * Q->stride;
    float x = 0, g;

    for (uint32_t k = 0; k < P->columns; k++)
        x += p[k] * (qi[k] - qj[k]);
    g = 1 / (1 + expf(x));
    for (uint32_t k = 0; k < P->columns; k++) {
        float gp = g * (qi[k] - qj[k]), gq = g * p[k];

        ap[k] += gp * gp;
        ai[k] += gq * gq;
        aj[k] += gq * gq;
        p[k] += bpr.rate * gp / sqrtf(ap[k]);
        qi[k] += bpr.rate * gq / sqrtf(ai[k]);
        qj[k] -= bpr.rate * gq / sqrtf(aj[k]);
    }
}

static void BprLearn(Model *model, const History *history, uint32_t user, uint32_t item)
{
    for (int s = 0; s < bpr.steps; s++) {
        uint32_t j = RandomBelow(&bpr.random, model->items);

        if (j != item && !HistoryContains(history, user, j))
            BprStep(model, user, item, j);
    }
}

static void BprFill(float *row, uint32_t columns)
{
    for (uint32_t k = 0; k < columns; k++)
        row[k] = (float)(0.1 * RandomNormal(&bpr.random));
}

static void BprPrepare(const Model *model, uint64_t seed)
{
    size_t u = (size_t)users * model->part[MF_USER_PART].stride;
    size_t i = (size_t)items * model->part[MF_ITEM_PART].stride;

    RandomSeed(&bpr.random, seed, RANDOM_ROBUSTNESS, 79, 0);
    bpr.rate = 0.1f; /* the best of 0.05, 0.1, 0.2 and 0.4 on MovieLens */
    bpr.user_state = HostAllocate(&host, u, sizeof(float));
    bpr.item_state = HostAllocate(&host, i, sizeof(float));
    for (size_t k = 0; k < u; k++)
        bpr.user_state[k] = 0.1f;
    for (size_t k = 0; k < i; k++)
        bpr.item_state[k] = 0.1f;
}

/* --- the run */

typedef enum Mode { LEARN, FROZEN, UNWRITTEN, WRITTEN, KNN, BPR } Mode;

static Model model;
static Stream stream;
static History history;

/* Position of the event under another model than the library's. */
static void KnnEvent(const FileEvent *e)
{
    const float *popularity = model.part[POPULARITY_PART].data;
    static float *scores;
    uint32_t position = 0;

    stream.total.events++;
    if (HistoryContains(&history, e->user, e->item))
        return;
    stream.total.ranked++;
    if (popularity[e->item] > 0) {
        if (scores == NULL)
            scores = malloc(items * sizeof(float));
        if (knn.count[e->user] > 0)
            KnnScore(e->user, scores);
        else
            memcpy(scores, popularity, items * sizeof(float));
        for (uint32_t i = 0; i < items; i++)
            position += i != e->item && scores[i] >= scores[e->item] && popularity[i] > 0 &&
                        !HistoryContains(&history, e->user, i);
        stream.total.hr += position < 10;
        stream.total.ndcg += position < 10 ? 1 / log2(position + 2.0) : 0;
        stream.total.mrr += 1 / (position + 1.0);
    }
    KnnLearn(&history, e->user, e->item);
    HistoryAdd(&history, e->user, e->item);
    model.part[POPULARITY_PART].data[e->item]++;
}

static Part *MemoryPart(void)
{
    for (int i = 0; i < model.parts; i++)
        if (model.part[i].written)
            return &model.part[i];
    return NULL;
}

static void Unwritten(const FileEvent *e, bool rank)
{
    Part *memory = MemoryPart();
    uint32_t first = memory->axis == AXIS_USER ? e->user : 0;
    size_t floats = (memory->axis == AXIS_USER ? 1 : memory->rows) * (size_t)memory->stride;
    float *bank = memory->data + (size_t)first * memory->stride, *copy = malloc(floats * 4);

    memcpy(copy, bank, floats * 4);
    StreamEvent(&stream, &(Event){e->user, e->item, e->time, 1}, rank);
    memcpy(bank, copy, floats * 4);
    free(copy);
}

static void AddRows(const FileEvent *e, Mode mode)
{
    if (e->user == model.users) {
        ModelAddUser(&model, e->user);
        if (mode == BPR)
            BprFill(model.part[MF_USER_PART].data +
                        (size_t)e->user * model.part[MF_USER_PART].stride,
                    model.part[MF_USER_PART].columns);
    }
    if (e->item == model.items) {
        ModelAddItem(&model, e->item);
        if (mode == BPR)
            BprFill(model.part[MF_ITEM_PART].data +
                        (size_t)e->item * model.part[MF_ITEM_PART].stride,
                    model.part[MF_ITEM_PART].columns);
    }
    if (mode == BPR) { /* the stream may rank by its rows */
        stream.users = model.users;
        stream.items = model.items;
    }
}

static void OneEvent(const FileEvent *e, Mode mode, bool rank)
{
    bool had;

    AddRows(e, mode);
    switch (mode) {
    case KNN:
        KnnEvent(e);
        break;
    case UNWRITTEN:
        Unwritten(e, rank);
        break;
    case BPR:
        had = HistoryContains(&history, e->user, e->item);
        StreamEvent(&stream, &(Event){e->user, e->item, e->time, 1}, rank);
        if (!had)
            BprLearn(&model, &history, e->user, e->item);
        break;
    case WRITTEN:
        StreamEvent(&stream, &(Event){e->user, e->item, e->time, 1}, rank);
        model.algorithm->stream->write(&model, &(Event){e->user, e->item, e->time, 1});
        break;
    default:
        StreamEvent(&stream, &(Event){e->user, e->item, e->time, 1}, rank);
    }
}

static bool made; /* the stream */
static double ceiling;

/* HR@10 of one who knows the tastes: the user's taste has so many items left. */
static double CeilingOf(const FileEvent *e)
{
    uint32_t left = GROUP_ITEMS;

    if (HistoryContains(&history, e->user, e->item))
        return 0;
    for (uint32_t i = 0; i < items; i++)
        left -= taste_of[i] == taste_of[e->item] && HistoryContains(&history, e->user, i);
    return left < 10 ? 1 : 10.0 / left;
}

static void PrintMetrics(const char *what, const StreamMetrics *m)
{
    double n = m->ranked == 0 ? 1 : (double)m->ranked;

    printf("%s %.4f %.4f %.4f", what, m->hr / n, m->ndcg / n, m->mrr / n);
}

static void Difference(const StreamMetrics *now, StreamMetrics *then)
{
    StreamMetrics d = StreamMetricsSince(then, now);
    char what[64];

    snprintf(what, sizeof(what), "window %" PRIu64, now->events);
    PrintMetrics(what, &d);
    if (made)
        printf(" of %.4f: %.3f", ceiling / (double)d.ranked, d.hr / ceiling);
    ceiling = 0;
    printf("\n");
    *then = *now;
}

static void Run(uint32_t from, Mode mode, uint32_t window, bool rank)
{
    StreamMetrics before = {0};

    for (uint32_t i = from; i < events; i++) {
        if (made && window > 0)
            ceiling += CeilingOf(&event[i]);
        OneEvent(&event[i], mode, rank);
        if (window > 0 && (i + 1 - from) % window == 0)
            Difference(&stream.total, &before);
    }
}

static void PrepareHistory(uint32_t from, Mode mode)
{
    HistoryInit(&host, users, 0, &history);
    if (mode == KNN)
        knn = (Knn){calloc((size_t)items * items, 4), calloc(items, 4),
                    calloc((size_t)users * NEIGHBOUR, 4), calloc(users, 4)};
    for (uint32_t i = 0; i < from; i++) {
        if (mode == KNN)
            KnnLearn(&history, event[i].user, event[i].item);
        HistoryAdd(&history, event[i].user, event[i].item);
    }
}

static Mode ParseModel(char *name, const Algorithm **algorithm)
{
    static const char *const modes[] = {"learn", "frozen", "unwritten", "written"};
    char *slash = strchr(name, '/');
    Mode mode = LEARN;

    if (slash != NULL) {
        *slash++ = '\0';
        while (mode <= WRITTEN && strcmp(slash, modes[mode]) != 0)
            mode++;
    }
    if (strcmp(name, "knn") == 0) {
        mode = KNN;
        name = "popularity";
    } else if (strcmp(name, "bpr1") == 0 || strcmp(name, "bpr10") == 0) {
        mode = BPR;
        bpr.steps = atoi(name + 3);
        name = "bpr";
    }
    *algorithm = AlgorithmFind(name);
    if (*algorithm == NULL || mode > BPR) {
        fprintf(stderr, "unknown model\n");
        exit(2);
    }
    return mode;
}

/* Copies of all parts: the second run, that measures speed, starts from the same model. */
static float *saved[MAX_PARTS];

static void SaveModel(void)
{
    for (int i = 0; i < model.parts; i++) {
        size_t rows = model.part[i].axis == AXIS_USER   ? users
                      : model.part[i].axis == AXIS_ITEM ? items
                                                        : model.part[i].rows;
        size_t bytes = rows * model.part[i].stride * sizeof(float);

        saved[i] = malloc(bytes);
        memcpy(saved[i], model.part[i].data, bytes);
    }
}

static void RestoreModel(void)
{
    model.users = data.users;
    model.items = data.items;
    for (int i = 0; i < model.parts; i++) {
        size_t rows = model.part[i].axis == AXIS_USER   ? users
                      : model.part[i].axis == AXIS_ITEM ? items
                                                        : model.part[i].rows;

        memcpy(model.part[i].data, saved[i], rows * model.part[i].stride * sizeof(float));
        if (model.part[i].axis != AXIS_SHARED)
            model.part[i].rows = model.part[i].axis == AXIS_USER ? model.users : model.items;
    }
}

static void OpenStream(Mode mode, uint64_t learnt)
{
    StreamOpen(&host, &model, &history, learnt, 1, &stream);
    if (mode == FROZEN || mode == WRITTEN) {
        if (stream.learner != NULL)
            model.algorithm->stream->close(stream.learner);
        stream.learner = NULL;
    }
    if (mode == WRITTEN)
        stream.users = users, stream.items = items;
}

/* Seconds of this process alone: others may be at work, too. */
static double Clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Learning alone, the same events again: events per second of processor time. */
static double LearnSpeed(uint32_t from)
{
    double start;

    RestoreModel();
    PrepareHistory(from, LEARN);
    start = Clock();
    StreamOpen(&host, &model, &history, from, 1, &stream);
    Run(from, LEARN, 0, false);
    StreamClose(&stream);
    return (events - from) / (Clock() - start);
}

static void LoadEvents(const char *source, const char *order, uint64_t seed)
{
    made = strncmp(source, "drift", 5) == 0 || strncmp(source, "still", 5) == 0;
    if (made && source[5] == '=')
        made_events = (uint32_t)atoi(source + 6);
    if (made)
        MakeEvents(source[0] == 'd', seed);
    else
        ReadEvents(source);
    if (strcmp(order, "spread") == 0)
        Spread(1);
    Arrange();
}

/* Trains on the warm-up; returns seconds. */
static double TrainModel(const Algorithm *algorithm, const TrainOptions *options,
                         TrainReport *report)
{
    double start;

    InteractionsHoldOut(&host, &data, ResolveHoldout(options, true),
                        (uint64_t)options->validation_users, (uint64_t)options->seed);
    ModelLayout(&model, algorithm, options, data.users, data.items);
    ModelAllocateRoom(&host, &model, users, items);
    ModelCountPopularity(&host, &data, &model);
    start = Clock();
    algorithm->train(&host, &data, &model, report);
    if (report->warning[0] != '\0')
        fprintf(stderr, "warning: %s\n", report->warning);
    return Clock() - start;
}

int main(int argc, char **argv)
{
    const Algorithm *algorithm;
    TrainReport report = {0};
    TrainOptions *options;
    double seconds, speed = 0;
    uint32_t from;
    Mode mode;

    if (argc < 5) {
        fprintf(stderr, "usage: stream FILE|drift|still ORDER WINDOW MODEL [option=value ...]\n");
        return 2;
    }
    mode = ParseModel(argv[4], &algorithm);
    options = ReadOptions(algorithm, argv + 5);
    LoadEvents(argv[1], argv[2], (uint64_t)options->seed);
    from = (uint32_t)(events * WARM_UP);
    Gather(from);
    host.pool = PoolCreate(&host, 1);
    seconds = TrainModel(algorithm, options, &report);
    SaveModel();
    PrepareHistory(from, mode);
    if (mode == BPR)
        BprPrepare(&model, (uint64_t)options->seed);
    OpenStream(mode, from);
    Run(from, mode, (uint32_t)atoi(argv[3]), true);
    StreamClose(&stream);
    PrintMetrics("all", &stream.total);
    if (algorithm->stream != NULL && mode == LEARN)
        speed = LearnSpeed(from);
    printf(" train %.1f s, %d epochs; %.0f events/s\n", seconds, report.epochs, speed);
    PoolDestroy(host.pool);
    return 0;
}
