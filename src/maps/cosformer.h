#ifndef LA_COSFORMER_H
#define LA_COSFORMER_H

#include "maps/feature_map.h"

/* sin θ and cos θ of a position from 0 on, by which cosformer weighs its features. */
void cosformer_turn(const la_feature_map *map, size_t position, float *sin, float *cos);

#endif
