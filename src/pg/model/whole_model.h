/* whole_model.h: loads a whole version into memory, for evaluations and for checks of an image. */
#ifndef RECADV_PG_MODEL_WHOLE_MODEL_H
#define RECADV_PG_MODEL_WHOLE_MODEL_H

#include "pg/model/pieces.h"

/* Loads all pieces into the backend's context, within recadv.max_memory. */
extern void WholeModelRead(ModelStore *store, BackendHost *backend, WholeModel *whole);

#endif
