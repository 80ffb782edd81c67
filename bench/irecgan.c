/* irecgan.c: milliseconds of a step of irecgan's networks, and their operations: see irecgan. */
#include <time.h>

#include "algo/irecgan/learner.h"
#include "core/blas.h"
#include "program.h"

#define RUNS 3

static double ProcessorTime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct Sizes {
    uint32_t items, factors, hidden, layers, answers, slate, sessions, steps;
} Sizes;

/* Made-up sessions, all of one length. */
static const Episode **MakeBatch(const Sizes *s)
{
    size_t answers = (size_t)s->sessions * s->answers;
    uint32_t *shown = malloc(answers * s->slate * sizeof(uint32_t));
    Answer *answer = malloc(answers * sizeof(Answer));
    Episode *episode = malloc(s->sessions * sizeof(Episode));
    const Episode **batch = malloc(s->sessions * sizeof(*batch));
    Random random;

    RandomSeed(&random, 1, RANDOM_VALUE, 0, 0);
    for (size_t i = 0; i < answers * s->slate; i++)
        shown[i] = RandomBelow(&random, s->items);
    for (size_t i = 0; i < answers; i++)
        answer[i] =
            (Answer){shown + i * s->slate,         s->slate, RandomBelow(&random, s->slate), 0, 1,
                     (float)RandomUniform(&random)};
    for (uint32_t i = 0; i < s->sessions; i++) {
        episode[i] =
            (Episode){answer + (size_t)i * s->answers, s->answers, s->answers, true, false};
        batch[i] = &episode[i];
    }
    return batch;
}

static double LearnOne(Learner *l, const Episode **batch, const Sizes *s, bool user, Random *random)
{
    return user ? LearnUser(l, batch, s->sessions) : LearnAgent(l, batch, s->sessions, random);
}

/* The least of some runs. */
static double Milliseconds(Learner *l, const Episode **batch, const Sizes *s, bool user)
{
    double least = INFINITY, loss = 0;
    Random random;

    RandomSeed(&random, 2, RANDOM_VALUE, 0, 0);
    for (int run = 0; run < RUNS; run++) {
        double start = ProcessorTime(), time;

        for (uint32_t i = 0; i < s->steps; i++)
            loss += LearnOne(l, batch, s, user, &random);
        time = (ProcessorTime() - start) * 1e3 / s->steps;
        least = time < least ? time : least;
    }
    return isfinite(loss) ? least : NAN;
}

/* --- operations of products, 2 m n k forward, twice as many back; what is none counts nothing */

/* Of an LSTM, with each input. */
static double LstmOperations(const Sizes *s)
{
    double first = (double)(s->factors + s->hidden) * 4 * s->hidden;

    return 6 * (first + (s->layers - 1) * 8.0 * s->hidden * s->hidden);
}

/* Of the visitors' model: each answer is an input, has a wish and odds of its slate and nothing. */
static double UserOperations(const Sizes *s)
{
    double heads = (double)s->hidden * s->factors + (s->slate + 1.0) * s->factors + s->hidden;

    return (double)s->sessions * s->answers * (LstmOperations(s) + 6 * heads);
}

/* Of the agent: each answer but the last is an input, and each has logits of all items. */
static double AgentOperations(const Sizes *s)
{
    double logits = (double)s->answers * s->items * (s->hidden + 1);

    return s->sessions * ((s->answers - 1) * LstmOperations(s) + 6 * logits);
}

int main(int count, char **argument)
{
    const Algorithm *algorithm = AlgorithmFind("irecgan");
    double user, agent;
    uint32_t number[8];
    Store store = {.host = &host};
    IrecganOptions *options = (IrecganOptions *)ReadOptions(algorithm, (char *[]){NULL});
    const Episode **batch;
    Learner learner;
    Model model;
    Sizes s;

    for (int i = 0; i < 8 && i + 1 < count; i++)
        number[i] = (uint32_t)strtoul(argument[i + 1], NULL, 10);
    memcpy(&s, number, sizeof(s));
    options->factors = s.factors;
    options->hidden = s.hidden;
    options->layers = s.layers;
    options->batch = s.sessions;
    BlasLoad(1);
    ModelLayout(&model, algorithm, options, 0, s.items);
    ModelAllocate(&host, &model);
    IrLearnerTake(&store, &model, &(BatchShape){s.answers, (uint64_t)s.answers * s.slate}, 1,
                  &learner);
    IrStartUser(&learner, 1);
    IrStartAgent(&learner, 1);
    CandidatesSet(&learner, model.part[POPULARITY_PART].data);
    batch = MakeBatch(&s);
    user = Milliseconds(&learner, batch, &s, true);
    agent = Milliseconds(&learner, batch, &s, false);
    printf("%.3f %.3f %.1f %.1f\n", user, agent, UserOperations(&s) / user / 1e6,
           AgentOperations(&s) / agent / 1e6);
    return 0;
}
