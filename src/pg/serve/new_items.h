/*
 * new_items.h: items that were observed since the last refresh, which the model does not have.
 */
#ifndef RECADV_PG_SERVE_NEW_ITEMS_H
#define RECADV_PG_SERVE_NEW_ITEMS_H

#include "pg/serve/served.h"

/* Sets new_items and new_rows of a model that was opened for this call. */
extern void NewItemsOpen(Served *served, ModelTable *table);

#endif
