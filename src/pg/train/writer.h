/* writer.h: stores a training as a version of a model. */
#ifndef RECADV_PG_TRAIN_WRITER_H
#define RECADV_PG_TRAIN_WRITER_H

#include "pg/model/blocks.h"
#include "pg/train/training.h"

/* Writes all blocks of the model. */
extern void TrainingWrite(const Training *training, const TrainRequest *request, ModelSink *sink);

/* Appends seconds, or all the phases, to a JSON object. */
extern void DescribeSeconds(StringInfo json, const char *key, double seconds);
extern void DescribePhases(StringInfo json, const TrainPhases *phases);

#endif
