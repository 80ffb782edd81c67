/*
 * model.h: a model as a list of matrices.
 *
 * Each part has rows per user, per item, or a number of its own; storage and serving move parts
 * without knowing what they mean.
 */
#ifndef RECADV_ALGO_MODEL_H
#define RECADV_ALGO_MODEL_H

#include "core/acts.h"
#include "core/host.h"
#include "core/interactions.h"

typedef enum Axis { AXIS_USER, AXIS_ITEM, AXIS_SHARED } Axis;

/* rows x columns floats; rows start every `stride` floats: a multiple of 16, the rest zero; or 1.
 */
typedef struct Part {
    const char *name; /* of a static string */
    Axis axis;
    uint32_t rows;
    uint32_t columns;
    uint32_t stride;
    bool written;  /* by StreamMethods.write, where an event is only noted, not yet learnt */
    bool learning; /* for training and streaming alone: where a model serves, `data` may be NULL */
    float *data;   /* 64-byte aligned; NULL until allocated */
} Part;

/* Is the part one of the axis that serving reads? */
static inline bool PartServes(const Part *part, Axis axis)
{
    return part->axis == axis && !part->learning;
}

static inline size_t PartFloats(const Part *part)
{
    return (size_t)part->rows * part->stride;
}

static inline float *PartRow(const Part *part, size_t row)
{
    return part->data + row * part->stride;
}

/* A layout that asks for more is a mistake of its author: see ModelAddPart. */
#define MAX_PARTS 32

typedef struct Algorithm Algorithm;

/*
 * A model, or a view of one: in a view, parts of an axis hold only some of its rows (one user,
 * one block of items), and `users` and `items` tell how many.  Both may be 0.
 */
typedef struct Model {
    const Algorithm *algorithm;
    const void *options; /* the algorithm's own struct */
    uint32_t users;
    uint32_t items;
    uint32_t model_items;      /* all items of the model, also in a view */
    uint32_t first_item;       /* of a view: index in the model of its first item */
    const uint32_t *item_rows; /* of a view of items here and there: their indexes; or NULL */
    const ActShape *acts;      /* of a model that acts in scenarios; or NULL */
    bool warm;                 /* some rows are from an earlier model */
    bool trial;                /* only to be validated: never learns what is held out */
    int parts;
    Part part[MAX_PARTS];
} Model;

/* Index in the model of item i of a view. */
static inline uint32_t ViewItem(const Model *view, uint32_t i)
{
    return view->item_rows != NULL ? view->item_rows[i] : view->first_item + i;
}

/* Part 0 of every model: sum of the weights (without weights: number) of each item's interactions;
 * it serves users of whom nothing is known. */
#define POPULARITY_PART 0

/*
 * For layout(): appends a part.  Beyond MAX_PARTS, part MAX_PARTS - 1 is replaced and the model is
 * of no use, which the test of the registry tells; many small matrices make one part: see
 * net/pack.h.
 */
extern void ModelAddPart(Model *model, const char *name, Axis axis, uint32_t rows,
                         uint32_t columns);

/* The same with one float per row, without padding: never read as a vector. */
extern void ModelAddColumn(Model *model, const char *name, Axis axis, uint32_t rows);

/* Bytes of all parts, SIZE_MAX if they do not fit. */
extern size_t ModelMemory(const Model *model);

/* Allocates all parts, zeroed. */
extern void ModelAllocate(const Host *host, Model *model);

/* All zero again, as they were allocated. */
extern void PartClear(const Host *host, const Part *part);

/* Allocates all parts with room for more rows than they have: see ModelAddUser in algorithm.h. */
extern void ModelAllocateRoom(const Host *host, Model *model, uint32_t users, uint32_t items);

/* Moves the rows into memory with such room. */
extern void ModelMakeRoom(const Host *host, Model *model, uint32_t users, uint32_t items);

/* The model as a view of all its rows needs no call; this narrows it. */
extern void ModelViewItems(const Model *model, uint32_t first, uint32_t count, Model *view);

/* Adds up the weights of interactions per item, to at most FLT_MAX, into the popularity part. */
extern void ModelCountPopularity(const Host *host, const Interactions *data, Model *model);

/* Takes what is held out away from it again. */
extern void ModelUncountHeld(const Host *host, const Interactions *data, Model *model);

/* Is every value of the part finite? */
extern bool PartIsFinite(const Part *part);

#endif
