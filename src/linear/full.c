/* Linear attention, not causal: right-multiply-first. S = φ(K)ᵀV and z are summed once, then out = φ(Q)S / φ(Q)z.
 * Both products run on the outer-product tile, features in rows: packing them into panels first gains nothing. What a block
 * is about to map or multiply is read ahead as in causal.c: 17 % faster at T 4096, 8 heads; results as well, 13 %.
 *
 * Several threads share one stream by parts of its keys, whose sums are added up in order, then by blocks of queries. */
#include "linear/full.h"

#include "base/arguments.h"
#include "base/outer.h"
#include "base/scratch.h"
#include "linear/exponents.h"
#include "linear/ratio.h"
#include "linear/streams.h"
#include "threads/parallel.h"

enum {
  BLOCK = 64,
  BLOCK_FLOATS = LA_MAX_FEATURES + 16, /* room for at least one row of features, however many */
  SETTLE_AFTER = 4 * BLOCK,            /* keys: the sum of a block is one addition */
};

typedef struct {
  size_t block; /* tokens mapped at once, a multiple of 4 */
  size_t d_vp;  /* value_dim rounded up to whole panels */
  panel_state state;
  feature_rows f;
  float *factors; /* [block] */
  int copied;     /* values are not whole panels, or their rows collide */
  float *v;       /* [block][d_vp + COPY_PAD]: values with padding */
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  w->block = smaller(BLOCK, round_up(BLOCK_FLOATS / call->stride, 4));
  w->d_vp = call->d_vp;
  w->f.stride = call->stride;
  w->copied = w->d_vp != call->d_v || rows_collide(call->args->v.row);
  size_t panels = w->d_vp / STATE_PANEL;
  uint64_t sizes[] = {panels_layout(call, &w->state, 0, panels, 0, NULL), w->block * call->stride, w->block, w->block, w->block * (w->d_vp + COPY_PAD)};
  float *of_state, **arrays[] = {&of_state, &w->f.rows, &w->f.exponents, &w->factors, &w->v};
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  if (base) panels_layout(call, &w->state, 0, panels, 0, of_state);
  return floats;
}

/* z += Σ rows, 4·vectors columns of them: additions of one vector wait for one another, those of four do not. */
static inline void sum_rows(float *z, const float *x, size_t rows, size_t stride, const int vectors) {
  v4 sum[4];
  for (int c = 0; c < vectors; c++) sum[c] = v4_load(x + 4 * c);
  for (size_t r = 1; r < rows; r++)
    for (int c = 0; c < vectors; c++) sum[c] = v4_add(sum[c], v4_load(x + r * stride + 4 * c));
  for (int c = 0; c < vectors; c++) v4_store(z + 4 * c, v4_add(v4_load(z + 4 * c), sum[c]));
}

/* z += Σφ(k) and S += φ(K)ᵀV of a block. Its sum is taken by itself first, and added to what came lately. */
static void add_block(const linear_call *call, scratch *w, const float *v, size_t v_stride, size_t rows) {
  size_t stride = call->stride;
  if (call->args->normalize) {
    float *z = w->state.z + call->d_fp;
    size_t i = 0;
    for (; i + 16 <= call->d_fp; i += 16) sum_rows(z + i, w->f.rows + i, rows, stride, 4);
    for (; i < call->d_fp; i += 4) sum_rows(z + i, w->f.rows + i, rows, stride, 1);
  }
  for (size_t c = 0; c < w->d_vp; c += STATE_PANEL) {
    for (size_t i = 0; i < call->d_fp; i += 4) {
      float *s = w->state.s + w->state.lately + c * call->d_fp + i * STATE_PANEL;
      tile4x8 sum = tile_outer(tile_zero(), rows, w->f.rows + i, 1, stride, v + c, v_stride);
      tile_store(s, STATE_PANEL, tile_add(tile_load(s, STATE_PANEL), sum));
    }
  }
  w->state.since += rows;
}

/* Parts of the keys, one a thread. One where exponents are kept, since a key's depends on the keys before it. */
static size_t parts_of(const linear_call *call) { return call->whole || call->map->scaled || call->ratio ? 1 : call->slots; }

/* One stream, with scratch for each thread. */
typedef struct {
  const linear_call *call;
  scratch *own; /* of the thread that made the call: its state takes up the sums of the others */
  float *base;  /* [parts][floats] */
  size_t floats, parts, b, state_head;
} stream;

static scratch scratch_of(const stream *s, size_t slot) {
  scratch w;
  scratch_layout(s->call, &w, s->base + slot * s->floats);
  return w;
}

/* Adds keys t … end − 1 to the state. */
static void sum_keys(const stream *s, scratch *w, size_t slot, size_t t, size_t end) {
  const linear_call *call = s->call;
  const la_linear_args *a = call->args;
  for (size_t rows; t < end; t += rows) {
    const float *v = token_at(call, a->v, s->b, v_head_of(call, s->state_head), t);
    size_t v_stride = a->v.row;
    row_span spans[] = {{token_at(call, a->k, s->b, k_head_of(call, s->state_head), t), a->k.row, call->d}, {v, v_stride, call->d_v}};
    rows = smaller(w->block, end - t);
    show_life(slot);
    touch_rows(spans, sizeof spans / sizeof *spans, rows);
    zero_floats(w->state.due, call->d_fp);
    int changed;
    rows = take_keys(call, w->f, &w->state, s->b, s->state_head, t, rows, &changed);
    if (changed || w->state.since >= SETTLE_AFTER) panels_settle(call, &w->state);
    bring_keys(call, w->f, &w->state, rows);
    if (w->copied) {
      v_stride = w->d_vp + COPY_PAD;
      copy_rows(w->v, v_stride, v, a->v.row, rows, call->d_v);
      v = w->v;
    }
    add_block(call, w, v, v_stride, rows);
  }
}

/* Each part's sum is its own scratch's state; the first goes on from the state before the call. */
static void sum_part(void *context, size_t slot, size_t item) {
  const stream *s = context;
  const linear_call *call = s->call;
  size_t n = keys_in(call->args->key_lengths, s->b, call->n_k), length = round_up((n + s->parts - 1) / s->parts, BLOCK);
  if (item == 0) {
    sum_keys(s, s->own, slot, 0, smaller(n, length));
    return;
  }
  scratch w = scratch_of(s, item);
  zero_floats(w.state.s, 2 * call->d_fp * w.d_vp);
  zero_floats(w.state.z, 2 * call->d_fp);
  w.state.exponent = 0.0f;
  w.state.since = 0;
  sum_keys(s, &w, slot, item * length, smaller(n, (item + 1) * length));
}

static void answer_block(const linear_call *call, scratch *w, la_array out, size_t b, size_t head, size_t t, size_t rows) {
  size_t stride = call->stride;
  for (size_t c = 0; c < w->d_vp; c += STATE_PANEL) {
    for (size_t r = 0; r < rows; r += 4) {
      tile4x8 o = tile_outer(tile_zero(), call->d_f, w->f.rows + r * stride, stride, 1, w->state.s + c * call->d_fp, STATE_PANEL);
      tile_store_result(token_at(call, out, b, head, t + r) + c, out.row, tile_scale(o, w->factors + r), rows - r, call->d_v - c);
    }
  }
}

static void answer_queries(void *context, size_t slot, size_t item) {
  const stream *s = context;
  const linear_call *call = s->call;
  const la_linear_args *a = call->args;
  scratch w = scratch_of(s, slot);
  w.state = s->own->state;
  size_t count = queries_of(call, s->b), blocks = (count + w.block - 1) / w.block, head = s->state_head * call->group + item / blocks, t = item % blocks * w.block;
  size_t rows = smaller(w.block, count - t);
  show_life(slot);
  touch_rows(&(row_span){token_at(call, a->q, s->b, q_head_of(call, head), t), a->q.row, call->d}, 1, rows);
  map_queries(call, w.f, &w.state, s->b, head, t, rows);
  for (size_t r = 0; r < rows; r++) {
    float q_dot_z = a->normalize ? dot(w.f.rows + r * call->stride, w.state.z, call->d_fp) : 0.0f;
    w.factors[r] = output_factor(call, q_dot_z, w.state.exponent, w.f.exponents[r]);
  }
  answer_block(call, &w, a->out, s->b, head, t, rows);
}

/* Adds the sums of a part to w's, which stay settled. */
static void add_part(const linear_call *call, scratch *w, const panel_state *part) {
  size_t floats = call->d_fp * w->d_vp;
  add_to(w->state.s + w->state.lately, part->s, floats);
  add_to(w->state.z + call->d_fp, part->z, call->d_fp);
  panels_settle(call, &w->state);
  add_to(w->state.s + w->state.lately, part->s + part->lately, floats);
  add_to(w->state.z + call->d_fp, part->z + call->d_fp, call->d_fp);
  panels_settle(call, &w->state);
}

static void run_stream(const linear_work *work, size_t slot, size_t b, size_t state_head, size_t unused) {
  const linear_call *call = work->call;
  float *base = work->scratch + slot * work->floats;
  (void)unused;
  scratch w;
  stream s = {call, &w, base, (size_t)scratch_layout(call, &w, base), parts_of(call), b, state_head};
  panels_load(call, &w.state, b, state_head);
  settle_exponent(call, w.f, w.block, &w.state, slot, b, state_head);
  in_parallel(s.parts, 0, s.parts, sum_part, &s);
  zero_floats(w.state.due, call->d_fp);
  panels_settle(call, &w.state);
  for (size_t part = 1; part < s.parts; part++) {
    panel_state sum = scratch_of(&s, part).state;
    add_part(call, &w, &sum);
  }
  if (call->ratio) ratio_hold(call, &w.state);
  in_parallel(s.parts, 0, call->group * ((queries_of(call, b) + w.block - 1) / w.block), answer_queries, &s);
  panels_store(call, &w.state, b, state_head);
  panels_store_sum(call, &w.state, b, state_head);
}

int32_t linear_full(const linear_call *call) {
  scratch w;
  size_t parts = parts_of(call);
  linear_work work = {.call = call, .run = run_stream, .floats = parts * scratch_layout(call, &w, NULL), .across = parts > 1 ? 1 : call->slots, .parts = 1};
  return linear_each_stream(&work);
}
