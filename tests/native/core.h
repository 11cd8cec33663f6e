/* The core, built several times over, each build with names of its own. */
#ifndef NATIVE_CORE_H
#define NATIVE_CORE_H

#include "learn.h"
#include "linear/naive.h"
#include "nn.h"

/* Every function of linear_attention.h, nn.h and learn.h, which tests/native.test.js compares, and the recurrence in float64. */
#define CORE_FUNCTIONS(X)                                                                                      \
  X(la_feature_map_features)                                                                                   \
  X(la_feature_map_apply)                                                                                      \
  X(la_feature_map_packed)                                                                                     \
  X(la_feature_map_pack)                                                                                       \
  X(la_random_features)                                                                                        \
  X(la_softmax)                                                                                                \
  X(la_linear)                                                                                                 \
  X(la_softmax_items)                                                                                          \
  X(la_linear_items)                                                                                           \
  X(la_state_floats)                                                                                           \
  X(la_state_read)                                                                                             \
  X(la_state_write)                                                                                            \
  X(linear_naive)                                                                                              \
  X(la_weights)                                                                                                \
  X(la_gap)                                                                                                    \
  X(la_alloc)                                                                                                  \
  X(la_free)                                                                                                   \
  X(la_memory_used)                                                                                            \
  X(la_threads_set)                                                                                            \
  X(la_threads_alive)                                                                                          \
  X(la_thread_run)                                                                                             \
  X(la_thread_fail)                                                                                            \
  X(la_threads_quit)                                                                                           \
  X(la_build)                                                                                                  \
  X(la_dense_pack)                                                                                             \
  X(la_dense)                                                                                                  \
  X(la_layer_norm)                                                                                             \
  X(la_linear_gradient)                                                                                        \
  X(la_softmax_gradient)                                                                                       \
  X(la_weights_gradient)                                                                                       \
  X(la_distill)                                                                                                \
  X(la_adam)                                                                                                   \
  X(la_generator_seed)                                                                                         \
  X(la_sample)

#define CORE_FIELD(function) __typeof__(function) *function;

typedef struct {
  const char *name;
  void *library;
  CORE_FUNCTIONS(CORE_FIELD)
} core;

/* Plain C; four-lane vectors; vectors and a pool. */
extern core scalar_core, vector_core, pooled_core;

enum { POOL_THREADS = 3 };

/* Loads the first two from a folder, and the third with its threads running where the folder has it. */
void cores_load(const char *folder);
void cores_unload(void);

/* A pool of its own that no thread serves, in the state that it has on loading. NULL where the folder has none. */
core *core_load_afresh(void);

#endif
