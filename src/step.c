/* Linear attention, one token: the state is updated where it lies, sixteen columns at a time. */
#include "linear.h"
#include "recurrence.h"

/* One token of one head, by strips of 16, 4 and 1 columns. */
static inline void token(float *s, size_t d_f, size_t d_v, const float *pairs, const float *v, float factor, float *out, const int update) {
  size_t c = 0;
  for (; c + STRIP <= d_v; c += STRIP) recur(s + c, d_v, d_f, pairs, v + c, factor, out + c, STRIP / 4, update);
  for (; c + 4 <= d_v; c += 4) recur(s + c, d_v, d_f, pairs, v + c, factor, out + c, 1, update);
  for (; c < d_v; c++) recur_column(s + c, d_v, d_f, pairs, v[c], factor, out + c, update);
}

int32_t linear_step(const linear_call *call) {
  const la_linear_args *a = call->args;
  size_t d_fp = call->d_fp;
  float *k_f = alloc_floats(4 * (uint64_t)d_fp), *q_f = k_f + d_fp, *pairs = q_f + d_fp;
  if (!k_f) return LA_OUT_OF_MEMORY;
  zero_floats(k_f, 2 * d_fp);
  for (size_t b = 0; b < call->batch; b++) {
    for (size_t h = 0; h < call->kv_heads; h++) {
      float *s = state_of(call, b, h), *z = key_sum_of(call, b, h);
      const float *v = array_at(a->v, b, h, 0);
      map_apply(call, array_at(a->k, b, h, 0), 0, 1, k_f);
      if (a->normalize) add_to(z, k_f, call->d_f);
      for (size_t g = 0; g < call->group; g++) {
        size_t q_head = h * call->group + g;
        map_apply(call, array_at(a->q, b, q_head, 0), 0, 1, q_f);
        float factor = output_factor(call, a->normalize ? dot(q_f, z, call->d_f) : 0.0f);
        float *out = array_at(a->out, b, q_head, 0);
        for (size_t i = 0; i < d_fp; i += 4) interleave_four(pairs + 2 * i, v4_load(k_f + i), v4_load(q_f + i));
        if (g == 0) token(s, call->d_f, call->d_v, pairs, v, factor, out, 1);
        else token(s, call->d_f, call->d_v, pairs, v, factor, out, 0);
      }
    }
  }
  la_free(k_f);
  return LA_OK;
}
