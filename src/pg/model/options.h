/* options.h: hyper-parameters between jsonb and the structs of the algorithms. */
#ifndef RECADV_PG_MODEL_OPTIONS_H
#define RECADV_PG_MODEL_OPTIONS_H

#include "pg/base/json.h"

#include "algo/algorithm.h"

/* The key that names other defaults, and their name for those that the options have anyway. */
#define PRESET_KEY      "preset"
#define PRESET_STANDARD "default"

/* Fails, listing the known names, unless there is such an algorithm that learns from interactions.
 */
extern const Algorithm *CheckAlgorithm(const char *name);

/* The same of one that learns from a log of slates. */
extern const Algorithm *CheckPolicy(const char *name);

/* As the first, for what takes the name, too, by which an algorithm is chosen. */
extern const Algorithm *CheckTrainable(const char *name);

/* Any of these. */
extern const Algorithm *CheckListed(const char *name);

/* For messages: the names of some, with commas. */
extern char *AlgorithmNames(bool (*is_one)(const Algorithm *algorithm));

/* A list of choices as it is written. */
extern char *ListText(const OptionSpec *spec, int64 bits);

/* A value of the object, as OptionStore takes it. */
extern OptionValue OptionValueOf(const JsonbValue *json);

/* Defaults overlaid by the object; palloc'd.  Errors name key, accepted values and nearest key. */
extern void *OptionsParse(const Algorithm *algorithm, Jsonb *object);

/*
 * The same for a stored object: what is wrong with it goes to *problem, NULL if nothing is.  With
 * *unknown, an option or a choice does not exist here: a newer version of recadv may have it.
 */
extern void *OptionsReadStored(const Algorithm *algorithm, Jsonb *object, char **problem,
                               bool *unknown);

/* All options with their values, as the JSON object that OptionsParse reads. */
extern char *OptionsToJson(const Algorithm *algorithm, const void *options);

/* The names of the algorithms that learn from interactions and have such an option of their own;
 * NULL: none. */
extern char *OptionOwners(const char *key);

/* Of the algorithm's own options, those that are not the defaults. */
extern char *ChangedOptionsToJson(const Algorithm *algorithm, const void *options);

/* What the key "preset" may be: "one of: default, ..." */
extern char *PresetNames(const Algorithm *algorithm);

#endif
