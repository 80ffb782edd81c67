/* tuning.h: what recadv_tune() is asked to search (algo/choice/tune.h). */
#ifndef RECADV_PG_TRAIN_TUNING_H
#define RECADV_PG_TRAIN_TUNING_H

#include "pg/train/training.h"

#include "algo/choice/tune.h"

#define MOST_TRIALS 1000

typedef struct Tuning {
    const char *space_text; /* JSON, as given */
    List *names;            /* of algorithms; NIL: all candidates */
    TunePlan plan;          /* spaces: after TuningParse */
} Tuning;

/*
 * Checks names, space and numbers; fills the plan, and the candidates of the request's options,
 * which are parsed.  Errors name what is wrong and what there is.
 */
extern void TuningParse(TrainRequest *request);

#endif
