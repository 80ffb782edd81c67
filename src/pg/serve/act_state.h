/*
 * act_state.h: what a session carries from one act to the next, as an array of numbers.
 *
 * The application keeps it, and anything may come back, so the numbers of the networks stand behind
 * some that say whose they are, each an integer that single precision holds exactly:
 *
 *     form of the array | lineage (2) | version | fingerprint of the networks (2) | numbers
 *
 * The lineage is the same for all versions of a model that followed each other, and stays the same
 * in dumps, on replicas and under another name; the fingerprint is that of the networks, so two
 * versions with the same bytes understand each other.
 */
#ifndef RECADV_PG_SERVE_ACT_STATE_H
#define RECADV_PG_SERVE_ACT_STATE_H

#include "pg/base/compat.h"

#include "utils/array.h"

#include "pg/serve/served.h"

/* Floats of what the networks of the model carry. */
extern uint32 ActStateWidth(const Served *served);

/*
 * The numbers of the networks in `count` numbers that came back; NULL: the session starts here.
 * So it does, with a notice, where they are of another version of the model.  Fails if they are of
 * another model, or no state at all.
 */
extern float *ActStateRead(const Served *served, const float8 *numbers, int count);

/* The array for what the networks left. */
extern ArrayType *ActStateWrite(const Served *served, const float *numbers);

#endif
