/* Decay between settlings. Where the decay since S was settled is exp(c), c ≤ 0, Sᵀq decays as (S)ᵀ(q·exp(c)) and a key
 * written then decays as k·exp(−c) written at once: so queries are multiplied by exp(c) and keys by exp(−c), S is left
 * alone, and settling takes it along by the whole of c. Before c is beyond ±MOST_FOLD, S is settled. */
#ifndef LA_FOLD_H
#define LA_FOLD_H

#include "base/rows.h"

#define MOST_FOLD 16.0f

/* after = before + decay: one number where features is 0, else one a feature, up to whole vectors, of one decay or
 * (by_feature) of as many. Whether all are within ±MOST_FOLD. */
int fold_token(float *after, const float *before, const float *decay, size_t features, int by_feature);

#endif
