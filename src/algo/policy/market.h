/*
 * market.h: a market of two scenarios in which a visitor's taste shows in the one and matters in
 * the other, so that who ranks there must be told.
 *
 * A visitor likes one of two types of goods, by even chance.  Main search ranks by popularity and
 * brand: popularity brings clicks (+1; none -1), brand brings visitors into the shop.  It sees a
 * noisy sign of the type.  The shop ranks by two features, one for each type: the right one sells
 * (+10, and the session ends).  Who leaves, or has not bought after eight steps, costs 5.
 */
#ifndef RECADV_ALGO_POLICY_MARKET_H
#define RECADV_ALGO_POLICY_MARKET_H

#include "algo/policy/act_environment.h"

enum { MARKET_MAIN, MARKET_SHOP };

extern const ActEnvironment market_environment;

#endif
