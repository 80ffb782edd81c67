/* double_ma_rdpg.c: gradients of actors, critics and messages against finite differences. */
#include "algo/ma_rdpg/slice.h"
#include "gradients.h"
#include "testhost.h"
#include "tests.h"

#define SESSIONS 5
#define STEPS    3
#define OBSERVED 4
#define WIDEST   3

static const ActShape shape = {3, {{3, 2}, {2, 3}, {4, 1}}};

/* The last session is cut: what follows its second step is known, and nothing of the third. */
static const uint32_t scenarios[SESSIONS][STEPS] = {{0, 1, 0}, {1, 2, 1}, {2}, {1, 1}, {1, 0, 1}};
static const uint32_t lengths[SESSIONS] = {3, 3, 1, 2, 3};

typedef struct Rig {
    TestHost t;
    Store store;
    Networks n;
    Slice slice;
    SliceRule rule;
    Episode episodes[SESSIONS];
    Weights weights, targets, gradient, scratch;
    Real cloning[MOST_SCENARIOS];
    float norm[7 * 16];
    float observation[SESSIONS][STEPS * OBSERVED], action[SESSIONS][STEPS * WIDEST];
    float reward[SESSIONS][STEPS];
} Rig;

static Weights Zero(const Rig *r)
{
    return (Weights){ZeroMatrix(1, r->n.actors.floats), ZeroMatrix(1, r->n.critics.floats),
                     r->n.message > 0 ? ZeroMatrix(1, r->n.lstm.floats) : NULL};
}

/* Random weights, all of about one size, padding zero. */
static void Fill(Random *random, const Pack *pack, bool gates, Real *values)
{
    for (int m = 0; m < pack->count; m++)
        for (uint32_t row = 0; row < pack->matrix[m].rows; row++)
            for (uint32_t c = 0; c < pack->matrix[m].columns; c++)
                if (!gates || c % 16 < 5)
                    values[pack->matrix[m].first + row * pack->matrix[m].stride + c] =
                        (Real)(0.5 * RandomNormal(random));
}

static Weights RandomWeights(Random *random, const Rig *r)
{
    Weights w = Zero(r);

    Fill(random, &r->n.actors, false, w.actors);
    Fill(random, &r->n.critics, false, w.critics);
    if (r->n.message > 0)
        Fill(random, &r->n.lstm, true, w.lstm);
    return w;
}

static void FillSession(Random *random, Rig *r, uint32_t s)
{
    for (uint32_t t = 0; t < lengths[s]; t++) {
        ActWidths widths = shape.scenario[scenarios[s][t]];
        float sum = 0, *action = &r->action[s][t * WIDEST];

        for (uint32_t k = 0; k < widths.observation; k++)
            r->observation[s][t * OBSERVED + k] = (float)RandomNormal(random);
        for (uint32_t k = 0; k < widths.action; k++)
            sum += action[k] = (float)RandomUniform(random);
        for (uint32_t k = 0; k < widths.action; k++)
            action[k] /= sum;
        r->reward[s][t] = (float)RandomNormal(random);
    }
    r->episodes[s] = (Episode){lengths[s],        s < SESSIONS - 1, scenarios[s],
                               r->observation[s], r->action[s],     r->reward[s]};
}

static void StartRig(Rig *r, Communication communication)
{
    Random random = TestStream(31);

    memset(r, 0, sizeof(*r));
    TestHostInit(&r->t);
    r->store = (Store){.host = &r->t.host};
    NetworksOf(&(NetworkShape){&shape, communication, 5, 6}, &r->n);
    MaSliceTake(&r->store, &r->n, SESSIONS, STEPS, &r->slice);
    r->weights = RandomWeights(&random, r);
    r->targets = RandomWeights(&random, r);
    r->gradient = Zero(r);
    r->scratch = Zero(r);
    for (uint32_t s = 0; s < SESSIONS; s++)
        FillSession(&random, r, s);
    for (uint32_t k = 0; k < 6 * 16; k++)
        r->norm[k] = k / 16 % 2 == 0 ? 0.1f : 0.9f;
    r->cloning[0] = 0.3, r->cloning[1] = 0.2;
    r->rule = (SliceRule){.gamma = 0.8,
                          .reward_scale = 0.5,
                          .cloning = r->cloning,
                          .logit_decay = 0.05,
                          .share = 0.1,
                          .climbs = true};
    MaSliceRead(&r->slice, r->norm, r->episodes, SESSIONS);
    MaSliceAim(&r->slice, &r->rule, &r->targets);
}

static void EndRig(Rig *r)
{
    StoreRelease(&r->store);
    TestHostEnd(&r->t);
}

static double CriticLoss(void *arg)
{
    Rig *r = arg;

    MaSliceLearn(&r->slice, &r->rule, &r->weights, &r->scratch);
    return r->slice.loss;
}

static double ActorLoss(void *arg)
{
    Rig *r = arg;

    MaSliceLearn(&r->slice, &r->rule, &r->weights, &r->scratch);
    return r->slice.climbed;
}

static bool PackIsRight(Rig *r, double (*loss)(void *arg), const Pack *pack, Real *values,
                        const Real *gradient)
{
    bool right = true;

    for (int m = 0; m < pack->count; m++) {
        const PackedMatrix *matrix = &pack->matrix[m];

        right &= GradientIsRight(loss, r, values + matrix->first, gradient + matrix->first,
                                 matrix->rows, matrix->columns);
    }
    return right;
}

static void CheckGradients(Communication communication, const char *name)
{
    static Rig r;

    StartRig(&r, communication);
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.gradient);
    CHECK(PackIsRight(&r, CriticLoss, &r.n.critics, r.weights.critics, r.gradient.critics),
          "%s: the critic's gradient", name);
    CHECK(PackIsRight(&r, ActorLoss, &r.n.actors, r.weights.actors, r.gradient.actors),
          "the actors'");
    if (r.n.message > 0)
        CHECK(PackIsRight(&r, CriticLoss, &r.n.lstm, r.weights.lstm, r.gradient.lstm),
              "and the messages'");
    EndRig(&r);
}

/* --- what follows what */

static bool AreSame(const Real *a, const Real *b, size_t count, double tiny)
{
    for (size_t i = 0; i < count; i++)
        if (!Near((double)a[i], (double)b[i], 0, tiny))
            return false;
    return true;
}

/* Half of message_q off the goals is the same as its own term: 2 (q - y) - m = 2 (q - (y + m / 2)).
 */
static void CheckMessageQ(void)
{
    static Rig r;
    Weights other;

    StartRig(&r, COMMUNICATE_MESSAGE);
    other = Zero(&r);
    r.rule.message_q = 0.7;
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.gradient);
    r.rule.message_q = 0;
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.scratch);
    CHECK(AreSame(r.gradient.critics, r.scratch.critics, r.n.critics.floats, 0) &&
              AreSame(r.gradient.actors, r.scratch.actors, r.n.actors.floats, 0),
          "message_q: critic and actors do not feel it");
    for (uint32_t row = 0; row < r.slice.rows; row++)
        r.slice.goal[row] += 0.35;
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &other);
    CHECK(AreSame(r.gradient.lstm, other.lstm, r.n.lstm.floats, 1e-12) &&
              !AreSame(r.gradient.lstm, r.scratch.lstm, r.n.lstm.floats, 1e-6),
          "messages do, as if the goals were greater by half of it");
    EndRig(&r);
}

/* The critic and the messages do not follow what the actors want. */
static void CheckApart(void)
{
    static Rig r;

    StartRig(&r, COMMUNICATE_MESSAGE);
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.gradient);
    r.rule.climbs = false;
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.scratch);
    CHECK(AreSame(r.gradient.critics, r.scratch.critics, r.n.critics.floats, 0) &&
              AreSame(r.gradient.lstm, r.scratch.lstm, r.n.lstm.floats, 0),
          "critic and messages do not feel the actors");
    CHECK(AreSame(r.scratch.actors, ZeroMatrix(1, r.n.actors.floats), r.n.actors.floats, 0),
          "actors that do not climb have no gradient");
    EndRig(&r);
}

/* What the critic makes of other scenarios' segments never reaches an actor. */
static void CheckPadding(void)
{
    static Rig r;
    const PackedMatrix *first = NULL;
    const Mlp *actor;

    StartRig(&r, COMMUNICATE_SHARED);
    MaSliceRead(&r.slice, r.norm, &r.episodes[3], 1); /* scenario 1 alone */
    MaSliceAim(&r.slice, &r.rule, &r.targets);
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.gradient);
    first = &r.n.critics.matrix[r.n.critic[0].layer[0].weight];
    for (uint32_t row = OBSERVED; row < OBSERVED + r.n.actions; row++)
        for (uint32_t c = 0; c < first->columns; c++)
            if (row < OBSERVED + r.n.first[1] || row >= OBSERVED + r.n.first[2])
                r.weights.critics[first->first + row * first->stride + c] += 3;
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.scratch);
    CHECK(AreSame(r.gradient.actors, r.scratch.actors, r.n.actors.floats, 0),
          "an actor does not feel the critic's weights of other segments");
    actor = &r.n.actor[1];
    for (uint32_t s = 0; s < 3; s += 2)
        for (int i = 0; i < MA_LAYERS; i++) {
            const PackedMatrix *m = &r.n.actors.matrix[r.n.actor[s].layer[i].weight];

            CHECK(AreSame(r.gradient.actors + m->first, ZeroMatrix(m->rows, m->stride),
                          (size_t)m->rows * m->stride, 0),
                  "layer %d of scenario %u, where nobody was, has no gradient", i, s);
        }
    CHECK(!AreSame(r.gradient.actors + r.n.actors.matrix[actor->layer[0].weight].first,
                   ZeroMatrix(1, 64), 64, 0),
          "that of the other has one");
    EndRig(&r);
}

/* h_0 = 0, and what is still to come does not change a message. */
static void CheckMessages(void)
{
    static Rig r;
    Real before[3][16], after[3][16];
    Episode e;

    StartRig(&r, COMMUNICATE_MESSAGE);
    for (int change = 0; change < 2; change++) {
        e = r.episodes[1];
        if (change == 1) {
            r.observation[1][2 * OBSERVED] += 1;
            r.action[1][2 * WIDEST] = 0, r.action[1][2 * WIDEST + 1] = 1;
        }
        MaSliceRead(&r.slice, r.norm, &e, 1);
        MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.gradient);
        memcpy(change ? after : before, r.slice.h, sizeof(after));
    }
    CHECK(AreSame(before[0], ZeroMatrix(1, 16), 16, 0), "the first message is zero");
    CHECK(!AreSame(before[1], before[2], 5, 1e-3), "messages change from step to step");
    CHECK(AreSame(before[0], after[0], 3 * 16, 0), "but not by what comes later");
    r.observation[1][OBSERVED] += 1;
    MaSliceRead(&r.slice, r.norm, &e, 1);
    MaSliceLearn(&r.slice, &r.rule, &r.weights, &r.gradient);
    CHECK(AreSame(before[1], r.slice.h + 16, 5, 0) && !AreSame(before[2], r.slice.h + 32, 5, 1e-3),
          "what is seen in the second step changes the third message");
    EndRig(&r);
}

/* Goals by hand: alone, a step looks for the next one of its own scenario. */
static void CheckGoals(void)
{
    static Rig r;

    for (int alone = 0; alone < 2; alone++) {
        Slice *s = &r.slice;

        StartRig(&r, alone ? COMMUNICATE_NOTHING : COMMUNICATE_MESSAGE);
        MaSliceRead(s, r.norm, r.episodes, 1); /* 0, 1, 0 */
        MaSliceAim(s, &r.rule, &r.targets);
        CHECK(s->next[0] == (alone ? 2u : 1u) && s->next[1] == (alone ? NO_STEP : 2u) &&
                  s->next[2] == NO_STEP,
              "%s: which step follows which", alone ? "critics of their own" : "one critic");
        CHECK(s->goal[2] == 0.5 * (Real)r.reward[0][2], "the last step aims at its reward");
        CHECK(s->goal[0] != 0.5 * (Real)r.reward[0][0] &&
                  (s->goal[1] == 0.5 * (Real)r.reward[0][1]) == (bool)alone,
              "the others at more, if something follows");
        MaSliceRead(s, r.norm, &r.episodes[SESSIONS - 1], 1); /* 1, 0, 1, cut */
        CHECK(s->learnt[0] && s->learnt[1] == !alone && !s->learnt[2],
              "of a session that is cut, what follows an unknown step is not learnt");
        EndRig(&r);
    }
}

void TestMaRdpgGradients(void)
{
    CheckGradients(COMMUNICATE_MESSAGE, "messages");
    CheckGradients(COMMUNICATE_SHARED, "one critic");
    CheckGradients(COMMUNICATE_NOTHING, "critics of their own");
    CheckMessageQ();
    CheckApart();
    CheckPadding();
    CheckMessages();
    CheckGoals();
}
