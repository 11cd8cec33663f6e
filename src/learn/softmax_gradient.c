/* Gradient of softmax attention (Dao et al. 2022, algorithm 4). For a block of queries first the result o and each row's sum, by
 * the tiles of the forward call; then for every block of keys p = exp(score − log sum) again, and
 *   dv += pᵀdo,   dscore = p∘(do·v − do·o),   dq += scale·dscore·k,   dk += scale·dscoreᵀq. */
#include <math.h>

#include "base/arguments.h"
#include "base/scratch.h"
#include "learn.h"
#include "learn/pairs.h"
#include "softmax/tiles.h"
#include "threads/parallel.h"

typedef struct {
  const la_softmax_gradient_args *args;
  const la_softmax_args *forward;
  size_t n_q, n_k, d, d_v, d_p, d_vp; /* padded to whole panels of 8, and d_p so that rows do not compete for cache sets */
  float *scratch;
  uint64_t floats;
} softmax_work;

typedef struct {
  float *q, *q_rows;      /* [queries/8][d][8], scaled; [queries][d_p], scaled */
  float *out, *out_rows;  /* do as panels and as rows */
  float *k, *k_rows;      /* [keys/4][d][4]; [keys][d_p] */
  float *v, *v_panels;    /* [keys/4][d_v][4]; of tile_block */
  float *weights;         /* of tile_block */
  float *p, *d_score;     /* pairs */
  float *dq;              /* [queries][d_p] */
  float *o;               /* [d_vp] */
  float *log_sum, *product; /* [queries]: of each row; do·o */
  softmax_sums sums;
} scratch;

static uint64_t scratch_layout(const softmax_work *work, scratch *w, float *base) {
  uint64_t d = work->d, d_v = work->d_v, d_p = work->d_p, d_vp = work->d_vp, queries = PAIR_QUERIES, keys = PAIR_KEYS, pairs = PAIR_KEYS * PAIR_ROW;
  softmax_sums *s = &w->sums;
  float **arrays[] = {&w->q, &w->q_rows, &w->out, &w->out_rows, &w->k, &w->k_rows, &w->v, &w->v_panels, &w->weights, &w->p, &w->d_score, &w->dq, &w->o, &w->log_sum,
                      &w->product, &s->recent, &s->settled, &s->recent_sum, &s->settled_sum, &s->maximum};
  uint64_t sizes[] = {queries * d, queries * d_p, queries * d_v, queries * (d_vp + COPY_PAD), keys * d, keys * d_p, keys * d_v, keys * d_vp, TILE_KEYS * TILE_QUERIES, pairs, pairs, queries * d_p, d_vp,
                      queries, queries, queries * d_vp, queries * d_vp, queries, queries, queries};
  return carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
}

/* One head of queries. */
typedef struct {
  const softmax_work *work;
  scratch *w;
  size_t b, head, kv_head, keys;
} softmax_head;

static pair_block block_of(const softmax_head *h, size_t t, size_t at, size_t queries) {
  const la_softmax_args *a = h->work->forward;
  pair_block b;
  pair_block_set(&b, t, smaller(PAIR_KEYS, h->keys - t), at, queries, a->causal, (size_t)a->causal_offset);
  return b;
}

static void take_keys(const softmax_head *h, size_t t, size_t keys) {
  const softmax_work *work = h->work;
  const la_softmax_args *a = work->forward;
  const float *k = array_at(a->k, h->b, h->kv_head, t);
  pack_panels(h->w->k, k, a->k.row, keys, work->d, 4, 1.0f);
}

/* o, and of each row its sum and its product with do. */
static void forward_rows(const softmax_head *h, size_t at, size_t queries, size_t keys) {
  const softmax_work *work = h->work;
  const la_softmax_args *a = work->forward;
  scratch *w = h->w;
  w->sums.rows = round_up(queries, TILE_QUERIES);
  w->sums.width = work->d_vp;
  sums_clear(&w->sums);
  tile_block tile = {w->k, w->v_panels, w->weights, work->d, 1};
  size_t settled = 0;
  for (size_t t = 0; t < keys; t += PAIR_KEYS) {
    pair_block b = block_of(h, t, at, queries);
    take_keys(h, t, b.keys);
    pack_values(w->v_panels, array_at(a->v, h->b, h->kv_head, t), a->v.row, b.keys, work->d_v);
    for (size_t i = 0; i < queries; i += TILE_QUERIES) {
      size_t from[TILE_QUERIES] = {0}, seen[TILE_QUERIES];
      for (size_t u = 0; u < TILE_QUERIES; u++) seen[u] = b.seen[smaller(i + u, queries - 1)];
      attend_tile(&w->sums, i, smaller(TILE_QUERIES, queries - i), w->q + i * work->d, &tile, from, seen, NULL);
    }
    if (t + PAIR_KEYS - settled < SETTLE_KEYS) continue;
    sums_settle(&w->sums);
    settled = t + PAIR_KEYS;
  }
  for (size_t i = 0; i < queries; i++) {
    sums_write(&w->sums, i, w->o, work->d_v);
    w->product[i] = dot(w->o, w->out_rows + i * (work->d_vp + COPY_PAD), work->d_v);
    w->log_sum[i] = w->sums.maximum[i] + logf(w->sums.recent_sum[i] + w->sums.settled_sum[i]);
  }
}

/* Each of the three passes over a block is a function of its own: in one, an engine's compiler runs out of registers. */
static __attribute__((noinline)) void score_pairs(const softmax_work *work, const scratch *w, const pair_block *b) {
  for (size_t j = 0; j < b->keys; j += 4)
    for (size_t i = first_panel(b, j); i < b->queries; i += 8)
      tile_store(w->p + j * PAIR_ROW + i, PAIR_ROW, tile_outer_panels(tile_zero(), work->d, w->k + j * work->d, w->q + i * work->d));
}

/* p of the scores. */
static __attribute__((noinline)) void weigh_pairs(const scratch *w, const pair_block *b) {
  for (size_t j = 0; j < b->keys; j++) {
    float *p = w->p + j * PAIR_ROW;
    for (size_t i = first_panel(b, j / 4 * 4); i < b->queries; i += 8) {
      v4 x = v4_exp(v4_sub(v4_load(p + i), v4_load(w->log_sum + i))), y = v4_exp(v4_sub(v4_load(p + i + 4), v4_load(w->log_sum + i + 4)));
      v4_store(p + i, x);
      v4_store(p + i + 4, y);
    }
  }
}

/* dscore = p∘(do·v − do·o). */
static __attribute__((noinline)) void change_pairs(const softmax_work *work, const scratch *w, const pair_block *b) {
  for (size_t j = 0; j < b->keys; j += 4) {
    for (size_t i = first_panel(b, j); i < b->queries; i += 8) {
      tile4x8 change = tile_outer_panels(tile_zero(), work->d_v, w->v + j * work->d_v, w->out + i * work->d_v);
      const float *p = w->p + j * PAIR_ROW + i;
      for (size_t r = 0; r < 4; r++)
        for (size_t c = 0; c < 2; c++) change.row[r][c] = v4_mul(v4_load(p + r * PAIR_ROW + 4 * c), v4_sub(change.row[r][c], v4_load(w->product + i + 4 * c)));
      tile_store(w->d_score + j * PAIR_ROW + i, PAIR_ROW, change);
    }
  }
}

static float *rows_of(la_array x, size_t b, size_t head, size_t t) { return x.data ? array_at(x, b, head, t) : NULL; }

static void backward_keys(const softmax_head *h, size_t t, size_t at, size_t queries) {
  const softmax_work *work = h->work;
  const la_softmax_args *a = work->forward;
  scratch *w = h->w;
  pair_block b = block_of(h, t, at, queries);
  take_keys(h, t, b.keys);
  copy_rows(w->k_rows, work->d_p, array_at(a->k, h->b, h->kv_head, t), a->k.row, b.keys, work->d);
  pack_panels(w->v, array_at(a->v, h->b, h->kv_head, t), a->v.row, b.keys, work->d_v, 4, 1.0f);
  score_pairs(work, w, &b);
  weigh_pairs(w, &b);
  change_pairs(work, w, &b);
  float *dk = rows_of(work->args->dk, h->b, h->kv_head, t), *dv = rows_of(work->args->dv, h->b, h->kv_head, t);
  if (dv) pairs_to_keys(&b, w->p, w->out_rows, work->d_vp + COPY_PAD, dv, work->args->dv.row, work->d_v);
  if (dk) pairs_to_keys(&b, w->d_score, w->q_rows, work->d_p, dk, work->args->dk.row, work->d);
  if (work->args->dq.data) pairs_to_queries(&b, w->d_score, w->k_rows, work->d_p, w->dq, work->d_p, work->d);
}

static void query_block(const softmax_head *h, size_t at, size_t queries) {
  const softmax_work *work = h->work;
  const la_softmax_args *a = work->forward;
  const la_array out = work->args->out_gradient, dq = work->args->dq;
  scratch *w = h->w;
  const float *q = array_at(a->q, h->b, h->head, at), *d_out = array_at(out, h->b, h->head, at);
  size_t keys = a->causal ? smaller(h->keys, at + queries + (size_t)a->causal_offset) : h->keys;
  pack_panels(w->q, q, a->q.row, queries, work->d, 8, a->scale);
  pack_panels(w->out, d_out, out.row, queries, work->d_v, 8, 1.0f);
  copy_rows(w->q_rows, work->d_p, q, a->q.row, queries, work->d);
  scale_floats(w->q_rows, queries * work->d_p, a->scale);
  copy_rows(w->out_rows, work->d_vp + COPY_PAD, d_out, out.row, queries, work->d_v);
  zero_floats(w->dq, queries * work->d_p);
  forward_rows(h, at, queries, keys);
  for (size_t t = 0; t < keys; t += PAIR_KEYS) backward_keys(h, t, at, queries);
  for (size_t i = 0; dq.data && i < queries; i++) {
    float *to = array_at(dq, h->b, h->head, at + i);
    for (size_t c = 0; c < work->d; c++) to[c] = w->dq[i * work->d_p + c] * a->scale;
  }
}

static void zero_rows(la_array x, size_t b, size_t head, size_t rows, size_t width) {
  for (size_t t = 0; x.data && t < rows; t++) zero_floats(array_at(x, b, head, t), width);
}

/* A batch with one head of keys and the heads of queries that share it. */
static void run_item(void *context, size_t slot, size_t item) {
  const softmax_work *work = context;
  const la_softmax_args *a = work->forward;
  size_t kv_heads = (size_t)a->kv_heads, group = (size_t)a->heads / kv_heads;
  scratch w = {.sums = {.largest = NULL}};
  scratch_layout(work, &w, work->scratch + slot * work->floats);
  softmax_head h = {work, &w, item / kv_heads, 0, item % kv_heads, 0};
  h.keys = keys_in(a->key_lengths, h.b, work->n_k);
  zero_rows(work->args->dk, h.b, h.kv_head, work->n_k, work->d);
  zero_rows(work->args->dv, h.b, h.kv_head, work->n_k, work->d_v);
  for (h.head = h.kv_head * group; h.head < (h.kv_head + 1) * group; h.head++) {
    for (size_t at = 0; at < work->n_q; at += PAIR_QUERIES) {
      show_life(slot);
      query_block(&h, at, smaller(PAIR_QUERIES, work->n_q - at));
    }
  }
}

static int is_valid(const la_softmax_gradient_args *args) {
  const la_softmax_args *a = args->forward;
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, a->value_dim) || a->first || a->count) return 0;
  if (a->window || a->softcap != 0.0f || a->spans || a->bias.data || a->slopes || a->maximum || a->sum) return 0;
  if (a->n_q > 0 && (!a->q.data || !args->out_gradient.data)) return 0;
  if (a->n_k > 0 && (!a->k.data || !a->v.data)) return 0;
  return a->causal_offset >= 0 && isfinite(a->scale) && key_lengths_are_valid(a->key_lengths, a->batch, a->n_k);
}

int32_t la_softmax_gradient(const la_softmax_gradient_args *args) {
  if (!args || !args->forward || !is_valid(args)) return LA_INVALID_ARGUMENT;
  const la_softmax_args *a = args->forward;
  softmax_work work = {.args = args, .forward = a, .n_q = (size_t)a->n_q, .n_k = (size_t)a->n_k, .d = (size_t)a->dim, .d_v = (size_t)a->value_dim};
  work.d_p = round_up(work.d, 8) + COPY_PAD;
  work.d_vp = round_up(work.d_v, 8);
  size_t items = (size_t)a->batch * (size_t)a->kv_heads, slots = parallel_slots((uint64_t)a->batch * (uint64_t)a->heads * work.n_q * work.n_k * 3 * (work.d + work.d_v));
  scratch w;
  work.floats = (scratch_layout(&work, &w, NULL) + 15) / 16 * 16;
  work.scratch = alloc_floats(slots * work.floats);
  if (!work.scratch) return LA_OUT_OF_MEMORY;
  zero_floats(work.scratch, (size_t)(slots * work.floats));
  int32_t status = in_parallel(slots, 0, items, run_item, &work);
  la_free(work.scratch);
  return status;
}
