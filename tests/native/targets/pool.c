/* A pool whose threads are lost: calls are the caller's alone, until one has trapped, and then they fail. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "choices.h"
#include "targets.h"

enum { ROWS = 70, WIDTH = 20 };

static float *place_of(core *c, uint64_t seed) {
  float *x = c->la_alloc(ROWS * WIDTH * sizeof *x);
  for (size_t i = 0; i < ROWS * WIDTH; i++) x[i] = random_signed(&seed);
  return x;
}

static la_linear_args arguments(core *c, uint64_t seed, int32_t causal) {
  la_linear_args a = {.batch = 1, .heads = 1, .q_heads = 1, .k_heads = 1, .v_heads = 1, .n_q = ROWS, .n_k = ROWS, .dim = WIDTH, .value_dim = WIDTH, .causal = causal, .normalize = 1, .scale = 1.0f, .eps = 1e-6f};
  a.map = (la_feature_map){.kind = LA_MAP_ELU, .dim = WIDTH, .query_heads = 1, .key_heads = 1};
  la_array *arrays[] = {&a.q, &a.k, &a.v, &a.out};
  for (size_t i = 0; i < 4; i++) *arrays[i] = (la_array){place_of(c, seed + i), ROWS * WIDTH, ROWS * WIDTH, WIDTH};
  return a;
}

static la_softmax_args softmax_of(const la_linear_args *a) {
  return (la_softmax_args){.batch = 1, .heads = 1, .kv_heads = 1, .n_q = ROWS, .n_k = ROWS, .dim = WIDTH, .value_dim = WIDTH, .causal = a->causal, .scale = 0.2f, .q = a->q, .k = a->k, .v = a->v, .out = a->out};
}

static void lose_threads(input *in, core *c) {
  int32_t threads = 1 + (int32_t)choose(in, 8);
  c->la_threads_set(threads, (int32_t)choose(in, 2), 0);
  la_linear_args a = arguments(c, choose(in, 65536), (int32_t)choose(in, 2));
  la_softmax_args s = softmax_of(&a);
  float before[ROWS * WIDTH];
  c->la_threads_alive(1);
  if (c->la_softmax(&s) != LA_OK) fail("la_threads_alive", "softmax on the thread that is left");
  memcpy(before, s.out.data, sizeof before);
  if (vector_core.la_softmax(&s) != LA_OK || memcmp(before, s.out.data, sizeof before) != 0) fail("la_threads_alive", "softmax has other bits on the thread that is left");
  if (c->la_linear(&a) != LA_OK) fail("la_threads_alive", "linear on the thread that is left");
  c->la_thread_fail();
  if (c->la_softmax(&s) != LA_THREAD_FAILED || c->la_linear(&a) != LA_THREAD_FAILED) fail("la_thread_fail", "a call was made all the same");
  c->la_threads_quit();
  c->la_thread_run(threads);
  la_array arrays[] = {a.q, a.k, a.v, a.out};
  for (size_t i = 0; i < 4; i++) c->la_free(arrays[i].data);
}

/* In a process of its own: a pool that has failed stays so. */
void target_pool(input *in) {
  core *c = core_load_afresh();
  if (!c) fail("la_thread_fail", "the folder of the cores has none with a pool");
  pid_t child = fork();
  if (child == 0) {
    lose_threads(in, c);
    _exit(0);
  }
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) fail("la_thread_fail", "the process ended with %d", status);
}
