/*
 * test_mutations.c: stored blocks that were changed, with the checksum mended, so that the change
 * gets past it: into matrices of every algorithm, and then into everything that serves from them.
 *
 * A round changes one block of one part and asks some questions.  Whatever is read must be refused
 * or answered in bounds: the sanitizers watch.  Where all scores are finite the exact scan must
 * still find what a ranking of all scores finds.
 *
 * RECADV_MUTATIONS=N makes N rounds, SEED=S others than SEED=0.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algo/rank/prequential.h"
#include "algo/rank/scan.h"
#include "check.h"
#include "core/block.h"
#include "core/metrics.h"
#include "support.h"
#include "tests.h"

#define USERS   9
#define ITEMS   40
#define EVENTS  200
#define TOP     5
#define ROUNDS  20000
#define LISTS   64 /* rows and values of the blocks that are no matrix */
#define ALIGNED __attribute__((aligned(64)))

typedef struct World {
    TestHost t;
    TasteStream stream;
    Interactions data;
    Training run;
    float *trained[MAX_PARTS]; /* the parts as they were */
    Scan scan;
    void *scan_memory, *task_memory;
    float *query;
} World;

typedef struct Round {
    World *world;
    Random *random;
    uint64_t number;
    bool wrong; /* an answer was out of bounds, or not what it should be */
} Round;

static uint32_t Below(Random *random, size_t limit)
{
    return RandomBelow(random, (uint32_t)limit);
}

/* ---- small models ---- */

static void *AlignedMemory(World *w, size_t size)
{
    return HostAllocateZero(&w->t.host, size + 64, 1);
}

static void Keep(World *w)
{
    Model *m = &w->run.model;

    for (int p = 0; p < m->parts; p++) {
        w->trained[p] = HostAllocate(&w->t.host, PartFloats(&m->part[p]) + 1, sizeof(float));
        memcpy(w->trained[p], m->part[p].data, PartFloats(&m->part[p]) * sizeof(float));
    }
}

static void Restore(World *w)
{
    Model *m = &w->run.model;

    for (int p = 0; p < m->parts; p++)
        memcpy(m->part[p].data, w->trained[p], PartFloats(&m->part[p]) * sizeof(float));
}

static void WorldOpen(World *w, const Algorithm *algorithm, const char *settings)
{
    Model *m = &w->run.model;

    memset(w, 0, sizeof(*w));
    TestHostInit(&w->t);
    w->stream = TasteStreamCreate(&w->t.host, USERS, ITEMS, 4, EVENTS, EVENTS, 990);
    w->data = TasteStreamData(&w->t.host, &w->stream, EVENTS);
    TrainingPrepare(&w->t, &w->data, algorithm->name, "", &w->run);
    SetSmall(algorithm, &w->run.options, settings);
    ModelLayout(m, algorithm, &w->run.options, USERS, ITEMS);
    ModelAllocate(&w->t.host, m);
    ModelCountPopularity(&w->t.host, &w->data, m);
    CHECK(TrainingRun(&w->run) == OUTCOME_DONE, "%s %s is trained: %s", algorithm->name, settings,
          w->t.message);
    Keep(w);
    w->scan_memory = AlignedMemory(w, ScanSize(m));
    w->task_memory = AlignedMemory(w, ScanTaskSize(m));
    w->query = AlignedMemory(w, (algorithm->query_width(m) + 1) * sizeof(float));
}

/* ---- mutations ---- */

/* FNV-1a */
static uint32_t Sum(uint32_t checksum, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;

    for (size_t i = 0; i < size; i++)
        checksum = (checksum ^ b[i]) * 16777619u + 1;
    return checksum;
}

static float Strange(Random *random)
{
    static const float values[] = {0,
                                   -0.0f,
                                   -1,
                                   1,
                                   0.5f,
                                   FLT_MAX,
                                   -FLT_MAX,
                                   FLT_MIN,
                                   1e-45f,
                                   -1e-40f,
                                   1e30f,
                                   -1e30f,
                                   16777216,
                                   16777217,
                                   -16777216,
                                   2147483648.0f,
                                   4294967296,
                                   -2147483648,
                                   ITEMS,
                                   ITEMS - 1,
                                   ITEMS + 1,
                                   1e19f,
                                   -1e19f,
                                   3.5f,
                                   -0.5f,
                                   (float)NAN,
                                   (float)INFINITY,
                                   -(float)INFINITY};
    uint32_t which = Below(random, sizeof(values) / sizeof(values[0]) + 2);
    uint32_t bits = RandomBelow(random, UINT32_MAX);
    float value;

    if (which < sizeof(values) / sizeof(values[0]))
        return values[which];
    memcpy(&value, &bits, sizeof(value));
    return which % 2 == 0 ? value : (float)Below(random, 2 * ITEMS);
}

/* One number, a run of them, or a stride of them, in the payload. */
static void ChangeNumbers(uint8_t *payload, size_t size, Random *random)
{
    size_t numbers = size / sizeof(float), at, step, count;

    if (numbers == 0)
        return;
    at = Below(random, numbers);
    step = Below(random, 4) == 0 ? 1 + Below(random, 8) : 1;
    count = Below(random, 3) == 0 ? 1 + Below(random, numbers) : 1;
    for (float value = Strange(random); count-- > 0 && at < numbers; at += step) {
        memcpy(payload + at * sizeof(value), &value, sizeof(value));
        if (Below(random, 2) == 0)
            value = Strange(random);
    }
}

static void SwapNumbers(uint8_t *payload, size_t size, Random *random)
{
    size_t numbers = size / sizeof(float), a, b;
    float one, other;

    if (numbers == 0)
        return;
    a = Below(random, numbers) * sizeof(float);
    b = Below(random, numbers) * sizeof(float);
    memcpy(&one, payload + a, sizeof(one));
    memcpy(&other, payload + b, sizeof(other));
    memcpy(payload + a, &other, sizeof(one));
    memcpy(payload + b, &one, sizeof(other));
}

/* One of the fields of the header: type, block, rows, columns, ... */
static void ChangeField(uint8_t *bytes, Random *random)
{
    static const uint32_t values[] = {0, 1, 2, 7, 255, 65535, 0x7FFFFFFF, 0x80000000, UINT32_MAX};
    size_t at = 4 * Below(random, BLOCK_HEADER_SIZE / 4);
    uint32_t value = values[Below(random, sizeof(values) / sizeof(values[0]))], old;

    memcpy(&old, bytes + at, sizeof(old));
    if (Below(random, 2) == 0)
        value = old + (Below(random, 2) == 0 ? 1 : UINT32_MAX);
    memcpy(bytes + at, &value, sizeof(value));
}

/* What the header says is put right with the payload; or stays as it is, but for the checksum. */
static void Mend(uint8_t *bytes, size_t size, DataBlock block)
{
    block.payload = bytes + BLOCK_HEADER_SIZE;
    block.size = size - BLOCK_HEADER_SIZE;
    BlockSeal(bytes, "part", &block, Sum);
}

static DataBlock FieldsOf(const uint8_t *bytes)
{
    DataBlock block = {0};
    uint16_t type;

    memcpy(&type, bytes + 8, sizeof(type));
    memcpy(&block.number, bytes + 12, sizeof(block.number));
    memcpy(&block.rows, bytes + 16, sizeof(block.rows));
    memcpy(&block.columns, bytes + 20, sizeof(block.columns));
    block.type = (BlockType)(type % 8);
    return block;
}

/* Changes the block and returns its length, which is not above the old one. */
static size_t Mutate(uint8_t *bytes, size_t size, DataBlock block, Random *random)
{
    uint8_t *payload = bytes + BLOCK_HEADER_SIZE;

    for (uint32_t n = 1 + Below(random, 3); n > 0; n--)
        switch (Below(random, 16)) {
        case 0:
            bytes[Below(random, size)] ^= (uint8_t)(1u << Below(random, 8));
            break;
        case 1:
            ChangeField(bytes, random);
            break;
        case 2:
            size -= Below(random, size / 4 + 1);
            break;
        case 3:
        case 4:
            SwapNumbers(payload, size < BLOCK_HEADER_SIZE ? 0 : size - BLOCK_HEADER_SIZE, random);
            break;
        default:
            ChangeNumbers(payload, size < BLOCK_HEADER_SIZE ? 0 : size - BLOCK_HEADER_SIZE, random);
        }
    if (size >= BLOCK_HEADER_SIZE && Below(random, 16) > 0)
        Mend(bytes, size, Below(random, 4) == 0 ? FieldsOf(bytes) : block);
    return size;
}

/* ---- what serves ---- */

static bool AreFinite(const float *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* The best, by all scores. */
static uint32_t RankAll(const float *scores, Scored *best)
{
    TopK top = {.entries = best, .limit = TOP};

    for (uint32_t i = 0; i < ITEMS; i++)
        TopKAdd(&top, scores[i], i);
    TopKFinish(&top);
    return top.count;
}

static void CheckScan(Round *round, const float *scores)
{
    World *w = round->world;
    Scored found[TOP], best[TOP];
    TopK top = {.entries = found, .limit = TOP};
    ScanTask task = {.query = w->query, .top = &top};
    uint32_t count = RankAll(scores, best);
    ScanRun run;

    ScanPlace(&w->scan, &w->run.model, w->scan_memory);
    ScanBuild(&w->t.host, &w->scan);
    ScanStart(&run, &w->scan, 0, &task, 1, w->task_memory);
    while (ScanStep(&run))
        ;
    TopKFinish(&top);
    for (uint32_t i = 0; i < top.count; i++)
        round->wrong |= found[i].item >= ITEMS;
    if (AreFinite(scores, ITEMS))
        round->wrong |= top.count != count || memcmp(found, best, count * sizeof(Scored)) != 0;
}

/* A user's query, as an evaluation makes it. */
static void MakeQuery(World *w, uint32_t user)
{
    Histories histories = HistoriesOf(&w->run.model, &w->data, true);
    uint32_t scratch[EVENTS];

    HistoriesQuery(&histories, &w->run.model, user, scratch, w->query);
}

static void Compare(World *w, Axis axis, uint32_t row)
{
    static float out[USERS + ITEMS] ALIGNED;
    Model one = w->run.model;

    for (int p = 0; p < one.parts; p++)
        if (one.part[p].axis == axis) {
            one.part[p].data += (size_t)row * one.part[p].stride;
            one.part[p].rows = 1;
        }
    one.users = axis == AXIS_USER ? 1 : one.users;
    if (axis == AXIS_ITEM)
        ModelViewItems(&w->run.model, row, 1, &one);
    one.algorithm->similarity(&one, &w->run.model, axis, out);
}

static void CompareAll(Round *round)
{
    World *w = round->world;
    const Algorithm *a = w->run.model.algorithm;

    if (a->similarity == NULL)
        return;
    if (a->compares[AXIS_ITEM])
        Compare(w, AXIS_ITEM, Below(round->random, ITEMS));
    if (a->compares[AXIS_USER])
        Compare(w, AXIS_USER, Below(round->random, USERS));
}

static void FoldAndExplain(Round *round)
{
    World *w = round->world;
    const Algorithm *a = w->run.model.algorithm;
    Model history, sample, one;
    static float reasons[ITEMS] ALIGNED;

    ModelViewItems(&w->run.model, 3, 7, &history);
    ModelViewItems(&w->run.model, 20, 10, &sample);
    ModelViewItems(&w->run.model, Below(round->random, ITEMS), 1, &one);
    if (a->explain != NULL)
        a->explain(&w->t.host, &history, w->query, &one, reasons);
    if (a->fold_in != NULL)
        a->fold_in(&w->t.host, &history, &sample, w->query);
}

static void Learn(Round *round)
{
    World *w = round->world;
    Model *m = &w->run.model;
    const StreamMethods *methods = m->algorithm->stream;
    History history;
    Stream stream;

    for (uint32_t s = 0; methods != NULL && methods->slots != NULL && s < methods->slots(m); s++)
        methods->slot(m, s);
    if (methods != NULL)
        methods->write(m, &(Event){Below(round->random, USERS), Below(round->random, ITEMS), 0, 1});
    if (round->number % 32 != 0)
        return;
    HistoryInit(&w->t.host, USERS, StreamRecent(m), &history);
    StreamOpen(&w->t.host, m, &history, EVENTS, 1, &stream);
    for (uint32_t n = 0; n < 10; n++)
        StreamEvent(&stream, &(Event){n % 3, (5 * n) % ITEMS, n, 1}, n % 2 == 0);
    StreamClose(&stream);
}

/* As recadv_robustness() and recadv_evaluate() do. */
static void Evaluate(Round *round)
{
    World *w = round->world;
    Model *m = &w->run.model;
    uint32_t relevant[] = {1, 17, 30}, positions[3];
    RankingCase one = {.user = Below(round->random, USERS),
                       .relevant = relevant,
                       .relevant_count = 3,
                       .positions = positions};

    if (round->number % 16 != 0)
        return;
    if (m->algorithm->perturb != NULL)
        m->algorithm->perturb(&w->t.host, &w->data, m,
                              (Perturbation){(PerturbationKind)(round->number / 16 % 2), 0.5,
                                             round->number / 32 % 2 == 1},
                              1);
    RankCases(&w->t.host, m, HistoriesOf(m, &w->data, false), &one, 1);
    for (int i = 0; i < 3; i++)
        round->wrong |= positions[i] >= ITEMS;
}

static void Ask(void *arg)
{
    static float scores[ITEMS] ALIGNED;
    Round *round = arg;
    World *w = round->world;

    MakeQuery(w, Below(round->random, USERS));
    ModelScore(&w->run.model, w->query, 1, scores);
    CheckScan(round, scores);
    CompareAll(round);
    if (round->number % 4 == 0)
        FoldAndExplain(round);
    Learn(round);
    Evaluate(round);
}

/* ---- rounds ---- */

static void TakePart(const DataBlock *block, Part *part)
{
    size_t width = part->columns * sizeof(float);

    for (size_t r = 0; r < part->rows; r++)
        memcpy(PartRow(part, r), block->payload + r * width, width);
}

/* True if the block got in. */
static bool ChangePart(Round *round)
{
    World *w = round->world;
    Part *part = &w->run.model.part[Below(round->random, w->run.model.parts)];
    size_t width = part->columns * sizeof(float), size = part->rows * width + BLOCK_HEADER_SIZE;
    DataBlock block = {.type = BLOCK_FLOAT, .rows = part->rows, .columns = part->columns}, parsed;
    uint8_t *bytes = malloc(size);
    bool taken;

    for (size_t r = 0; r < part->rows; r++)
        memcpy(bytes + BLOCK_HEADER_SIZE + r * width, PartRow(part, r), width);
    Mend(bytes, size, block);
    size = Mutate(bytes, size, block, round->random);
    bytes = realloc(bytes, size + (size == 0)); /* no longer than the block: overruns show */
    taken = BlockParse(bytes, size, "part", 0, Sum, &parsed) == NULL && parsed.type == block.type &&
            parsed.rows == block.rows && parsed.columns == block.columns;
    if (taken)
        TakePart(&parsed, part);
    free(bytes);
    return taken;
}

/* Blocks of text, lists and numbers: every entry that a sound one offers is read. */
static bool ChangeOther(Round *round, const uint8_t *like, size_t size, DataBlock block)
{
    uint8_t *bytes = malloc(size);
    volatile uint64_t sink = 0;
    DataBlock parsed;
    bool taken;

    memcpy(bytes, like, size);
    size = Mutate(bytes, size, block, round->random);
    bytes = realloc(bytes, size + (size == 0));
    taken = BlockParse(bytes, size, "part", 0, Sum, &parsed) == NULL;
    for (uint32_t row = 0; taken && row < parsed.rows; row++) {
        size_t width = parsed.type == BLOCK_TEXT ? 1 : sizeof(uint32_t);
        uint32_t length = 0;
        const uint8_t *entry = NULL;

        if (parsed.type == BLOCK_INT64)
            sink += (uint64_t)BlockInt64(&parsed, row);
        if (parsed.type == BLOCK_TEXT || parsed.type == BLOCK_LIST)
            entry = BlockEntry(&parsed, row, &length);
        for (size_t i = 0; i < length * width; i++)
            sink += entry[i];
    }
    free(bytes);
    return taken;
}

/* LISTS rows of one value each, or of none for what has no offsets. */
static size_t MakeOther(BlockType type, uint8_t *bytes, DataBlock *block)
{
    uint32_t columns = type == BLOCK_INT64 ? 1 : LISTS;

    *block = (DataBlock){.type = type, .rows = LISTS, .columns = columns};
    block->size = BlockPayloadSize(type, LISTS, columns);
    for (uint32_t i = 0; i < block->size / sizeof(uint32_t); i++)
        memcpy(bytes + BLOCK_HEADER_SIZE + i * sizeof(i), &i, sizeof(i));
    Mend(bytes, block->size + BLOCK_HEADER_SIZE, *block);
    return block->size + BLOCK_HEADER_SIZE;
}

static uint64_t Asked(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);

    return value == NULL ? otherwise : strtoull(value, NULL, 10);
}

static void CheckModels(World *worlds, uint32_t count, uint64_t rounds, uint64_t seed)
{
    Random random = TestStream(10000 + 2 * seed);
    uint64_t taken = 0, failed = 0, wrong = 0;

    for (uint64_t n = 0; n < rounds; n++) {
        World *w = &worlds[n % count];
        Round round = {w, &random, n / count, false};
        const Allocation *before = w->t.arena;

        if (ChangePart(&round)) {
            taken++;
            failed += Attempt(&w->t, Ask, &round) == OUTCOME_FAILED;
        }
        if (round.wrong && wrong++ == 0)
            Note("first wrong answer: round %llu, %s", (unsigned long long)n,
                 w->run.model.algorithm->name);
        TestHostRewind(&w->t, before);
        Restore(w);
    }
    CHECK(wrong == 0, "%llu changed parts: %llu were refused, %llu taken, of which %llu failed",
          (unsigned long long)rounds, (unsigned long long)(rounds - taken),
          (unsigned long long)taken, (unsigned long long)failed);
    CHECK(taken > rounds / 4 && taken < rounds, "both ways were gone");
}

static void CheckOthers(uint64_t rounds, uint64_t seed)
{
    static const BlockType types[] = {BLOCK_UINT, BLOCK_INT64, BLOCK_TEXT, BLOCK_LIST};
    static uint8_t bytes[4][BLOCK_HEADER_SIZE + LISTS * LISTS * 4 + 64];
    Random random = TestStream(10001 + 2 * seed);
    Round round = {.random = &random};
    DataBlock block[4];
    size_t size[4];
    uint64_t taken = 0;

    for (int i = 0; i < 4; i++)
        size[i] = MakeOther(types[i], bytes[i], &block[i]);
    for (uint64_t n = 0; n < rounds; n++)
        taken += ChangeOther(&round, bytes[n % 4], size[n % 4], block[n % 4]);
    CHECK(taken > rounds / 8 && taken < rounds, "%llu changed blocks of ids and lists: %llu taken",
          (unsigned long long)rounds, (unsigned long long)taken);
}

void TestMutations(void)
{
    static World worlds[32];
    uint32_t count = 0;
    uint64_t rounds = Asked("RECADV_MUTATIONS", ROUNDS), seed = Asked("SEED", 0);

    for (; count < SmallModels(); count++)
        WorldOpen(&worlds[count], SmallAlgorithm(count), SmallSettings(count));
    CheckModels(worlds, count, rounds - rounds / 4, seed);
    CheckOthers(rounds / 4, seed);
    for (uint32_t i = 0; i < count; i++)
        TestHostEnd(&worlds[i].t);
}
