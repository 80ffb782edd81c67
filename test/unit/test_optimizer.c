/* test_optimizer.c: steps of learn/optimizer.h against plain formulas in double precision. */
#include "algo/learn/optimizer.h"

#include <string.h>

#include "check.h"
#include "support.h"
#include "tests.h"

#define COLUMNS 20
#define STRIDE  32
#define STEPS   50

typedef struct Row {
    float value[STRIDE] __attribute__((aligned(64)));
    float gradient[STRIDE] __attribute__((aligned(64)));
    float state[2 * STRIDE] __attribute__((aligned(64)));
    double plain[COLUMNS];
    double plain_state[2 * COLUMNS];
} Row;

static void RowFill(Row *row, Random *random)
{
    memset(row, 0, sizeof(*row));
    for (int k = 0; k < COLUMNS; k++)
        row->plain[k] = row->value[k] = (float)RandomNormal(random);
}

static void NextGradient(Row *row, Random *random)
{
    for (int k = 0; k < COLUMNS; k++)
        row->gradient[k] = (float)(2 * RandomNormal(random));
}

static double Slope(const StepRule *rule, const Row *row, int k)
{
    return (double)rule->scale * row->gradient[k] + (double)rule->regularization * row->plain[k];
}

/* The accumulated number by which the step of an element is divided. */
static double Accumulated(const StepRule *rule, Row *row, int k, double mean_square)
{
    double g = Slope(rule, row, k), *state = &row->plain_state[k];

    switch (rule->kind) {
    case STEP_SGD:
        return 1;
    case STEP_ADAGRAD_ROW:
        *state += mean_square;
        break;
    case STEP_ADAGRAD:
        *state += g * g;
        break;
    case STEP_RMSPROP:
        *state = (double)rule->decay * *state + (1 - (double)rule->decay) * g * g;
        break;
    }
    return sqrt(rule->accumulator + *state);
}

static void PlainStep(const StepRule *rule, Row *row)
{
    double mean_square = 0, norm = 0, step[COLUMNS];

    for (int k = 0; k < COLUMNS; k++)
        mean_square += Slope(rule, row, k) * Slope(rule, row, k) / COLUMNS;
    for (int k = 0; k < COLUMNS; k++)
        step[k] =
            rule->learning_rate * Slope(rule, row, k) / Accumulated(rule, row, k, mean_square);
    for (int k = 0; k < COLUMNS; k++) {
        row->plain[k] -= step[k];
        norm += row->plain[k] * row->plain[k];
    }
    for (int k = 0; k < COLUMNS && rule->maximum_norm > 0 && sqrt(norm) > rule->maximum_norm; k++)
        row->plain[k] *= rule->maximum_norm / sqrt(norm);
}

static bool IsPlain(const Row *row)
{
    bool near = true;

    for (int k = 0; k < COLUMNS; k++)
        near &= Near(row->value[k], row->plain[k], 1e-4, 1e-4);
    for (int k = COLUMNS; k < STRIDE; k++)
        near &= row->value[k] == 0;
    return near;
}

static double NormOf(const Row *row)
{
    double sum = 0;

    for (int k = 0; k < STRIDE; k++)
        sum += (double)row->value[k] * row->value[k];
    return sqrt(sum);
}

static void CheckRule(const char *name, const StepRule *rule)
{
    Random random = TestStream(940);
    bool near = true, bounded = true, moved = false;
    Row row;

    RowFill(&row, &random);
    for (int s = 0; s < STEPS; s++) {
        float before = row.value[3];

        NextGradient(&row, &random);
        RowStep(rule, row.value, row.gradient, row.state, COLUMNS, STRIDE);
        PlainStep(rule, &row);
        near &= IsPlain(&row);
        moved |= row.value[3] != before;
        bounded &= rule->maximum_norm == 0 || NormOf(&row) <= rule->maximum_norm * (1 + 1e-6);
    }
    CHECK(near && moved, "%s: as the formula; the padding stays zero", name);
    CHECK(bounded, "%s: no row is longer than it may be", name);
}

static void CheckKind(const char *name, StepKind kind)
{
    const StepRule plain = {
        .kind = kind, .learning_rate = 0.05f, .accumulator = 0.1f, .decay = 0.9f, .scale = 1};
    StepRule rule = plain;

    CheckRule(name, &rule);
    rule.regularization = 0.3f;
    CheckRule(name, &rule);
    rule.maximum_norm = 1.5f;
    CheckRule(name, &rule);
    rule.scale = 0.25f;
    CheckRule(name, &rule);
    rule.regularization = 0;
    rule.scale = -1;
    rule.accumulator = 1e-12f;
    CheckRule(name, &rule);
}

static void CheckState(void)
{
    CHECK(StepState(STEP_SGD, STRIDE) == 0 && StepState(STEP_ADAGRAD_ROW, STRIDE) == 1 &&
              StepState(STEP_ADAGRAD, STRIDE) == STRIDE &&
              StepState(STEP_RMSPROP, STRIDE) == STRIDE,
          "floats of state");
}

/* Rows without a gradient stand still, where nothing decays. */
static void CheckRest(void)
{
    static const StepKind kinds[] = {STEP_SGD, STEP_ADAGRAD_ROW, STEP_ADAGRAD, STEP_RMSPROP};
    Random random = TestStream(941);
    bool still = true;

    for (int k = 0; k < 4; k++) {
        StepRule rule = {
            .kind = kinds[k], .learning_rate = 1, .accumulator = 0.1f, .decay = 0.5f, .scale = 1};
        Row row, before;

        RowFill(&row, &random);
        before = row;
        RowStep(&rule, row.value, row.gradient, row.state, COLUMNS, STRIDE);
        still &= memcmp(row.value, before.value, sizeof(row.value)) == 0;
    }
    CHECK(still, "a row without a gradient stands still");
}

static void CheckAdam(float rate)
{
    Random random = TestStream(942);
    bool near = true, right = true;
    Row row;

    RowFill(&row, &random);
    memset(row.state, 0, sizeof(row.state));
    for (int s = 1; s <= STEPS; s++) {
        NextGradient(&row, &random);
        AdamStep(rate, row.value, row.gradient, row.state, (float)s, COLUMNS, STRIDE);
        for (int k = 0; k < COLUMNS; k++) {
            double g = row.gradient[k], *m = &row.plain_state[k], *v = m + COLUMNS, step;

            *m = 0.9 * *m + 0.1 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            step = rate * (*m / (1 - pow(0.9, s))) / (sqrt(*v / (1 - pow(0.999, s))) + 1e-8);
            right &= s > 1 || Near(fabs(step), fabs(rate), 1e-5, 0);
            row.plain[k] -= step;
        }
        near &= IsPlain(&row);
    }
    for (int k = COLUMNS; k < STRIDE; k++)
        near &= row.state[k] == 0 && row.state[STRIDE + k] == 0;
    CHECK(near && right, "Adam, rate %.2f: as the formula; the padding stays zero", rate);
}

void TestOptimizer(void)
{
    CheckState();
    CheckKind("SGD", STEP_SGD);
    CheckKind("Adagrad by row", STEP_ADAGRAD_ROW);
    CheckKind("Adagrad", STEP_ADAGRAD);
    CheckKind("RMSProp", STEP_RMSPROP);
    CheckRest();
    CheckAdam(0.05f);
    CheckAdam(-0.05f);
}
