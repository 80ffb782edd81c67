/* double_irecgan.c: gradients of irecgan's networks against finite differences. */
#include "algo/irecgan/agent.h"
#include "algo/irecgan/discriminator.h"
#include "algo/irecgan/user.h"
#include "gradients.h"
#include "tests.h"

#define ITEMS   6
#define FACTORS 3
#define HIDDEN  4
#define STEPS   3

static const uint32_t slates[][3] = {{0, 1, 2}, {3, 1, 5}, {4, 0, 3}, {2, 5, 4}};

/* Three sessions: of three answers, the second of which is none; of one; of two, which goes on. */
static Answer answers[] = {
    {slates[0], 3, 1, 1, .7f, 1.5f}, {slates[1], 3, 3, 0, .9f, .4f},
    {slates[2], 3, 2, 0, 1, .8f},    {slates[3], 2, 0, .5f, .3f, -1.2f},
    {slates[1], 3, 0, 0, 1, 2},      {slates[0], 3, 2, 2, .5f, -.3f},
};
static const Episode episodes[] = {{answers + 3, 1, 1, true, false},
                                   {answers, 3, 2, true, false},
                                   {answers + 4, 2, 2, false, false}};
static const Episode *const batch[] = {&episodes[0], &episodes[1], &episodes[2]};

/* Away from first values, all of which are small. */
static void Shake(const Pack *pack, Random *random, Real *parameters)
{
    for (int m = 0; m < pack->count; m++)
        for (uint32_t r = 0; r < pack->matrix[m].rows; r++)
            for (uint32_t c = 0; c < pack->matrix[m].columns; c++)
                parameters[pack->matrix[m].first + r * pack->matrix[m].stride + c] +=
                    .3 * RandomNormal(random);
}

static bool PackIsRight(double (*loss)(void *arg), void *arg, const Pack *pack, Real *parameters,
                        const Real *gradient)
{
    bool right = true;

    for (int m = 0; m < pack->count; m++) {
        const PackedMatrix *matrix = &pack->matrix[m];

        right &= GradientIsRight(loss, arg, parameters + matrix->first, gradient + matrix->first,
                                 matrix->rows, matrix->columns);
    }
    return right;
}

static void AddRow(Real *sum, uint32_t item, Real factor, const Real *row)
{
    for (size_t k = 0; k < FACTORS; k++)
        sum[item * Pitch(FACTORS) + k] += factor * row[k];
}

/* --- visitors */

typedef struct User {
    UserNet net;
    UserLosses losses;
    UserWork work;
    Slice slice;
    Real *parameters, *items;
} User;

static double UserValue(void *arg)
{
    User *u = arg;

    return (double)UserLearn(&u->net, u->parameters, u->items, &u->slice, &u->losses, &u->work,
                             NULL);
}

static void StartUser(User *u, uint32_t layers)
{
    Random random = TestStream(31);

    UserNetSet(FACTORS, HIDDEN, layers, &u->net);
    u->losses = (UserLosses){true, .6, 1};
    u->parameters = ZeroMatrix(1, u->net.pack.floats);
    UserNetStart(&u->net, &random, u->parameters);
    Shake(&u->net.pack, &random, u->parameters);
    u->items = RandomMatrix(&random, ITEMS, FACTORS, 1);
    UserWorkSet(&u->net, 6, 18, ZeroMatrix(1, UserWorkSet(&u->net, 6, 18, NULL, NULL)), &u->work);
    SliceOfAnswers(NULL, batch, 3, &u->slice);
}

/* What the shares of items' rows sum to. */
static void SumUserRows(const User *u, Real *sum)
{
    const Slice *s = &u->slice;
    const Real *score = u->work.score;

    for (uint32_t i = 0; i < s->count; score += s->answer[i++]->count + 1) {
        uint32_t clicked = ClickedItem(s->answer[i]);

        for (uint32_t j = 0; j < s->answer[i]->count; j++)
            AddRow(sum, s->answer[i]->shown[j], score[j], u->work.wish + i * Pitch(FACTORS));
        if (clicked != NOTHING)
            AddRow(sum, clicked, u->work.factor[i], u->work.price + i * Pitch(FACTORS));
        if (s->input[i] != NOTHING)
            AddRow(sum, s->input[i], 1, u->work.dx + i * Pitch(FACTORS));
    }
}

static void CheckUser(uint32_t layers)
{
    static User u;
    Real *gradient, *rows = ZeroMatrix(ITEMS, FACTORS);

    StartUser(&u, layers);
    gradient = ZeroMatrix(1, u.net.pack.floats);
    UserLearn(&u.net, u.parameters, u.items, &u.slice, &u.losses, &u.work, gradient);
    SumUserRows(&u, rows);
    CHECK(PackIsRight(UserValue, &u, &u.net.pack, u.parameters, gradient),
          "visitors, %u layers: by the parameters", layers);
    CHECK(GradientIsRight(UserValue, &u, u.items, rows, ITEMS, FACTORS), "by the items' rows");
}

/* --- states that are carried along */

static void CheckSteps(uint32_t layers)
{
    static User u;
    size_t pitch = Pitch(HIDDEN), width;
    Real *states, *scratch, *before = ZeroMatrix(6, HIDDEN);
    bool same = true;

    StartUser(&u, layers);
    UserValue(&u);
    RealCopy(u.work.state, 6 * pitch, before);
    width = RecurrentState(&u.net.lstm);
    states = ZeroMatrix(1, 3 * width);
    scratch = ZeroMatrix(1, RecurrentScratch(&u.net.lstm, 3));
    for (uint32_t i = 0; i < u.slice.count; i++) {
        uint32_t sequence = i < 3 ? i : i < 5 ? i - 3 : i - 5;
        Real *state = states + sequence * width, *top = state + RecurrentTop(&u.net.lstm);

        for (size_t k = 0; k < HIDDEN; k++)
            same &= Near((double)top[k], (double)before[i * pitch + k], 1e-12, 1e-14);
        RecurrentStep(&u.net.lstm, &u.net.pack, u.parameters, 1,
                      UserRow(&u.net, u.parameters, u.items, u.slice.input[i]), state, scratch);
    }
    CHECK(same, "states that are carried along are those of whole sequences, %u layers", layers);
}

/* --- what serves */

static void CheckOdds(void)
{
    static User u;
    const uint32_t shown[] = {5, NOTHING, 2};
    Real *wish = ZeroMatrix(1, FACTORS);
    float odds[3];
    double sum = 1;

    StartUser(&u, 1);
    UserValue(&u);
    UserWish(&u.net, u.parameters, u.work.state, 1, wish);
    UserOdds(&u.net, u.parameters, u.items, wish, slates[0], 3, odds);
    for (int j = 0; j < 3; j++)
        sum += exp((double)odds[j]);
    for (int j = 0; j < 3; j++)
        CHECK(Near(exp((double)odds[j]) / sum, (double)u.work.score[j], 1e-5, 1e-7),
              "visitors choose as they were learnt");
    UserOdds(&u.net, u.parameters, u.items, wish, shown, 3, odds);
    CHECK(isinf(odds[1]) && odds[1] < 0 && isfinite(odds[0]), "never what they do not know");
}

/* The probabilities of a slate, and of nothing, are all that there is. */
static void CheckProbabilities(void)
{
    static User u;
    const Real *score;
    bool right = true;

    StartUser(&u, 1);
    UserValue(&u);
    score = u.work.score;
    for (uint32_t i = 0; i < u.slice.count; i++) {
        Real sum = 0;

        for (uint32_t j = 0; j <= u.slice.answer[i]->count; j++) {
            right &= score[j] > 0 && score[j] < 1;
            sum += score[j];
        }
        right &= Near((double)sum, 1, 1e-12, 0);
        score += u.slice.answer[i]->count + 1;
    }
    CHECK(right, "probabilities over a slate, and nothing, sum to 1");
}

/* --- the agent */

typedef struct Agent {
    AgentNet net;
    AgentWork work;
    Slice slice;
    Real *parameters, *clicked, *rows, *query, *dquery, *logits;
} Agent;

static Real Weight(const Answer *answer)
{
    return answer->gain - (Real).25;
}

static double AgentLoss(Agent *a)
{
    size_t pitch = Pitch(ITEMS), query = QueryReals(&a->net);
    Real loss = 0;

    AgentQueries(&a->net, a->parameters, a->clicked, &a->slice, &a->work, a->query);
    for (uint32_t i = 0; i < a->slice.count; i++) {
        Real *logits = a->logits + i * pitch;

        for (uint32_t j = 0; j < ITEMS; j++) {
            logits[j] = 0;
            for (size_t k = 0; k < query; k++)
                logits[j] += a->query[i * query + k] * a->rows[j * query + k];
        }
        loss += PolicyLoss(ITEMS, ClickedItem(a->slice.answer[i]), Weight(a->slice.answer[i]), 1,
                           logits);
    }
    return (double)loss;
}

static double AgentValue(void *arg)
{
    return AgentLoss(arg);
}

static void StartAgent(Agent *a, uint32_t layers)
{
    Random random = TestStream(32);

    AgentNetSet(FACTORS, HIDDEN, layers, &a->net);
    a->parameters = ZeroMatrix(1, a->net.pack.floats);
    AgentNetStart(&a->net, &random, a->parameters);
    Shake(&a->net.pack, &random, a->parameters);
    a->clicked = RandomMatrix(&random, ITEMS, FACTORS, 1);
    a->rows = RandomMatrix(&random, ITEMS, HIDDEN + 1, 1);
    a->query = ZeroMatrix(6, HIDDEN + 1);
    a->dquery = ZeroMatrix(6, HIDDEN + 1);
    a->logits = ZeroMatrix(6, ITEMS);
    AgentWorkSet(&a->net, 6, ZeroMatrix(1, AgentWorkSet(&a->net, 6, NULL, NULL)), &a->work);
    SliceOfClicks(NULL, batch, 3, &a->slice);
}

/* dquery, and the gradient of the rows, from that of the logits. */
static void BackToRows(Agent *a, Real *drows)
{
    size_t query = QueryReals(&a->net);

    for (uint32_t i = 0; i < a->slice.count; i++)
        for (uint32_t j = 0; j < ITEMS; j++)
            for (size_t k = 0; k < query; k++) {
                Real d = a->logits[i * Pitch(ITEMS) + j];

                a->dquery[i * query + k] += d * a->rows[j * query + k];
                drows[j * query + k] += d * a->query[i * query + k];
            }
}

static void CheckAgent(uint32_t layers)
{
    static Agent a;
    Real *gradient, *drows = ZeroMatrix(ITEMS, HIDDEN + 1), *dclicked = ZeroMatrix(ITEMS, FACTORS);

    StartAgent(&a, layers);
    gradient = ZeroMatrix(1, a.net.pack.floats);
    AgentLoss(&a);
    BackToRows(&a, drows);
    AgentBack(&a.net, a.parameters, &a.slice, a.dquery, &a.work, gradient);
    for (uint32_t i = 0; i < UnrollInputs(&a.slice.unroll); i++)
        AddRow(dclicked, a.slice.input[i], 1, a.work.dx + i * Pitch(FACTORS));
    CHECK(a.slice.count == 5 && UnrollInputs(&a.slice.unroll) == 2,
          "the agent learns the clicks, and takes in all but the last");
    CHECK(PackIsRight(AgentValue, &a, &a.net.pack, a.parameters, gradient),
          "agent, %u layers: by the parameters", layers);
    CHECK(GradientIsRight(AgentValue, &a, a.rows, drows, ITEMS, HIDDEN + 1), "by the rows");
    CHECK(GradientIsRight(AgentValue, &a, a.clicked, dclicked, ITEMS, FACTORS), "by the clicks");
}

/* --- the discriminator */

typedef struct Judge {
    JudgeNet net;
    JudgeWork work;
    Slice slice;
    Real *parameters, *items, odds[SLICE_ROWS];
} Judge;

static double JudgeValue(void *arg)
{
    Judge *j = arg;

    return (double)JudgeLearn(&j->net, j->parameters, j->items, &j->slice, 1, &j->work, j->odds,
                              NULL);
}

static void StartJudge(Judge *j, uint32_t layers, bool buys)
{
    static const Episode judged[] = {{answers + 3, 1, 1, true, true},
                                     {answers, 3, 2, true, false},
                                     {answers + 4, 2, 2, false, true}};
    static const Episode *const all[] = {&judged[0], &judged[1], &judged[2]};
    Random random = TestStream(33);

    JudgeNetSet(FACTORS, HIDDEN, layers, buys, &j->net);
    j->parameters = ZeroMatrix(1, j->net.pack.floats);
    JudgeNetStart(&j->net, &random, j->parameters);
    Shake(&j->net.pack, &random, j->parameters);
    j->items = RandomMatrix(&random, ITEMS, FACTORS, .5);
    JudgeWorkSet(&j->net, 6, 18, ZeroMatrix(1, JudgeWorkSet(&j->net, 6, 18, NULL, NULL)), &j->work);
    SliceOfAnswers(NULL, all, 3, &j->slice);
}

static void SumJudgeRows(const Judge *j, Real *sum)
{
    const JudgeWork *w = &j->work;
    size_t pitch = Pitch(FACTORS), at = 0;

    for (uint32_t i = 0; i < j->slice.count; at += j->slice.answer[i++]->count + 1) {
        const Answer *answer = j->slice.answer[i];

        for (uint32_t p = 0; p < answer->count; p++) {
            AddRow(sum, answer->shown[p], w->share[at + p], w->dseen + i * pitch);
            AddRow(sum, answer->shown[p], w->dshare[at + p], w->look + i * pitch);
        }
        if (j->slice.input[i] == NOTHING)
            continue;
        AddRow(sum, j->slice.input[i], 1, w->downx + i * pitch);
        AddRow(sum, j->slice.input[i], 1, w->dx + i * pitch);
    }
}

static void CheckJudge(uint32_t layers, bool buys)
{
    static Judge j;
    Real *gradient, *rows = ZeroMatrix(ITEMS, FACTORS);

    StartJudge(&j, layers, buys);
    gradient = ZeroMatrix(1, j.net.pack.floats);
    JudgeLearn(&j.net, j.parameters, j.items, &j.slice, 1, &j.work, j.odds, gradient);
    SumJudgeRows(&j, rows);
    CHECK(PackIsRight(JudgeValue, &j, &j.net.pack, j.parameters, gradient),
          "discriminator, %u layers, purchases %d: by the parameters", layers, buys);
    CHECK(GradientIsRight(JudgeValue, &j, j.items, rows, ITEMS, FACTORS), "by the items' rows");
}

void TestIrecganGradients(void)
{
    for (uint32_t layers = 1; layers <= 2; layers++) {
        CheckUser(layers);
        CheckSteps(layers);
        CheckAgent(layers);
        CheckJudge(layers, layers == 1);
    }
    CheckOdds();
    CheckProbabilities();
}
