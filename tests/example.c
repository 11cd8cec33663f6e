/* Causal linear attention over three tokens of one head, then a fourth on the state that they left. */
#include <stdio.h>

#include "linear_attention.h"

int main(void) {
  float q[4][2] = {{1, 0}, {0, 1}, {1, 1}, {-1, 2}}, k[4][2] = {{1, 2}, {0, -1}, {-2, 1}, {1, 1}}, v[4][2] = {{1, 0}, {0, 1}, {2, 2}, {-1, 1}};
  float out[4][2], state[2 * 2] = {0}, key_sum[2] = {0};
  la_linear_args call = {
      .batch = 1, .heads = 1, .kv_heads = 1, .n_q = 3, .n_k = 3, .dim = 2, .value_dim = 2,
      .causal = 1, .normalize = 1, .scale = 1.0f, .eps = 1e-6f,
      .map = {.kind = LA_MAP_ELU, .dim = 2, .query_heads = 1, .key_heads = 1},
      .q = {.data = q[0], .row = 2}, .k = {.data = k[0], .row = 2}, .v = {.data = v[0], .row = 2}, .out = {.data = out[0], .row = 2},
      .state = state, .key_sum = key_sum,
  };
  int32_t status = la_linear(&call);
  call.n_q = call.n_k = 1;
  call.q.data = q[3];
  call.k.data = k[3];
  call.v.data = v[3];
  call.out.data = out[3];
  if (status == LA_OK) status = la_linear(&call);
  for (int t = 0; t < 4; t++) printf("%.6f %.6f\n", out[t][0], out[t][1]);
  printf("%zu bytes in use\n", la_memory_used());
  return status;
}
