/* play.c: blocks of sessions, and what may become of their beginnings. */
#include "algo/irecgan/play.h"

#include <math.h>

#include "algo/irecgan/party.h"
#include "core/pool.h"

#define POLL_EVERY 1024

/* Memory of a worker. */
struct PlayWork {
    Party party;
    float *saved; /* of each answer of each session of a block: the states after it */
    Guest *guest; /* the same */
    double *real; /* of each answer: the sum over what came of it */
};

static uint32_t HistoryOf(const Learner *l)
{
    return (uint32_t)l->options->history;
}

/* --- memory */

static void TakeWork(Store *store, const Play *play, PlayWork *w)
{
    const Learner *l = play->l;
    size_t answers = (size_t)SLICE_ROWS * HistoryOf(l);

    PartyTake(store, l, play->slate, play->longest, &w->party);
    if (!l->options->discriminator)
        return;
    w->saved = StoreTake(store, SizeMultiply(answers, PartyState(&w->party)), sizeof(float));
    w->guest = StoreTake(store, answers, sizeof(Guest));
    w->real = StoreTake(store, answers, sizeof(double));
}

static void TakePool(Store *store, const Learner *l, uint32_t slate, PlayedSessions *pool)
{
    const IrecganOptions *o = l->options;
    size_t answers;

    pool->room = (uint32_t)(o->pool > o->sessions ? o->pool : o->sessions);
    answers = SizeMultiply(pool->room, HistoryOf(l));
    pool->episode = StoreTake(store, pool->room, sizeof(Episode));
    pool->answer = StoreTake(store, answers, sizeof(Answer));
    pool->shown = StoreTake(store, SizeMultiply(answers, slate), sizeof(uint32_t));
}

uint32_t PlaySlate(const IrecganOptions *options, const Slates *log, uint32_t items)
{
    uint32_t size = options->slate > 0 ? (uint32_t)options->slate : UsualSlate(log);

    size = size < MOST_SLATE ? size : MOST_SLATE;
    return size < items ? size : items;
}

void IrPlayTake(Store *store, Learner *learner, const Slates *log, uint64_t answers, int threads,
                Play *play)
{
    const IrecganOptions *o = learner->options;

    *play = (Play){.l = learner, .slate = PlaySlate(o, log, learner->items)};
    play->longest = LongestSlate(log);
    play->longest = play->longest > play->slate ? play->longest : play->slate;
    play->logged.first = StoreTake(store, (size_t)learner->items + 2, sizeof(uint64_t));
    play->logged.answer = StoreTake(store, answers, sizeof(Answer *));
    play->answers = StoreTake(store, CHECKED_SESSIONS / SLICE_ROWS + 1, sizeof(uint64_t));
    TakePool(store, learner, play->slate, &play->pool);
    play->work = StoreTake(store, (size_t)threads, sizeof(PlayWork));
    for (int w = 0; w < threads; w++) {
        PlayWork counted;

        TakeWork(store, play, play->work == NULL ? &counted : &play->work[w]);
    }
}

/* --- slates of the log */

/* By what was clicked with the answer before it, of the same session. */
static uint32_t KeyOf(const Play *play, uint32_t clicked)
{
    return clicked == NOTHING ? play->l->items : clicked;
}

/* Counts the answers of each key, or puts them behind those of smaller keys. */
static void SortAnswers(Play *play, const Sessions *s, bool put)
{
    uint32_t last = NOTHING;

    for (uint64_t e = 0; e < s->count; e++) {
        const Episode *episode = &s->episode[e];

        for (uint32_t i = 0; i < episode->count; i++) {
            uint64_t *at = &play->logged.first[KeyOf(play, last) + (put ? 0 : 1)];

            if (put)
                play->logged.answer[*at] = &episode->answer[i];
            ++*at;
            last = ClickedItem(&episode->answer[i]);
        }
        last = episode->left ? NOTHING : last;
        if (e % POLL_EVERY == 0)
            HostPoll(play->l->host);
    }
}

void PlayReadLog(Play *play, const Sessions *sessions)
{
    uint64_t *first = play->logged.first;
    uint32_t keys = play->l->items + 1;

    SortAnswers(play, sessions, false);
    for (uint32_t k = 0; k < keys; k++)
        first[k + 1] += first[k];
    SortAnswers(play, sessions, true);
    for (uint32_t k = keys; k > 0; k--)
        first[k] = first[k - 1];
    first[0] = 0;
}

static uint64_t Below(Random *random, uint64_t count)
{
    return count <= UINT32_MAX ? RandomBelow(random, (uint32_t)count)
                               : (uint64_t)(RandomUniform(random) * (double)count);
}

/* What the log has shown after the same last click; what has no sequel there: any of its slates. */
static void ShowLogged(const Play *play, Party *party)
{
    const uint64_t *first = play->logged.first;
    uint32_t keys = play->l->items + 1;

    for (uint32_t r = 0; r < party->rows; r++) {
        Guest *guest = &party->guest[r];
        uint32_t key = KeyOf(play, guest->last);
        uint64_t from = first[key], to = first[key + 1];
        const Answer *answer;

        if (from == to) {
            from = 0;
            to = first[keys];
        }
        answer = play->logged.answer[from + Below(&guest->random, to - from)];
        guest->answer = (Answer){.shown = answer->shown, .count = answer->count};
    }
}

/* --- a block */

static uint64_t Seed(const Play *play)
{
    return (uint64_t)play->l->options->train.seed;
}

/* Numbers of the sessions of a run by the log. */
#define BY_LOG ((uint64_t)1 << 40)

static void InviteBlock(const Play *play, Party *party, uint32_t first, uint64_t number)
{
    party->rows = 0;
    for (uint32_t i = first; i < play->count && i < first + SLICE_ROWS; i++) {
        Random random;

        RandomSeed(&random, Seed(play), RANDOM_VISITOR, number + i, 0);
        PartyInvite(party, i, &random);
    }
}

static void LogBlock(void *arg, int task, int worker)
{
    Play *play = arg;
    Party *party = &play->work[worker].party;
    uint64_t answers = 0;

    party->judged = false;
    InviteBlock(play, party, (uint32_t)task * SLICE_ROWS, BY_LOG);
    while (party->rows > 0 && !HostCancelled(play->l->host)) {
        ShowLogged(play, party);
        PartyAnswer(party);
        answers += party->rows;
        PartyEnd(party, HistoryOf(play->l));
    }
    play->answers[task] = answers;
}

static int Blocks(const Play *play)
{
    return (int)((play->count + SLICE_ROWS - 1) / SLICE_ROWS);
}

static void RunBlocks(Play *play, PoolTask task)
{
    PoolRun(play->l->host, task, play, Blocks(play));
    if (HostCancelled(play->l->host))
        HostAbandon(play->l->host);
}

double PlayByLog(Play *play)
{
    uint64_t answers = 0;

    play->count = CHECKED_SESSIONS;
    RunBlocks(play, LogBlock);
    for (int b = 0; b < Blocks(play); b++)
        answers += play->answers[b];
    return (double)answers / CHECKED_SESSIONS;
}

/* --- sessions with the agent */

static uint32_t PlaceOf(const Play *play, uint32_t number)
{
    return (uint32_t)((play->pool.played + number) % play->pool.room);
}

static Episode *EpisodeOf(const Play *play, uint32_t number)
{
    return &play->pool.episode[PlaceOf(play, number)];
}

static void Record(const Play *play, const Guest *guest)
{
    const PlayedSessions *pool = &play->pool;
    Episode *episode = EpisodeOf(play, guest->number);
    size_t at = (size_t)PlaceOf(play, guest->number) * HistoryOf(play->l) + episode->count;
    uint32_t *shown = pool->shown + at * play->slate;

    for (uint32_t k = 0; k < guest->answer.count; k++)
        shown[k] = guest->answer.shown[k];
    pool->answer[at] = guest->answer;
    pool->answer[at].shown = shown;
    episode->count++;
    episode->clicks += guest->last != NOTHING;
    episode->left = guest->leaves;
}

/* Number of an answer of the block. */
static size_t AnswerOf(const Play *play, const Guest *guest)
{
    return guest->number % SLICE_ROWS * (size_t)HistoryOf(play->l) + guest->steps - 1;
}

/* A session that is over looks as real as it looks; of others it is to be seen. */
static void Keep(const Play *play, PlayWork *w, uint32_t row)
{
    const Guest *guest = &w->party.guest[row];
    size_t at = AnswerOf(play, guest);

    w->guest[at] = *guest;
    w->real[at] = (double)PartyReal(guest);
    PartySave(&w->party, row, w->saved + at * PartyState(&w->party));
}

static bool IsOver(const Play *play, const Guest *guest)
{
    return guest->leaves || guest->steps == HistoryOf(play->l);
}

static void PlayOut(const Play *play, PlayWork *w)
{
    Party *party = &w->party;

    while (party->rows > 0 && !HostCancelled(play->l->host)) {
        PartyShow(party);
        PartyAnswer(party);
        for (uint32_t r = 0; r < party->rows; r++)
            if (IsOver(play, &party->guest[r]))
                w->real[party->guest[r].number] += (double)PartyReal(&party->guest[r]);
        PartyEnd(party, HistoryOf(play->l));
    }
    party->rows = 0; /* a cancel leaves guests there, and others are invited */
}

/* Sequels of an answer: with luck of their own. */
static void InviteSequel(const Play *play, PlayWork *w, size_t at, uint64_t session, int64_t sequel)
{
    Guest guest = w->guest[at];

    RandomSeed(&guest.random, Seed(play), RANDOM_ANSWER, session,
               (uint64_t)sequel * MOST_STEPS + guest.steps);
    guest.number = (uint32_t)at;
    PartyLoad(&w->party, &guest, w->saved + at * PartyState(&w->party));
}

/* The mean over sequels of all answers of a session that are not its end. */
static void JudgeSession(const Play *play, PlayWork *w, uint32_t number)
{
    size_t first = number % SLICE_ROWS * (size_t)HistoryOf(play->l);
    uint32_t count = EpisodeOf(play, number)->count;
    int64_t sequels = play->l->options->rollouts;
    uint64_t session = play->pool.played + number;

    for (size_t at = first; at + 1 < first + count; at++)
        w->real[at] = 0;
    w->party.rows = 0;
    for (int64_t n = 0; n < sequels && !HostCancelled(play->l->host); n++)
        for (size_t at = first; at + 1 < first + count; at++) {
            InviteSequel(play, w, at, session, n);
            if (w->party.rows == SLICE_ROWS)
                PlayOut(play, w);
        }
    PlayOut(play, w);
    for (uint32_t i = 0; i < count; i++)
        EpisodeOf(play, number)->answer[i].real =
            (float)(w->real[first + i] / (i + 1 < count ? (double)sequels : 1));
}

static void StartEpisodes(const Play *play, uint32_t first)
{
    for (uint32_t i = first; i < play->count && i < first + SLICE_ROWS; i++)
        *EpisodeOf(play, i) =
            (Episode){.answer = play->pool.answer + (size_t)PlaceOf(play, i) * HistoryOf(play->l),
                      .simulated = true};
}

static void AgentBlock(void *arg, int task, int worker)
{
    Play *play = arg;
    PlayWork *w = &play->work[worker];
    Party *party = &w->party;
    uint32_t first = (uint32_t)task * SLICE_ROWS;

    party->judged = play->judged;
    StartEpisodes(play, first);
    InviteBlock(play, party, first, play->pool.played);
    while (party->rows > 0 && !HostCancelled(play->l->host)) {
        PartyShow(party);
        PartyAnswer(party);
        for (uint32_t r = 0; r < party->rows; r++) {
            Record(play, &party->guest[r]);
            if (play->judged)
                Keep(play, w, r);
        }
        PartyEnd(party, HistoryOf(play->l));
    }
    for (uint32_t i = first; i < play->count && i < first + SLICE_ROWS && play->judged; i++)
        JudgeSession(play, w, i);
    for (uint32_t i = first; i < play->count && i < first + SLICE_ROWS; i++)
        EarnBackwards(&play->worth, EpisodeOf(play, i)->answer, EpisodeOf(play, i)->count, 0);
}

void PlayWithAgent(Play *play, uint32_t sessions, bool judged)
{
    play->count = sessions;
    play->judged = judged;
    RunBlocks(play, AgentBlock);
    play->pool.played += sessions;
}
