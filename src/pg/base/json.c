/*
 * json.c: writes the documents of a model (header, history, runs) and reads their fields.
 *
 * The writer appends to a StringInfo and puts commas where they are due; readers get NULL or false
 * for what is missing or of another type, since anybody may have written the document.
 */
#include "pg/base/json.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/numeric.h"

static void Key(StringInfo json, const char *key)
{
    char last = json->len == 0 ? '{' : json->data[json->len - 1];

    if (last != '{' && last != '[')
        appendStringInfoString(json, ", ");
    if (key != NULL) {
        escape_json(json, key);
        appendStringInfoString(json, ": ");
    }
}

void JsonOpen(StringInfo json, const char *key, char bracket)
{
    if (json->len > 0)
        Key(json, key);
    appendStringInfoChar(json, bracket);
}

void JsonClose(StringInfo json, char bracket)
{
    appendStringInfoChar(json, bracket);
}

void JsonRaw(StringInfo json, const char *key, const char *value)
{
    Key(json, key);
    appendStringInfoString(json, value == NULL ? "null" : value);
}

void JsonString(StringInfo json, const char *key, const char *value)
{
    Key(json, key);
    if (value == NULL)
        appendStringInfoString(json, "null");
    else
        escape_json(json, value);
}

void JsonInteger(StringInfo json, const char *key, int64 value)
{
    Key(json, key);
    appendStringInfo(json, INT64_FORMAT, value);
}

void JsonReal(StringInfo json, const char *key, double value)
{
    Key(json, key);
    if (isfinite(value))
        appendStringInfoString(json, float8out_internal(value)); /* the shortest exact form */
    else
        appendStringInfoString(json, "null");
}

void JsonBool(StringInfo json, const char *key, bool value)
{
    JsonRaw(json, key, value ? "true" : "false");
}

void JsonTime(StringInfo json, const char *key, TimestampTz value)
{
    char buffer[MAXDATELEN + 1];

    JsonEncodeDateTime(buffer, TimestampTzGetDatum(value), TIMESTAMPTZOID, NULL);
    JsonString(json, key, buffer);
}

static bool Find(Jsonb *object, const char *key, JsonbValue *value)
{
    return JB_ROOT_IS_OBJECT(object) &&
           getKeyJsonValueFromContainer(&object->root, key, strlen(key), value) != NULL;
}

bool JsonbHas(Jsonb *object, const char *key)
{
    JsonbValue value;

    return Find(object, key, &value);
}

bool JsonbIsNull(Jsonb *object, const char *key)
{
    JsonbValue value;

    return !Find(object, key, &value) || value.type == jbvNull;
}

char *JsonbGetString(Jsonb *object, const char *key)
{
    JsonbValue value;

    if (!Find(object, key, &value) || value.type != jbvString)
        return NULL;
    return pnstrdup(value.val.string.val, value.val.string.len);
}

double JsonbNumber(const JsonbValue *value)
{
    Datum text = DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric));

    return strtod(DatumGetCString(text), NULL);
}

bool JsonbGetReal(Jsonb *object, const char *key, double *result)
{
    JsonbValue value;

    if (!Find(object, key, &value) || value.type != jbvNumeric)
        return false;
    *result = JsonbNumber(&value);
    return true;
}

bool JsonbGetInteger(Jsonb *object, const char *key, int64 *result)
{
    JsonbValue value;
    char *text, *end;

    if (!Find(object, key, &value) || value.type != jbvNumeric)
        return false;
    /* Not by way of a double: times take all 64 bits. */
    text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
    errno = 0;
    *result = strtoll(text, &end, 10);
    if (*end == '.')
        end += 1 + strspn(end + 1, "0");
    return errno == 0 && *end == '\0';
}

Jsonb *JsonbGetObject(Jsonb *object, const char *key)
{
    JsonbValue value;

    if (!Find(object, key, &value) || value.type != jbvBinary)
        return NULL;
    return JsonbValueToJsonb(&value);
}

Jsonb *JsonbParse(const char *text)
{
    return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}
