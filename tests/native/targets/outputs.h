/* Gradients that a call may be asked for. */
#ifndef NATIVE_OUTPUTS_H
#define NATIVE_OUTPUTS_H

#include "choices.h"

/* Bits of the outputs that are asked for, each taken once: all, or some. */
uint64_t choose_wanted(input *in);

/* Adds an output, if it is asked for. */
void add_output(call *k, uint64_t *wanted, field f);

/* Those of a map's weights, where it has any that are learned. */
void add_weight_gradients(call *k, uint64_t *wanted, const la_feature_map *map, la_map_gradient *out);

#endif
