/*
 * id_text.h: the canonical text of an id that is no integer.
 *
 * One value has one text, whatever the settings of the session that reads it (DateStyle, TimeZone,
 * IntervalStyle, bytea_output, extra_float_digits, lc_monetary, search_path, ...), and equal
 * numbers have equal texts (1, 1.0 and 1.00; 0 and -0).  It is the text that PostgreSQL gives with
 * its default settings in the time zone UTC, with numbers without trailing zeros.
 */
#ifndef RECADV_PG_IDS_ID_TEXT_H
#define RECADV_PG_IDS_ID_TEXT_H

#include "pg/ids/ids.h"

/* How values of a type become texts. */
typedef struct IdText {
    Oid type;     /* below any domain */
    bool casts;   /* `function` is a cast to text, not an output function */
    bool depends; /* on settings */
    FmgrInfo function;
} IdText;

extern void IdTextOpen(IdText *form, Oid type, MemoryContext context);

/* In UTF-8, in the current context. */
extern Id IdTextOf(IdText *form, Datum value);

/*
 * Types whose values have several texts, all of which are taken as arguments: InvalidOid for all
 * other types, and the name of one of these and back.
 */
extern Oid IdTextType(Oid type);
extern const char *IdTextTypeName(Oid type);
extern Oid IdTextTypeOfName(const char *name);

/*
 * The canonical text of a text that names a value of one of these types; the id itself if it names
 * none, if `type` is InvalidOid, or if it is an integer.
 */
extern Id IdCanonical(Oid type, Id id);

/* Does a model that was trained before ids were canonical have other texts of ids of this type? */
extern bool IdTextHasChanged(const char *type_name);

#endif
