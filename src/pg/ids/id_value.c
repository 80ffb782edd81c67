/* id_value.c: the text of an id as a uuid or a numeric. */
#include "pg/ids/id_value.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define UUID_DIGITS 32

bool IdTypeIsReturned(Oid type)
{
    return type == INT2OID || type == INT4OID || type == INT8OID || type == TEXTOID ||
           type == VARCHAROID || type == UUIDOID || type == NUMERICOID;
}

/* Digits are as many as a uuid has, whatever is between them: the input function says the rest. */
static bool MayBeUuid(const char *id)
{
    int digits = 0;

    for (; *id != '\0'; id++) {
        if (isxdigit((unsigned char)*id))
            digits++;
        else if (strchr("{-}", *id) == NULL)
            return false;
    }
    return digits == UUID_DIGITS;
}

/* As models store them: digits with a sign and a point, or NaN and the infinities. */
static bool MayBeNumeric(const char *id)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

    for (int i = 0; i < (int)lengthof(words); i++)
        if (strcmp(id, words[i]) == 0)
            return true;
    id += *id == '-';
    return isdigit((unsigned char)*id) && strspn(id, "0123456789.") == strlen(id);
}

static void FailNot(const char *id, const char *type)
{
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("id \"%s\" of the model is no %s", IdExcerpt(IdOfText(id, strlen(id))), type),
             errhint("Ids come back in the type that the call has for its own.  Pass them as text, "
                     "id::text, and cast what comes back to the type that it has.")));
}

Datum IdTextAsUuid(const text *id)
{
    char *string = text_to_cstring(id);

    if (!MayBeUuid(string))
        FailNot(string, "uuid");
    return DirectFunctionCall1(uuid_in, CStringGetDatum(string));
}

Datum IdTextAsNumeric(const text *id)
{
    char *string = text_to_cstring(id);

    if (!MayBeNumeric(string))
        FailNot(string, "number");
    return DirectFunctionCall3(numeric_in, CStringGetDatum(string), ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
}
