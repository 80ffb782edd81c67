/* subtransaction.h: what may fail without ending the transaction. */
#ifndef RECADV_PG_BASE_SUBTRANSACTION_H
#define RECADV_PG_BASE_SUBTRANSACTION_H

#include "pg/base/compat.h"

/*
 * Calls work(arg) in a subtransaction, with the memory context of the caller.  The error that it
 * fails with undoes all that it did, and is returned, in that context; NULL: none.  A cancel is an
 * error like others: ReThrowError() passes one on.
 */
extern ErrorData *SubtransactionTry(void (*work)(void *arg), void *arg);

#endif
