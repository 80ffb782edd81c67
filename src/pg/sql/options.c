/* options.c: recadv_options(): lists the algorithms' options. */
#include "pg/base/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "pg/base/rowset.h"
#include "pg/model/options.h"

/* Arguments of recadv_options. */
enum { OPTIONS_ALGORITHM };

static char *DefaultText(const OptionSpec *spec)
{
    switch (spec->type) {
    case OPTION_BOOL:
        return pstrdup(spec->standard != 0 ? "true" : "false");
    case OPTION_CHOICE:
        return pstrdup(spec->choices[(int)spec->standard]);
    case OPTION_LIST:
        return ListText(spec, (int64)spec->standard);
    default:
        return psprintf("%g", spec->standard);
    }
}

static void ListOptions(RowSet *rows, const Algorithm *algorithm, const OptionSpec *list)
{
    for (; list->name != NULL; list++) {
        char accepted[256];

        OptionDescribe(list, accepted, sizeof(accepted));
        RowSetAdd(rows,
                  (Datum[]){CStringGetTextDatum(algorithm->name), CStringGetTextDatum(list->name),
                            CStringGetTextDatum(DefaultText(list)), CStringGetTextDatum(accepted),
                            CStringGetTextDatum(list->meaning), CStringGetTextDatum(list->source)},
                  NULL);
    }
}

static void ListPresets(RowSet *rows, const Algorithm *algorithm)
{
    StringInfoData meaning;

    if (algorithm->presets == NULL)
        return;
    initStringInfo(&meaning);
    appendStringInfoString(&meaning, "other defaults for some options");
    for (const Preset *p = algorithm->presets; p->name != NULL; p++)
        appendStringInfo(&meaning, "; %s: %s", p->name, p->meaning);
    RowSetAdd(rows,
              (Datum[]){CStringGetTextDatum(algorithm->name), CStringGetTextDatum(PRESET_KEY),
                        CStringGetTextDatum(PRESET_STANDARD),
                        CStringGetTextDatum(PresetNames(algorithm)),
                        CStringGetTextDatum(meaning.data), CStringGetTextDatum("recadv")},
              NULL);
}

static void ListAlgorithm(RowSet *rows, const Algorithm *algorithm)
{
    ListPresets(rows, algorithm);
    ListOptions(rows, algorithm, algorithm->options);
    ListOptions(rows, algorithm, CommonOptions(algorithm));
}

PG_FUNCTION_INFO_V1(recadv_options);

Datum recadv_options(PG_FUNCTION_ARGS)
{
    RowSet rows;
    const Algorithm *only =
        PG_ARGISNULL(OPTIONS_ALGORITHM)
            ? NULL
            : CheckListed(text_to_cstring(PG_GETARG_TEXT_PP(OPTIONS_ALGORITHM)));

    RowSetOpen(&rows, fcinfo);
    if (only != NULL)
        ListAlgorithm(&rows, only);
    for (int i = 0; only == NULL && algorithms[i] != NULL; i++)
        ListAlgorithm(&rows, algorithms[i]);
    return (Datum)0;
}
