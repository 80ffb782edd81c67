/*
 * id_value.h: ids of a model on their way out as values of a type that has no kind of its own.
 *
 * Models know integers and texts.  Who asks with a uuid or a numeric gets the text of an id back as
 * such, where it is one.
 */
#ifndef RECADV_PG_IDS_ID_VALUE_H
#define RECADV_PG_IDS_ID_VALUE_H

#include "pg/ids/ids.h"

/* Types that ids can be returned as: integers, text, varchar, uuid, numeric. */
extern bool IdTypeIsReturned(Oid type);

/* The text of an id as a uuid or a numeric; fails, and says what to do, if it is none. */
extern Datum IdTextAsUuid(const text *id);
extern Datum IdTextAsNumeric(const text *id);

#endif
