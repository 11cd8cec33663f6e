/* Linear attention, not causal: right-multiply-first. S = φ(K)ᵀV and z are summed once, then out = φ(Q)S / φ(Q)z.
 * Both products run on the outer-product tile, features in rows: packing them into panels first gains nothing. */
#include "linear.h"
#include "outer.h"

enum { BLOCK = 64, BLOCK_FLOATS = 65536 };

typedef struct {
  size_t block; /* tokens mapped at once, a multiple of 4 */
  size_t d_vp;  /* value_dim rounded up to whole panels */
  panel_state state;
  feature_rows f;
  float *factors; /* [block] */
  float *v;       /* [block][d_vp]: values with padding */
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  w->block = smaller(BLOCK, round_up(BLOCK_FLOATS / call->stride, 4));
  w->d_vp = round_up(call->d_v, PANEL);
  w->state.width = PANEL;
  w->state.panels = w->d_vp / PANEL;
  w->f.stride = call->stride;
  uint64_t sizes[] = {call->d_fp * w->d_vp, call->d_fp, w->block * call->stride, w->block, w->block, w->block * w->d_vp};
  float **parts[] = {&w->state.s, &w->state.z, &w->f.rows, &w->f.exponents, &w->factors, &w->v};
  return carve(base, parts, sizes, sizeof sizes / sizeof *sizes);
}

/* z += Σφ(k) and S += φ(K)ᵀV of a block. Its sum is taken by itself first: shorter sums, smaller error. */
static inline void add_block(const linear_call *call, scratch *w, const float *v, size_t v_stride, size_t rows, const size_t stride) {
  for (size_t i = 0; call->args->normalize && i < call->d_fp; i += 4) {
    v4 sum = v4_load(w->f.rows + i);
    for (size_t r = 1; r < rows; r++) sum = v4_add(sum, v4_load(w->f.rows + r * stride + i));
    v4_store(w->state.z + i, v4_add(v4_load(w->state.z + i), sum));
  }
  for (size_t c = 0; c < w->d_vp; c += PANEL) {
    for (size_t i = 0; i < call->d_fp; i += 4) {
      float *s = w->state.s + c * call->d_fp + i * PANEL;
      tile4x8 sum = tile_outer(tile_zero(), rows, w->f.rows + i, 1, stride, v + c, v_stride);
      tile_store(s, PANEL, tile_add(tile_load(s, PANEL), sum));
    }
  }
}

static void sum_keys(const linear_call *call, scratch *w, size_t b, size_t kv_head) {
  const la_linear_args *a = call->args;
  size_t n = keys_in(a->key_lengths, b, call->n_k), rows;
  settle_exponent(call, w->f, w->block, &w->state, b, kv_head);
  for (size_t t = 0; t < n; t += rows) {
    rows = map_keys(call, w->f, &w->state, b, kv_head, t, smaller(w->block, n - t));
    const float *v = array_at(a->v, b, kv_head, t);
    size_t v_stride = a->v.row;
    if (call->d_v != w->d_vp) {
      copy_rows(w->v, w->d_vp, v, a->v.row, rows, call->d_v);
      v = w->v;
      v_stride = w->d_vp;
    }
    if (call->stride == SHORT_STRIDE) add_block(call, w, v, v_stride, rows, SHORT_STRIDE);
    else add_block(call, w, v, v_stride, rows, call->stride);
  }
}

static inline void answer_block(const linear_call *call, scratch *w, la_array out, size_t b, size_t q_head, size_t t, size_t rows, const size_t stride) {
  for (size_t c = 0; c < w->d_vp; c += PANEL) {
    for (size_t r = 0; r < rows; r += 4) {
      tile4x8 o = tile_outer(tile_zero(), call->d_f, w->f.rows + r * stride, stride, 1, w->state.s + c * call->d_fp, PANEL);
      tile_store_result(array_at(out, b, q_head, t + r) + c, out.row, tile_scale(o, w->factors + r), rows - r, call->d_v - c);
    }
  }
}

static void answer_queries(const linear_call *call, scratch *w, size_t b, size_t q_head) {
  const la_linear_args *a = call->args;
  for (size_t t = 0; t < call->n_q; t += w->block) {
    size_t rows = smaller(w->block, call->n_q - t);
    map_queries(call, w->f, b, q_head, t, rows);
    for (size_t r = 0; r < rows; r++) {
      float q_dot_z = a->normalize ? dot(w->f.rows + r * call->stride, w->state.z, call->d_fp) : 0.0f;
      w->factors[r] = output_factor(call, q_dot_z, &w->state, w->f.exponents[r]);
    }
    if (call->stride == SHORT_STRIDE) answer_block(call, w, a->out, b, q_head, t, rows, SHORT_STRIDE);
    else answer_block(call, w, a->out, b, q_head, t, rows, call->stride);
  }
}

int32_t linear_full(const linear_call *call) {
  scratch w;
  float *block = alloc_floats(scratch_layout(call, &w, NULL));
  if (!block) return LA_OUT_OF_MEMORY;
  zero_floats(block, (size_t)scratch_layout(call, &w, block));
  for (size_t b = 0; b < call->batch; b++) {
    for (size_t h = 0; h < call->kv_heads; h++) {
      state_load(call, &w.state, b, h);
      sum_keys(call, &w, b, h);
      for (size_t g = 0; g < call->group; g++) answer_queries(call, &w, b, h * call->group + g);
      state_store(call, &w.state, b, h);
    }
  }
  la_free(block);
  return LA_OK;
}
