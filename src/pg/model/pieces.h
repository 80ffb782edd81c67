/*
 * pieces.h: what a stored version of a model consists of, listed once.
 *
 * Writing, loading and copying a version go through this list, so a piece that is stored is also
 * copied and loaded.  To store another piece, add it to WholeModel and to MODEL_PIECES; the
 * compiler then asks for its three functions in pieces.c, and for a look at what a refresh writes.
 */
#ifndef RECADV_PG_MODEL_PIECES_H
#define RECADV_PG_MODEL_PIECES_H

#include "pg/base/backend.h"
#include "pg/model/header.h"
#include "pg/model/learnt.h"
#include "pg/model/recent.h"
#include "pg/model/window.h"

#include "core/interactions.h"

/* A version in memory, as it is loaded or about to be written. */
typedef struct WholeModel {
    Header header; /* set by loading alone */
    Model model;
    Interactions data; /* what the model was trained on, held-out pairs marked */
    IdList user_ids;
    IdList item_ids;
    LearntLists learnt;      /* for writing alone */
    RecentCounts recent;     /* none without the option popular_half_life */
    Window window;           /* empty unless the algorithm learns from a stream */
    const char *header_text; /* for writing alone: the documents as JSON */
    const char *history_text;
} WholeModel;

/* In the order in which they are written. */
#define MODEL_PIECES(PIECE)                                                                        \
    PIECE(UserIds)                                                                                 \
    PIECE(ItemIds)                                                                                 \
    PIECE(Interactions)                                                                            \
    PIECE(RecentItems)                                                                             \
    PIECE(Parts)                                                                                   \
    PIECE(RecentPopularity)                                                                        \
    PIECE(LearntEvents)                                                                            \
    PIECE(Fingerprints)                                                                            \
    PIECE(History)                                                                                 \
    PIECE(Header)

/* For code that writes only what has changed: it asserts the number that it was written for. */
#define COUNT_PIECE(name) +1
enum { PIECES = 0 MODEL_PIECES(COUNT_PIECE) };

/* Writes all pieces as one version. */
extern void WritePieces(ModelSink *sink, const WholeModel *whole);

/*
 * Reads and checks all pieces of the version whose header is in whole->header, its parts into the
 * memory that whole->model has for them; all else is allocated in the current context.
 */
extern void LoadPieces(ModelStore *store, BackendHost *backend, WholeModel *whole);

/* Copies exactly the blocks that the header asks for; returns how many. */
extern uint32 CopyPieces(ModelStore *store, const Header *header, ModelSink *sink);

#endif
