/* json.h: writing small JSON documents and reading fields of jsonb ones. */
#ifndef RECADV_PG_BASE_JSON_H
#define RECADV_PG_BASE_JSON_H

#include "pg/base/compat.h"

#include "lib/stringinfo.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* Each appends "key": value, with a comma where one is due; NaN and NULL become null. */
extern void JsonOpen(StringInfo json, const char *key, char bracket);
extern void JsonClose(StringInfo json, char bracket);
extern void JsonString(StringInfo json, const char *key, const char *value);
extern void JsonInteger(StringInfo json, const char *key, int64 value);
extern void JsonReal(StringInfo json, const char *key, double value);
extern void JsonBool(StringInfo json, const char *key, bool value);
extern void JsonTime(StringInfo json, const char *key, TimestampTz value);
extern void JsonRaw(StringInfo json, const char *key, const char *value);

/* Fields of an object; NULL or false if absent or of another type. */
extern char *JsonbGetString(Jsonb *object, const char *key);
extern bool JsonbHas(Jsonb *object, const char *key);
extern bool JsonbIsNull(Jsonb *object, const char *key); /* or absent */
extern bool JsonbGetReal(Jsonb *object, const char *key, double *value);
extern bool JsonbGetInteger(Jsonb *object, const char *key, int64 *value);
extern Jsonb *JsonbGetObject(Jsonb *object, const char *key);

/* Text to jsonb. */
extern Jsonb *JsonbParse(const char *text);

/* A jsonb number as double; infinite if it does not fit. */
extern double JsonbNumber(const JsonbValue *value);

#endif
