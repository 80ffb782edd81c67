/* settings.c: the recadv.* settings, and what they allow. */
#include "pg/base/compat.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "pg/base/settings.h"

char *recadv_model_setting = NULL;
int recadv_max_memory = 2 * 1024 * 1024;
int recadv_max_threads = 2;
int recadv_cache_size = 256 * 1024;
int recadv_shared_cache_size = 0;
bool recadv_progress = true;
bool recadv_trust_model_owners = false;

void DefineSettings(void)
{
    DefineCustomStringVariable("recadv.model", "Model that is used where a call names none.", NULL,
                               &recadv_model_setting, "", PGC_USERSET, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("recadv.max_memory", "Memory that one training or evaluation may use.",
                            NULL, &recadv_max_memory, 2 * 1024 * 1024, 1024, INT_MAX, PGC_SUSET,
                            GUC_UNIT_KB, NULL, NULL, NULL);
    DefineCustomIntVariable("recadv.max_threads",
                            "Threads that one training or evaluation may use.", NULL,
                            &recadv_max_threads, 2, 1, 1024, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomIntVariable(
        "recadv.cache_size", "Memory per session for the item side of models that it serves.",
        "A model that does not fit is read from its table at each call.", &recadv_cache_size,
        256 * 1024, 0, INT_MAX, PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
    DefineCustomBoolVariable("recadv.progress", "Report the progress of training by notices.", NULL,
                             &recadv_progress, true, PGC_USERSET, 0, NULL, NULL, NULL);
    DefineCustomBoolVariable(
        "recadv.trust_model_owners",
        "Read the source of a model with one's own rights, whoever owns it.",
        "A source can run any code; without this, only that of an owner who has all your rights.",
        &recadv_trust_model_owners, false, PGC_SUSET, 0, NULL, NULL, NULL);
    if (process_shared_preload_libraries_in_progress)
        DefineCustomIntVariable("recadv.shared_cache_size",
                                "Memory that all sessions share for the item side of models.",
                                "0 leaves it to each session's recadv.cache_size.",
                                &recadv_shared_cache_size, 512 * 1024, 0, INT_MAX, PGC_POSTMASTER,
                                GUC_UNIT_KB, NULL, NULL, NULL);
    MarkGUCPrefixReserved("recadv");
}

static Size AllowedMemory(void)
{
    return (Size)recadv_max_memory * 1024;
}

bool MemoryAllows(Size bytes)
{
    return bytes <= AllowedMemory();
}

static void CheckOrAdvise(Size bytes, const char *purpose, const char *advice)
{
    Size allowed = AllowedMemory();

    if (bytes <= allowed)
        return;
    if (bytes == SIZE_MAX)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("%s needs more memory than a machine can have", purpose)));
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("%s needs %zu MB of memory, but recadv.max_memory allows %zu MB",
                           purpose, bytes / 1048576 + 1, allowed / 1048576),
                    errhint("Raise recadv.max_memory, or use %s.", advice)));
}

void CheckMemory(Size bytes, const char *purpose)
{
    CheckOrAdvise(bytes, purpose,
                  "fewer factors or interactions; recadv_estimate_memory() tells the need "
                  "beforehand");
}

void CheckMemoryOfSlates(Size bytes, const char *purpose)
{
    CheckOrAdvise(bytes, purpose, "fewer factors or a shorter log of slates");
}

void CheckMemoryOfActs(Size bytes, const char *purpose)
{
    CheckOrAdvise(bytes, purpose, "smaller networks or a shorter log of acts");
}

Size MemoryLeft(Size used)
{
    Size allowed = AllowedMemory();

    return used < allowed ? allowed - used : 0;
}

int CheckThreads(int64 threads)
{
    if (threads > recadv_max_threads)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("option \"threads\" is %lld, but recadv.max_threads allows %d",
                               (long long)threads, recadv_max_threads),
                        errhint("Lower the option, or ask for a higher recadv.max_threads.")));
    return threads == 0 ? recadv_max_threads : (int)threads;
}
