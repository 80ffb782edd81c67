/*
 * train.c: learns from a log of acts, or in a world, whose best check stays.
 *
 * Of a log the last iteration stays: neither the critic's error nor the distance from what was done
 * tells on held-out sessions which of two policies is better, so they are only reported.
 */
#include <math.h>
#include <stdio.h>

#include "algo/learn/loop.h"
#include "algo/ma_rdpg/learner.h"
#include "algo/ma_rdpg/log.h"
#include "algo/ma_rdpg/play.h"
#include "algo/policy/act_worlds.h"
#include "core/blas.h"
#include "core/pool.h"

/* Of held-out steps in which the actors go beyond the log, and the size of a reward, in deviations,
 * from which on users should know. */
#define MUCH_OUTSIDE 0.1
#define MUCH_REWARD  100

typedef struct Trainer {
    const Host *host;
    const PolicyData *data;
    Model *model;
    const MaOptions *options;
    const ActEnvironment *environment; /* NULL: a log */
    TrainReport *report;
    Store store;
    Learner learner;
    Play play;
    Log log;
} Trainer;

/* --- memory */

static uint32_t Longest(const Trainer *t)
{
    return t->environment != NULL
               ? t->environment->steps
               : MaLogLongest(t->data->acts, (uint32_t)t->options->session_steps);
}

static void Take(Trainer *t, int threads)
{
    MaLearnerTake(&t->store, t->model, Longest(t), threads, &t->learner);
    if (t->environment != NULL)
        MaPlayTake(&t->store, t->environment, &t->learner, &t->play);
    else
        MaLogTake(&t->store, t->data->acts, &t->log);
}

static int Epochs(const MaOptions *o)
{
    return (int)((o->iterations + o->check_every - 1) / o->check_every);
}

static uint32_t LearntParts(const Model *model)
{
    uint32_t parts = LEARNT(MA_ACTORS) | LEARNT(MA_CRITICS) | LEARNT(MA_NORM);

    return model->parts > MA_LSTM ? parts | LEARNT(MA_LSTM) : parts;
}

static Trainer TrainerOf(const Host *host, const PolicyData *data, Model *model)
{
    const MaOptions *o = model->options;

    return (Trainer){.host = host,
                     .data = data,
                     .model = model,
                     .options = o,
                     .environment = ActEnvironmentAt(o->environment),
                     .store = {.host = host}};
}

size_t MaMemory(const Model *model, const PolicyData *shape, int threads)
{
    Model counted = *model;
    Trainer t = TrainerOf(NULL, shape, &counted);
    size_t products;

    if (t.environment == NULL && shape->acts == NULL)
        return 0; /* MaTrain says so */
    Take(&t, threads);
    products = BlasMemory((size_t)t.learner.together * (t.learner.longest + 1),
                          LstmGates(t.learner.n.message), HeardPitch(&t.learner.n));
    return SizeAdd(SizeAdd(t.store.bytes, SizeMultiply((size_t)threads, products)),
                   LoopMemory(model, NULL, threads, LearntParts(model), Epochs(t.options)));
}

/* --- epochs */

static void CheckLoss(const Trainer *t, double loss)
{
    if (!isfinite(loss))
        HostFail(t->host, FAIL_NOT_FINITE,
                 "Lower the options critic_rate, actor_rate and message_rate.",
                 "training diverged in iteration %llu: the critic's loss is not finite",
                 (unsigned long long)t->learner.iteration);
}

static void MakeBatch(Trainer *t)
{
    const MaOptions *o = t->options;
    bool starts = t->learner.iteration < (uint64_t)o->explore_iterations;

    if (t->environment == NULL) {
        MaLogBatch(&t->log, &t->learner);
        return;
    }
    MaPlaySessions(&t->play, starts ? o->explore_start : o->explore);
    MaPlayBatch(&t->play);
}

/* Iterations up to the next check; their mean loss. */
static double RunEpoch(void *trainer, int number)
{
    Trainer *t = trainer;
    double loss = 0;
    int count = 0;

    (void)number;
    for (;
         count < t->options->check_every && t->learner.iteration < (uint64_t)t->options->iterations;
         count++) {
        MakeBatch(t);
        loss += MaLearnerStep(&t->learner);
        CheckLoss(t, loss);
        HostPoll(t->host);
    }
    *PartRow(&t->model->part[MA_NORM], 2 * (size_t)t->model->acts->scenarios) =
        (float)(1 / t->learner.reward_scale);
    return loss / count;
}

/* Scenarios that share nothing cannot choose by what they earn together: their last version stays.
 */
static bool IsTried(const Trainer *t)
{
    return t->environment != NULL &&
           (!t->learner.n.alone || t->learner.iteration == (uint64_t)t->options->iterations);
}

/* Reward and depth in the world; of a log nothing. */
static void Measure(void *trainer, double *metric)
{
    Trainer *t = trainer;
    Earned earned = {(double)NAN, (double)NAN};

    if (IsTried(t))
        earned = MaPlayCheck(&t->play, false);
    metric[0] = earned.reward;
    metric[1] = earned.depth;
}

/* --- what there is to say */

static void TellOfWorld(Trainer *t)
{
    const TrainReport *r = t->report;
    double even = MaPlayCheck(&t->play, true).reward;

    t->report->finding[0] = (Finding){"even_reward", even};
    if (r->best >= 0 && r->history[r->best].metric[0] <= even)
        snprintf(t->report->warning, sizeof(t->report->warning),
                 "the policy earns %.2f in a session, equal weights %.2f",
                 r->history[r->best].metric[0], even);
}

static void WarnOfLog(Trainer *t, const Verdict *v)
{
    TrainReport *r = t->report;

    if (t->log.largest > MUCH_REWARD)
        snprintf(r->warning, sizeof(r->warning),
                 "a reward is %.0f standard deviations large: the others hardly count",
                 t->log.largest);
    else if (v->outside > MUCH_OUTSIDE)
        snprintf(r->warning, sizeof(r->warning),
                 "in %.0f %% of the steps a weight is beyond all that the log has tried: nothing "
                 "in the log tells what comes of it; raise the option cloning",
                 100 * v->outside);
    if (t->log.beyond > 0)
        snprintf(r->note, sizeof(r->note),
                 "%llu steps come after the first %u of their session and are not learnt: see the "
                 "option session_steps",
                 (unsigned long long)t->log.beyond, t->learner.longest);
}

static void TellOfLog(Trainer *t)
{
    Verdict v = MaLogJudge(&t->log, &t->learner);
    Finding *f = t->report->finding;

    f[0] = (Finding){"outside", v.outside};
    f[1] = (Finding){"distance", v.distance};
    f[2] = (Finding){"critic_error", v.errors};
    f[3] = (Finding){"expected_return", v.expected};
    f[4] = (Finding){"logged_return", v.earned};
    WarnOfLog(t, &v);
}

/* --- training */

static void CheckData(const Trainer *t)
{
    if (t->environment != NULL && !ActFits(t->model, t->environment))
        HostFail(t->host, FAIL_INVALID, NULL, "the model has not the scenarios of \"%s\"",
                 t->environment->name);
    if (t->environment == NULL && (t->data->acts == NULL || t->data->acts->steps == 0))
        HostFail(t->host, FAIL_INVALID, "Look at the log, or name a world: option environment.",
                 "there are no acts to learn from");
}

/* Observations as they are. */
static void StartNorm(const Trainer *t)
{
    const Part *norm = &t->model->part[MA_NORM];

    PartClear(t->host, norm);
    for (uint32_t s = 0; s < t->model->acts->scenarios; s++)
        for (uint32_t k = 0; k < norm->columns; k++)
            PartRow(norm, 2 * (size_t)s + 1)[k] = 1;
}

static void StartModel(Trainer *t)
{
    for (int i = MA_ACTORS; i < t->model->parts; i++)
        PartClear(t->host, &t->model->part[i]);
    StartNorm(t);
    MaLearnerStart(&t->learner);
    if (t->environment != NULL)
        return;
    MaLogRead(&t->log, &t->learner);
}

void MaTrain(const Host *host, const PolicyData *data, Model *model, TrainReport *report)
{
    Trainer t = TrainerOf(host, data, model);
    Loop loop = {
        .host = host,
        .model = model,
        .report = report,
        .epochs = Epochs(t.options),
        .learnt = LearntParts(model),
        .trainer = &t,
        .epoch = RunEpoch,
        .measure = Measure,
        .measures = MEASURE_ALWAYS,
    };

    t.report = report;
    CheckData(&t);
    BlasLoad(PoolThreads(host));
    Take(&t, PoolThreads(host));
    StartModel(&t);
    LoopOpen(&loop);
    LoopStage(&loop, model->algorithm->name, loop.epochs);
    if (t.environment != NULL)
        TellOfWorld(&t);
    else
        TellOfLog(&t);
    LoopClose(&loop);
    StoreRelease(&t.store);
}
