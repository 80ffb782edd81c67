/*
 * user_removal.h: takes one user out of a stored version, as if the version had never known the id.
 *
 * The ids after it move up by one, and with them all that is kept of their users.  What was learnt
 * from the user stays in the numbers of items, and in those of other users, until a training.
 */
#ifndef RECADV_PG_MODEL_USER_REMOVAL_H
#define RECADV_PG_MODEL_USER_REMOVAL_H

#include "pg/model/table.h"

#include "pg/model/header.h"

/*
 * `table` is open for its owner, its store set to the version.  Returns how many interactions the
 * user had there, 0 with *known false if the version does not know the user.  Needs SPI and an
 * active snapshot, which goes on showing the version as it was.
 */
extern uint32 RemoveUser(ModelTable *table, Id id, bool *known);

#endif
