/* whole_model.h: a whole model in memory, for evaluation. */
#ifndef RECADV_PG_MODEL_WHOLE_MODEL_H
#define RECADV_PG_MODEL_WHOLE_MODEL_H

#include "pg/model/dictionary.h"
#include "pg/base/backend.h"
#include "pg/model/parts.h"

typedef struct WholeModel {
    Header header;
    Model model;
    Interactions data; /* what the model was trained on, held-out pairs marked */
    IdList user_ids;
    IdList item_ids;
} WholeModel;

/* Loads all parts into the backend's context, within recadv.max_memory. */
extern void WholeModelRead(ModelStore *store, BackendHost *backend, WholeModel *loaded);

#endif
