/* settings.h: the recadv.* settings. */
#ifndef RECADV_PG_BASE_SETTINGS_H
#define RECADV_PG_BASE_SETTINGS_H

#include "postgres.h"

extern char *recadv_model_setting;     /* recadv.model: model used where none is named */
extern int recadv_max_memory;          /* recadv.max_memory, in kB */
extern int recadv_max_threads;         /* recadv.max_threads */
extern int recadv_cache_size;          /* recadv.cache_size, in kB */
extern int recadv_shared_cache_size;   /* recadv.shared_cache_size, in kB */
extern bool recadv_progress;           /* recadv.progress */
extern bool recadv_trust_model_owners; /* recadv.trust_model_owners */

/* Once, when the library is loaded. */
extern void DefineSettings(void);

/* Fails if `bytes` is more than recadv.max_memory; `purpose` names what needs it. */
extern void CheckMemory(Size bytes, const char *purpose);
/* The same for what learns from a log of slates, whose need nothing tells beforehand. */
extern void CheckMemoryOfSlates(Size bytes, const char *purpose);
extern void CheckMemoryOfActs(Size bytes, const char *purpose);

extern bool MemoryAllows(Size bytes);

/* Bytes that recadv.max_memory allows beside those that are used. */
extern Size MemoryLeft(Size used);

/* The option threads, or all that recadv.max_threads allows for 0; fails above that. */
extern int CheckThreads(int64 threads);

#endif
