/* measure.h: how well answers that are held out are foretold. */
#ifndef RECADV_ALGO_USER_RESPONSE_MEASURE_H
#define RECADV_ALGO_USER_RESPONSE_MEASURE_H

#include "algo/user_response/batch.h"

/* Answers that are looked at. */
#define MEASURE_MOST ((uint64_t)1 << 22)

/* NaN where there is nothing to compare. */
typedef struct Measurement {
    double auc;       /* over all answers */
    double slate_auc; /* over the answers of a slate; mean of the slates that have both kinds */
    double log_loss;
    double rate_log_loss; /* of who knows the share of clicks among them and nothing more */
    double expected;      /* mean probability */
    double seen;          /* share of clicks */
    CalibrationBin calibration[CALIBRATION_BINS];
} Measurement;

typedef struct Measure {
    const ResponseBatch *batch;
    uint32_t *step;  /* held out */
    uint64_t *first; /* count + 1: answers before */
    uint32_t count;
    float *odds;   /* of each answer */
    uint64_t *key; /* of each answer: its odds' rank, then whether it was clicked */
    uint64_t *other;
    float *row; /* of each worker: a mean and a z */
} Measure;

extern void MeasureCreate(const Host *host, const ResponseBatch *batch, Measure *measure);
extern void MeasureRelease(const Host *host, Measure *measure);
extern size_t MeasureMemory(const Model *model, const Slates *log, int threads);

extern Measurement MeasureRun(const Host *host, Measure *measure);

/* Of keys (odds, clicked): the share of pairs of a click and a miss that are in order, a half for
 * ties; NaN without both.  Sorts the keys; `other` has room for as many. */
extern double Auc(const Host *host, uint64_t *key, uint64_t *other, uint64_t count);

/* Orders as the number does. */
extern uint64_t AucKey(float odds, bool clicked);

#endif
