/* play.c: plays sessions of a world. */
#include "algo/ma_rdpg/play.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"

/* None of them is one that is learnt from. */
#define FIRST_CHECKED ((uint64_t)1 << 36)

#define CHECK_SESSIONS 16 /* of a task */

/* A session in the replay: the head, then what Episode points to. */
typedef struct RecordHead {
    uint32_t steps;
} __attribute__((aligned(64))) RecordHead;

typedef struct RecordParts {
    RecordHead *head;
    uint32_t *scenario;
    float *reward, *observation, *action;
} RecordParts;

static size_t RecordBytes(const Networks *n, uint32_t steps)
{
    size_t bytes = sizeof(RecordHead) +
                   (size_t)steps * sizeof(float) * (2 + (size_t)n->observed + (size_t)n->widest);

    return (bytes + 63) / 64 * 64;
}

static RecordParts PartsOf(const Play *p, const void *record)
{
    size_t steps = p->environment->steps;
    RecordParts parts = {.head = (RecordHead *)record};

    parts.scenario = (uint32_t *)(parts.head + 1);
    parts.reward = (float *)(parts.scenario + steps);
    parts.observation = parts.reward + steps;
    parts.action = parts.observation + steps * p->learner->n.observed;
    return parts;
}

void MaPlayTake(Store *store, const ActEnvironment *environment, Learner *learner, Play *play)
{
    const MaOptions *o = learner->options;
    Play *p = play;

    *p = (Play){.environment = environment, .learner = learner};
    p->replay.size = RecordBytes(&learner->n, environment->steps);
    p->replay.room = (uint32_t)o->buffer;
    p->replay.data = StoreTake(store, p->replay.room, p->replay.size);
    p->fresh = StoreTake(store, (size_t)o->episodes, p->replay.size);
    p->earned = StoreTake(store, (size_t)o->check_sessions, sizeof(double));
    p->depth = StoreTake(store, (size_t)o->check_sessions, sizeof(uint32_t));
}

/* --- players */

/* As MaAct, with networks that are laid out already; the state has the pitch of a message. */
static bool LearnerActs(const void *arg, const ActInput *input, ActOutput *output)
{
    const Learner *l = arg;
    Mind mind = MaLearnerMind(l);
    size_t pitch = MessagePitch(&l->n);
    uint32_t width = l->n.width[input->scenario];
    float o[MOST_OBSERVED] __attribute__((aligned(64))), none[MOST_MESSAGE] = {0}, sum = 0;
    Sight sight = {input->scenario, o, input->state == NULL ? none : input->state};
    double noise[MOST_ACTION];
    bool noisy = input->explore > 0;

    for (uint32_t k = 0; k < width && noisy; k++)
        noise[k] = input->explore * RandomNormal(input->random);
    NetworksSee(&l->n, mind.norm, input->scenario, input->observation, o);
    MindAct(&mind, &sight, noisy ? noise : NULL, output->action);
    MindHear(&mind, &sight, output->action, input->state == NULL ? none : input->state + pitch,
             output->state, output->state + pitch);
    for (uint32_t k = 0; k < width; k++)
        sum += output->action[k];
    return isfinite(sum);
}

static bool Even(const void *arg, const ActInput *input, ActOutput *output)
{
    const Networks *n = arg;
    uint32_t width = n->width[input->scenario];

    for (uint32_t k = 0; k < width; k++)
        output->action[k] = 1 / (float)width;
    return true;
}

static ActPlayer Learning(const Learner *l, double explore)
{
    return (ActPlayer){.act = LearnerActs,
                       .arg = l,
                       .state = 2 * (uint32_t)MessagePitch(&l->n),
                       .explore = explore};
}

static void CheckPlayed(const Learner *l, bool failed)
{
    if (HostCancelled(l->host))
        HostAbandon(l->host);
    if (failed)
        HostFail(l->host, FAIL_NOT_FINITE, "Lower the learning rates.",
                 "training diverged: the actors are not finite");
}

/* --- sessions to learn from */

typedef struct PlayJob {
    Play *play;
    ActPlayer player;
} PlayJob;

typedef struct Recording {
    const Play *play;
    RecordParts parts;
} Recording;

static void Seen(void *arg, const ActStep *step)
{
    const Recording *r = arg;
    const Networks *n = &r->play->learner->n;

    r->parts.head->steps = step->step + 1;
    r->parts.scenario[step->step] = step->scenario;
    r->parts.reward[step->step] = step->reward;
    memcpy(r->parts.observation + (size_t)step->step * n->observed, step->observation,
           n->seen[step->scenario] * sizeof(float));
    memcpy(r->parts.action + (size_t)step->step * n->widest, step->action,
           n->width[step->scenario] * sizeof(float));
}

static void PlayTask(void *arg, int task, int worker)
{
    const PlayJob *job = arg;
    Play *p = job->play;
    char *record = p->fresh + (size_t)task * p->replay.size;
    Recording recording = {p, PartsOf(p, record)};
    ActEarned earned;

    (void)worker;
    earned = ActPlaySession(p->environment, &job->player, (uint64_t)p->learner->options->train.seed,
                            p->played + (uint64_t)task, Seen, &recording);
    if (earned.failed)
        recording.parts.head->steps = 0;
}

static void Keep(Play *p, const char *record)
{
    RecordParts parts = PartsOf(p, record);

    for (uint32_t t = 0; t < parts.head->steps; t++)
        SpreadAdd(&p->reward, (double)parts.reward[t]);
    memcpy(ReplayAdd(&p->replay), record, p->replay.size);
}

void MaPlaySessions(Play *play, double explore)
{
    Play *p = play;
    Learner *l = p->learner;
    int count = (int)l->options->episodes;
    PlayJob job = {p, Learning(l, explore)};
    bool failed = false;

    PoolRun(l->host, PlayTask, &job, count);
    for (int i = 0; i < count; i++)
        failed |= PartsOf(p, p->fresh + (size_t)i * p->replay.size).head->steps == 0;
    CheckPlayed(l, failed);
    for (int i = 0; i < count; i++)
        Keep(p, p->fresh + (size_t)i * p->replay.size);
    p->played += (uint64_t)count;
    l->reward_scale = 1 / SpreadUnit(&p->reward);
}

void MaPlayBatch(Play *play)
{
    Play *p = play;
    Learner *l = p->learner;
    uint32_t kept = ReplayCount(&p->replay);
    Random random;

    RandomSeed(&random, (uint64_t)l->options->train.seed, RANDOM_REPLAY, l->iteration, 0);
    l->count = (uint32_t)l->options->batch;
    for (uint32_t e = 0; e < l->count; e++) {
        RecordParts parts = PartsOf(p, ReplayAt(&p->replay, RandomBelow(&random, kept)));

        l->episodes[e] = EpisodeCut(l, (Episode){parts.head->steps, true, parts.scenario,
                                                 parts.observation, parts.action, parts.reward});
    }
}

/* --- checks */

typedef struct CheckJob {
    Play *play;
    ActPlayer player;
} CheckJob;

static void CheckTask(void *arg, int task, int worker)
{
    const CheckJob *job = arg;
    Play *p = job->play;
    const MaOptions *o = p->learner->options;

    (void)worker;
    for (int64_t i = (int64_t)task * CHECK_SESSIONS;
         i < (int64_t)(task + 1) * CHECK_SESSIONS && i < o->check_sessions; i++) {
        ActEarned earned = ActPlaySession(p->environment, &job->player, (uint64_t)o->train.seed,
                                          FIRST_CHECKED + (uint64_t)i, NULL, NULL);

        p->earned[i] = earned.failed ? (double)NAN : earned.reward;
        p->depth[i] = earned.steps;
    }
}

Earned MaPlayCheck(Play *play, bool even)
{
    Learner *l = play->learner;
    int64_t sessions = l->options->check_sessions;
    CheckJob job = {play, Learning(l, 0)};
    Earned earned = {0, 0};

    if (even)
        job.player = (ActPlayer){.act = Even, .arg = &l->n};
    PoolRun(l->host, CheckTask, &job, (int)((sessions + CHECK_SESSIONS - 1) / CHECK_SESSIONS));
    for (int64_t i = 0; i < sessions; i++) {
        earned.reward += play->earned[i] / (double)sessions;
        earned.depth += (double)play->depth[i] / (double)sessions;
    }
    CheckPlayed(l, isnan(earned.reward));
    return earned;
}
