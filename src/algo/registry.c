/*
 * registry.c: the list of algorithms.  A new one is one line here, in the order in which
 * recadv_options() shows them.
 */
#include "algo/algorithm.h"

#include <string.h>

#define ALGORITHMS(X)                                                                              \
    X(popularity)                                                                                  \
    X(itemknn)                                                                                     \
    X(als)                                                                                         \
    X(bpr)                                                                                         \
    X(amf)                                                                                         \
    X(softmax)                                                                                     \
    X(nmrn)                                                                                        \
    X(nmrn_gan)                                                                                    \
    X(sasrec)                                                                                      \
    X(neumf)                                                                                       \
    X(cdae)                                                                                        \
    X(irgan)

/* Those that learn from a log of slates, or of acts. */
#define POLICIES(X)                                                                                \
    X(user_response)                                                                               \
    X(hac)                                                                                         \
    X(ddpg)                                                                                        \
    X(td3)                                                                                         \
    X(a2c)                                                                                         \
    X(pg_ra)                                                                                       \
    X(sl)                                                                                          \
    X(irecgan)                                                                                     \
    X(ma_rdpg)

/* Each is defined in a file of its own, as <name>_algorithm. */
#define DECLARE(name) extern const Algorithm name##_algorithm;
#define LIST(name)    &name##_algorithm,

ALGORITHMS(DECLARE)
POLICIES(DECLARE)

const Algorithm *const algorithms[] = {ALGORITHMS(LIST) POLICIES(LIST) NULL};

#define NAME(name) #name,

const char *const algorithm_names[] = {ALGORITHMS(NAME) NULL};

const Algorithm *const default_algorithm = &als_algorithm;

const Algorithm *const fallback_algorithm = &popularity_algorithm;

const Algorithm *AlgorithmFind(const char *name)
{
    for (int i = 0; algorithms[i] != NULL; i++)
        if (strcmp(algorithms[i]->name, name) == 0)
            return algorithms[i];
    return NULL;
}
