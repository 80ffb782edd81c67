/* adam_rows.h: Adam on the rows of a part, some of which a batch moves. */
#ifndef RECADV_ALGO_LEARN_ADAM_ROWS_H
#define RECADV_ALGO_LEARN_ADAM_ROWS_H

#include "algo/learn/adam.h"
#include "algo/model.h"
#include "core/host.h"

typedef struct AdamRows {
    Part *part;
    float *state;    /* of each row: twice its stride */
    uint32_t *steps; /* of each row: made so far */
} AdamRows;

extern void AdamRowsCreate(const Host *host, Part *part, AdamRows *rows);
extern void AdamRowsRelease(const Host *host, AdamRows *rows);
extern size_t AdamRowsMemory(const Part *part);

/* Starts anew. */
extern void AdamRowsForget(const Host *host, AdamRows *rows);

/* One step of a row. */
extern void AdamRowsStep(const AdamRows *rows, const AdamRule *rule, uint32_t row,
                         const float *gradient);

#endif
