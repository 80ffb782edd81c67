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

PG_FUNCTION_INFO_V1(recadv_options);

Datum recadv_options(PG_FUNCTION_ARGS)
{
    RowSet rows;
    const Algorithm *only =
        PG_ARGISNULL(OPTIONS_ALGORITHM)
            ? NULL
            : CheckAlgorithm(text_to_cstring(PG_GETARG_TEXT_PP(OPTIONS_ALGORITHM)));

    RowSetOpen(&rows, fcinfo);
    for (int i = 0; algorithms[i] != NULL; i++) {
        if (only != NULL && only != algorithms[i])
            continue;
        ListPresets(&rows, algorithms[i]);
        ListOptions(&rows, algorithms[i], algorithms[i]->options);
        ListOptions(&rows, algorithms[i], train_options);
    }
    return (Datum)0;
}
