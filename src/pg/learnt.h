/* learnt.h: what a training makes of events that were observed before it ended. */
#ifndef RECADV_LEARNT_H
#define RECADV_LEARNT_H

#include "pg/training.h"

/* Deletes the pending events that the training has learnt; needs SPI. */
extern void ForgetLearnt(Oid relid, const Training *training);

#endif
