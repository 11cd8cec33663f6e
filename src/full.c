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

/* One stream over `within` threads, each with scratch of its own: first keys by segments of the sequence, whose sums are
 * added up in order, then queries by blocks. */
typedef struct {
  const linear_call *call;
  float *base; /* [within][floats] */
  size_t floats, b, kv_head;
} stream;

static scratch scratch_of(const stream *s, size_t slot) {
  scratch w;
  scratch_layout(s->call, &w, s->base + slot * s->floats);
  return w;
}

/* S += φ(K)ᵀV and z += Σφ(k) over keys t … end−1. Each block is summed by itself first: shorter sums, smaller error. */
static void sum_keys(const linear_call *call, scratch *w, size_t b, size_t kv_head, size_t t, size_t end) {
  const la_linear_args *a = call->args;
  for (; t < end; t += BLOCK) {
    size_t rows = smaller(BLOCK, end - t), v_stride = a->v.row;
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

static void sum_segment(void *context, size_t slot, size_t item) {
  const stream *s = context;
  const linear_call *call = s->call;
  scratch w = scratch_of(s, item);
  size_t n = keys_in(call->args->key_lengths, s->b, call->n_k), length = round_up((n + call->within - 1) / call->within, BLOCK);
  (void)slot;
  if (item > 0) {
    zero_floats(w.state.s, call->d_fp * w.d_vp);
    zero_floats(w.state.z, call->d_fp);
  }
  sum_keys(call, &w, s->b, s->kv_head, item * length, smaller(n, (item + 1) * length));
}

static void answer_block(void *context, size_t slot, size_t item) {
  const stream *s = context;
  const linear_call *call = s->call;
  const la_linear_args *a = call->args;
  scratch w = scratch_of(s, slot);
  panel_state state = scratch_of(s, 0).state;
  size_t blocks = round_up(call->n_q, BLOCK) / BLOCK, q_head = s->kv_head * call->group + item / blocks, t = item % blocks * BLOCK;
  size_t rows = smaller(BLOCK, call->n_q - t);
  map_apply(call, array_at(a->q, s->b, q_head, t), a->q.row, rows, w.f);
  for (size_t r = 0; r < rows; r++) w.factors[r] = output_factor(call, a->normalize ? dot(w.f + r * call->d_fp, state.z, call->d_fp) : 0.0f);
  pack_panels(w.q, w.f, call->d_fp, rows, call->d_f, 4, 1.0f);
  for (size_t c = 0; c < w.d_vp; c += 8) {
    for (size_t r = 0; r < rows; r += 4) {
      tile4x8 o = tile_outer_panels(tile_zero(), call->d_f, w.q + r * call->d_f, state.s + c * call->d_fp);
      tile_store_result(array_at(a->out, s->b, q_head, t + r) + c, a->out.row, tile_scale(o, w.factors + r), rows - r, call->d_v - c);
    }
  }
}

static void run_stream(const linear_call *call, float *base, size_t b, size_t kv_head) {
  scratch w;
  stream s = {call, base, (size_t)scratch_layout(call, &w, base), b, kv_head};
  state_load(call, w.state, b, kv_head);
  in_parallel(call->within, call->within, sum_segment, &s);
  for (size_t segment = 1; segment < call->within; segment++) {
    panel_state part = scratch_of(&s, segment).state;
    add_to(w.state.s, part.s, call->d_fp * w.d_vp);
    add_to(w.state.z, part.z, call->d_fp);
  }
  in_parallel(call->within, call->group * (round_up(call->n_q, BLOCK) / BLOCK), answer_block, &s);
  state_store(call, w.state, b, kv_head);
}

int32_t linear_full(const linear_call *call) {
  scratch w;
  return linear_each_stream(call, call->within * scratch_layout(call, &w, NULL), run_stream);
}
