/* Causal linear attention over three tokens of one head, then a fourth on the state that they left, and what that state is. */
#include <stdio.h>

#include "linear_attention.h"

int main(void) {
  float q[4][2] = {{1, 0}, {0, 1}, {1, 1}, {-1, 2}}, k[4][2] = {{1, 2}, {0, -1}, {-2, 1}, {1, 1}}, v[4][2] = {{1, 0}, {0, 1}, {2, 2}, {-1, 1}};
  uint32_t floats = la_state_floats(2, 2);
  float out[4][2], s[2][2], z[2], *state = la_alloc(floats * sizeof *state);
  if (!state) return LA_OUT_OF_MEMORY;
  for (uint32_t i = 0; i < floats; i++) state[i] = 0.0f;
  la_linear_args call = {
      .batch = 1, .heads = 1, .q_heads = 1, .k_heads = 1, .v_heads = 1, .n_q = 3, .n_k = 3, .dim = 2, .value_dim = 2,
      .causal = 1, .normalize = 1, .scale = 1.0f, .eps = 1e-6f,
      .map = {.kind = LA_MAP_ELU, .dim = 2, .query_heads = 1, .key_heads = 1},
      .q = {.data = q[0], .row = 2}, .k = {.data = k[0], .row = 2}, .v = {.data = v[0], .row = 2}, .out = {.data = out[0], .row = 2},
      .state = state,
  };
  int32_t status = la_linear(&call);
  call.n_q = call.n_k = 1;
  call.q.data = q[3];
  call.k.data = k[3];
  call.v.data = v[3];
  call.out.data = out[3];
  if (status == LA_OK) status = la_linear(&call);
  for (int t = 0; t < 4; t++) printf("%.6f %.6f\n", out[t][0], out[t][1]);
  la_state_args kept = {.heads = 1, .features = 2, .value_dim = 2, .state = state, .s = s[0], .z = z};
  if (status == LA_OK) status = la_state_read(&kept);
  printf("S %.6f %.6f %.6f %.6f, z %.6f %.6f\n", s[0][0], s[0][1], s[1][0], s[1][1], z[0], z[1]);
  la_free(state);
  printf("%zu bytes in use\n", la_memory_used());
  return status;
}
