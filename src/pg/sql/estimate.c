/* estimate.c: recadv_estimate_memory(): what a training would need. */
#include "pg/base/compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "pg/base/settings.h"
#include "pg/model/options.h"
#include "pg/train/choice.h"

#include "algo/choice/choose.h"

/* Arguments of recadv_estimate_memory. */
enum {
    ESTIMATE_USERS,
    ESTIMATE_ITEMS,
    ESTIMATE_INTERACTIONS,
    ESTIMATE_ALGORITHM,
    ESTIMATE_OPTIONS,
    ESTIMATE_HAS_TIME,
    ESTIMATE_HAS_WEIGHT
};

PG_FUNCTION_INFO_V1(recadv_estimate_memory_0_2);

/* Strict. */
Datum recadv_estimate_memory_0_2(PG_FUNCTION_ARGS)
{
    int64 users = PG_GETARG_INT64(ESTIMATE_USERS), items = PG_GETARG_INT64(ESTIMATE_ITEMS),
          rows = PG_GETARG_INT64(ESTIMATE_INTERACTIONS);
    const Algorithm *algorithm =
        CheckTrainable(text_to_cstring(PG_GETARG_TEXT_PP(ESTIMATE_ALGORITHM)));
    void *options = OptionsParse(algorithm, PG_GETARG_JSONB_P(ESTIMATE_OPTIONS));
    Columns columns;
    int threads;
    Size bytes;

    if (users < 1 || items < 1 || rows < 1 || users > MAX_IDS || items > MAX_IDS)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("users, items and interactions must be at least 1, users and "
                               "items at most %d",
                               MAX_IDS)));
    columns = (PG_GETARG_BOOL(ESTIMATE_HAS_TIME) ? COLUMN_TIME : 0) |
              (PG_GETARG_BOOL(ESTIMATE_HAS_WEIGHT) ? COLUMN_WEIGHT : 0);
    threads = CheckThreads(((TrainOptions *)options)->threads);
    bytes = IsChoosing(algorithm) ? ChoiceMemory(options, (uint32)users, (uint32)items,
                                                 (uint64)rows, columns, threads)
                                  : TrainingMemory(algorithm, options, (uint32)users, (uint32)items,
                                                   (uint64)rows, columns, threads);
    if (bytes > PG_INT64_MAX)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("the memory needed does not fit into a bigint")));
    PG_RETURN_INT64((int64)bytes);
}
