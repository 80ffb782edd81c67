/* itemknn.c: options and members of the nearest neighbours of items. */
#include "algo/itemknn/itemknn.h"

static const char *const weightings[] = {"auto", "none", "tfidf", "bm25", NULL};

#define FIELD(name) offsetof(KnnOptions, name)

static const OptionSpec itemknn_options[] = {
    {"neighbors", OPTION_INTEGER, FIELD(neighbors), 0, 1000, 0, NULL,
     "nearest neighbours of each item that are kept; 0: chosen by validation, of 100 and 200",
     "Sarwar et al. 2001, section 3.2.1"},
    {"shrink", OPTION_REAL, FIELD(shrink), -1, 1e6, -1, NULL,
     "items with few users are less alike: as if each had so many more users, whom the other "
     "lacks; below 0: chosen by validation, of 0, 10 and 50",
     "Bell and Koren 2007; the form is that of Ferrari Dacrema et al. 2019"},
    {"weighting", OPTION_CHOICE, FIELD(weighting), 0, 0, WEIGH_CHOSEN, weightings,
     "of interactions, before items are compared; users with many items count for less by tfidf "
     "and bm25; auto: none or tfidf, by validation",
     "the library implicit"},
    {"recent", OPTION_INTEGER, FIELD(recent), 0, 1000, 0, NULL,
     "recommend by the last so many interactions of a user, which takes a time column; 0: by all",
     "recadv"},
    {NULL, OPTION_BOOL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static const struct PresetValue fast[] = {{"neighbors", 30}, {NULL, 0}};
static const struct PresetValue balanced[] = {{NULL, 0}};
static const struct PresetValue best[] = {{"neighbors", 300}, {NULL, 0}};

static const Preset presets[] = {
    {"fast", "few neighbours", fast},
    {"balanced", "the defaults", balanced},
    {"best", "many neighbours", best},
    {NULL, NULL, NULL},
};

static const struct PresetValue variants[] = {{"recent", 5}, {NULL, 0}};

static const OptionRange space[] = {
    {"neighbors", 20, 400, true},
    {"shrink", 0, 100, false},
    {"weighting", WEIGH_NONE, WEIGH_BM25, false},
    {NULL, 0, 0, false},
};

const Algorithm itemknn_algorithm = {
    .name = "itemknn",
    .summary = "nearest neighbours of the items that a user has",
    .options = itemknn_options,
    .options_size = sizeof(KnnOptions),
    .metrics = RANKING_METRICS,
    .used = COLUMN_WEIGHT,
    .learns_held = true,
    .presets = presets,
    .candidate = true,
    .work = KnnWork,
    .variants = variants,
    .space = space,
    .layout = KnnLayout,
    .settle = KnnSettle,
    .memory = KnnMemory,
    .train = KnnTrain,
    .query_width = KnnQueryWidth,
    .history = KnnHistory,
    .query = KnnQuery,
    .score = KnnScore,
    .similarity = KnnSimilarity,
    .compares = {false, true},
    .explain = KnnExplain,
};
