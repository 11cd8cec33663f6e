/* The targets: each makes one call from a fuzzer's bytes and checks it. */
#ifndef NATIVE_TARGETS_H
#define NATIVE_TARGETS_H

#include "../call.h"

typedef void target(input *in);

target target_state;                                                          /* state.c: what is kept, by itself */
target target_softmax, target_linear, target_weights, target_gap;             /* a file each */
target target_feature_map, target_pack, target_random_features;               /* feature_maps.c */
target target_dense, target_dense_pack, target_layer_norm, target_sample;     /* nn.c */
target target_linear_gradient, target_softmax_gradient;                       /* gradients.c */
target target_weights_gradient, target_adam;                                  /* weights_gradient.c */
target target_distill;                                                        /* distill.c */
target target_memory, target_pool;                                            /* memory.c, pool.c */

#endif
