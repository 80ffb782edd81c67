/*
 * forget_learnt.h: which observed events a new version has learnt already.
 */
#ifndef RECADV_PG_STREAM_FORGET_LEARNT_H
#define RECADV_PG_STREAM_FORGET_LEARNT_H

#include "pg/train/collect.h"

/* Deletes the pending events that are among these interactions; needs SPI. */
extern void ForgetLearnt(Oid relid, const Collected *learnt);

#endif
