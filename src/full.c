/* Linear attention, not causal: right-multiply-first. S = φ(K)ᵀV and z are summed once, then out = φ(Q)S / φ(Q)z.
 * Both products run on the outer-product tile. */
#include "linear.h"
#include "score.h"

enum { BLOCK = 64 };

typedef struct {
  size_t d_vp;     /* value_dim rounded up to whole panels of 8 */
  panel_state state;
  float *f;        /* [BLOCK][d_fp]: features of keys or queries */
  float *q;        /* [BLOCK/4][d_fp][4]: features of queries in panels */
  float *factors;  /* [BLOCK] */
  float *v;        /* [BLOCK][d_vp]: values with padding */
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  w->d_vp = round_up(call->d_v, 8);
  w->state.width = 8;
  w->state.panels = w->d_vp / 8;
  uint64_t sizes[] = {call->d_fp * w->d_vp, call->d_fp, BLOCK * call->d_fp, BLOCK * call->d_fp, BLOCK, BLOCK * w->d_vp};
  float **parts[] = {&w->state.s, &w->state.z, &w->f, &w->q, &w->factors, &w->v};
  return carve(base, parts, sizes, sizeof sizes / sizeof *sizes);
}

/* S += φ(K)ᵀV and z += Σφ(k). Each block is summed by itself first: shorter sums, smaller error. */
static void sum_keys(const linear_call *call, scratch *w, size_t b, size_t kv_head) {
  const la_linear_args *a = call->args;
  size_t n = keys_in(a->key_lengths, b, call->n_k);
  for (size_t t = 0; t < n; t += BLOCK) {
    size_t rows = smaller(BLOCK, n - t), v_stride = a->v.row;
    const float *v = array_at(a->v, b, kv_head, t);
    map_apply(call, array_at(a->k, b, kv_head, t), a->k.row, rows, w->f);
    for (size_t r = 0; r < rows; r++) add_to(w->state.z, w->f + r * call->d_fp, call->d_fp);
    if (call->d_v != w->d_vp) {
      copy_rows(w->v, w->d_vp, v, a->v.row, rows, call->d_v);
      v = w->v;
      v_stride = w->d_vp;
    }
    for (size_t c = 0; c < w->d_vp; c += 8) {
      for (size_t i = 0; i < call->d_fp; i += 4) {
        float *s = w->state.s + c * call->d_fp + i * 8;
        tile4x8 sum = tile_outer(tile_zero(), rows, w->f + i, 1, call->d_fp, v + c, v_stride);
        tile_store(s, 8, tile_add(tile_load(s, 8), sum));
      }
    }
  }
}

static void answer_queries(const linear_call *call, scratch *w, size_t b, size_t q_head) {
  const la_linear_args *a = call->args;
  for (size_t t = 0; t < call->n_q; t += BLOCK) {
    size_t rows = smaller(BLOCK, call->n_q - t);
    map_apply(call, array_at(a->q, b, q_head, t), a->q.row, rows, w->f);
    for (size_t r = 0; r < rows; r++) w->factors[r] = output_factor(call, a->normalize ? dot(w->f + r * call->d_fp, w->state.z, call->d_fp) : 0.0f);
    pack_panels(w->q, w->f, call->d_fp, rows, call->d_f, 4, 1.0f);
    for (size_t c = 0; c < w->d_vp; c += 8) {
      for (size_t r = 0; r < rows; r += 4) {
        tile4x8 o = tile_outer_panels(tile_zero(), call->d_f, w->q + r * call->d_f, w->state.s + c * call->d_fp);
        tile_store_result(array_at(a->out, b, q_head, t + r) + c, a->out.row, tile_scale(o, w->factors + r), rows - r, call->d_v - c);
      }
    }
  }
}

int32_t linear_full(const linear_call *call) {
  scratch w;
  float *block = alloc_floats(scratch_layout(call, &w, NULL));
  if (!block) return LA_OUT_OF_MEMORY;
  zero_floats(block, (size_t)scratch_layout(call, &w, block));
  for (size_t b = 0; b < call->batch; b++) {
    for (size_t h = 0; h < call->kv_heads; h++) {
      state_load(call, w.state, b, h);
      sum_keys(call, &w, b, h);
      for (size_t g = 0; g < call->group; g++) answer_queries(call, &w, b, h * call->group + g);
      state_store(call, w.state, b, h);
    }
  }
  la_free(block);
  return LA_OK;
}
