/* recadv.c: start of the module. */
#include "pg/base/compat.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "pg/base/settings.h"
#include "pg/serve/shared_slots.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void _PG_init(void)
{
    DefineSettings();
    if (process_shared_preload_libraries_in_progress && recadv_shared_cache_size > 0)
        SharedInstall();
}
