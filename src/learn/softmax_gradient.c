/* Gradient of softmax attention (Dao et al. 2022, algorithm 4). For a block of queries first the result o and each row's sum, by
 * the blocks of the forward call; then for every block of keys p and dscore again (softmax_pairs.h), and
 *   dv += pᵀdo,   dq += scale·dscore·k,   dk += scale·dscoreᵀq. */
#include <math.h>

#include "base/arguments.h"
#include "base/scratch.h"
#include "base/span.h"
#include "learn.h"
#include "learn/softmax_pairs.h"
#include "threads/parallel.h"

typedef struct {
  const la_softmax_gradient_args *args;
  const la_softmax_args *forward;
  size_t n_q, n_k, d, d_v, d_p, d_vp; /* padded to whole panels of 8, and d_p so that rows do not compete for cache sets */
  float *scratch;
  uint64_t floats;
} softmax_work;

typedef struct {
  softmax_pairs pairs;
  float *q_rows, *out_rows; /* [queries][d_p], scaled; of do */
  float *k_rows;            /* [keys][d_p] */
  float *v_panels;          /* of tile_block */
  float *dq;                /* [queries][d_p] */
  float *o;                 /* [d_vp] */
  softmax_sums sums;
} scratch;

static uint64_t scratch_layout(const softmax_work *work, scratch *w, float *base) {
  uint64_t d = work->d, d_v = work->d_v, d_p = work->d_p, d_vp = work->d_vp, queries = PAIR_QUERIES, keys = PAIR_KEYS, pairs = PAIR_KEYS * PAIR_ROW;
  softmax_sums *s = &w->sums;
  softmax_pairs *of = &w->pairs;
  of->d = work->d;
  of->d_v = work->d_v;
  float **arrays[] = {&of->q, &w->q_rows, &of->out, &w->out_rows, &of->k, &w->k_rows, &of->v, &w->v_panels, &of->scores, &of->p, &of->d_score, &of->slopes, &w->dq, &w->o, &of->log_sum,
                      &of->product, &s->recent, &s->settled, &s->recent_sum, &s->settled_sum, &s->maximum};
  uint64_t sizes[] = {queries * d, queries * d_p, queries * d_v, queries * (d_vp + COPY_PAD), keys * d, keys * d_p, keys * d_v, keys * d_vp, TILE_KEYS * TILE_QUERIES, pairs, pairs,
                      work->forward->softcap > 0.0f ? pairs : 0, queries * d_p, d_vp, queries, queries, queries * d_vp, queries * d_vp, queries, queries, queries};
  return carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
}

/* One head of queries of one batch. */
typedef struct {
  const softmax_work *work;
  scratch *w;
  size_t slot, b, head, kv_head;
  double slope;  /* gradient of its slope */
  int are_finite; /* whether q and do of the block are */
} softmax_head;

static void set_block(const softmax_head *h, const query_rows *queries, const key_rows *keys, pair_block *b) {
  b->keys = keys->count;
  b->queries = queries->rows;
  for (size_t i = 0; i < queries->rows; i++) {
    key_range range = keys_seen(h->work->forward, queries, keys, queries->first + i);
    b->from[i] = range.first;
    b->seen[i] = range.end;
  }
  pair_block_index(b);
}

/* o, and of each row its sum and its product with do. */
static void forward_rows(const softmax_head *h, const query_rows *queries, const keys_in_sight *all) {
  const softmax_work *work = h->work;
  scratch *w = h->w;
  w->sums.rows = round_up(queries->rows, TILE_QUERIES);
  w->sums.width = work->d_vp;
  sums_clear(&w->sums);
  tile_block tile = {w->pairs.k, w->v_panels, w->pairs.scores, work->d, 1};
  key_rows keys = {0, 0, 1};
  for (size_t unsettled = 0; next_keys(all, TILE_KEYS, &keys);) {
    show_life(h->slot);
    pack_block(work->forward, queries, &keys, &tile);
    attend_block(work->forward, &w->sums, w->pairs.q, &tile, queries, &keys);
    unsettled += TILE_KEYS;
    if (unsettled < SETTLE_KEYS) continue;
    sums_settle(&w->sums);
    unsettled = 0;
  }
  for (size_t i = 0; i < queries->rows; i++) {
    float sum = w->sums.recent_sum[i] + w->sums.settled_sum[i];
    sums_write(&w->sums, i, w->o, work->d_v);
    w->pairs.product[i] = dot(w->o, w->out_rows + i * (work->d_vp + COPY_PAD), work->d_v);
    /* Of a row that sees no key all scores are hidden ones, which weigh nothing beside any number. */
    w->pairs.log_sum[i] = sum == 0.0f ? 0.0f : w->sums.maximum[i] + logf(sum);
  }
}

static float *rows_of(la_array x, size_t b, size_t head, size_t t) { return x.data ? array_at(x, b, head, t) : NULL; }

static score_gradient score_gradient_at(softmax_head *h, const query_rows *queries, const key_rows *keys) {
  const la_softmax_gradient_args *args = h->work->args;
  float *bias = rows_of(args->d_bias, h->b, h->head, (size_t)queries->span.first_query + queries->first);
  if (bias) bias += (size_t)queries->span.first_key + keys->first;
  return (score_gradient){bias, args->d_bias.row, args->d_slopes ? &h->slope : NULL};
}

static void backward_keys(softmax_head *h, const query_rows *queries, const key_rows *keys) {
  const softmax_work *work = h->work;
  const la_softmax_args *a = work->forward;
  scratch *w = h->w;
  size_t t = (size_t)queries->span.first_key + keys->first;
  const float *k = array_at(a->k, h->b, h->kv_head, t);
  pair_block b;
  set_block(h, queries, keys, &b);
  pack_panels(w->pairs.k, k, a->k.row, b.keys, work->d, 4, 1.0f);
  copy_rows(w->k_rows, work->d_p, k, a->k.row, b.keys, work->d);
  pack_panels(w->pairs.v, array_at(a->v, h->b, h->kv_head, t), a->v.row, b.keys, work->d_v, 4, 1.0f);
  int hides = make_softmax_pairs(&w->pairs, a, queries, keys, &b, score_gradient_at(h, queries, keys));
  b.skips = hides && !(h->are_finite && span_is_finite(w->k_rows, b.keys * work->d_p));
  float *dk = rows_of(work->args->dk, h->b, h->kv_head, t), *dv = rows_of(work->args->dv, h->b, h->kv_head, t);
  if (dv) pairs_to_keys(&b, w->pairs.p, w->out_rows, work->d_vp + COPY_PAD, dv, work->args->dv.row, work->d_v);
  if (dk) pairs_to_keys(&b, w->pairs.d_score, w->q_rows, work->d_p, dk, work->args->dk.row, work->d);
  if (work->args->dq.data) pairs_to_queries(&b, w->pairs.d_score, w->k_rows, work->d_p, w->dq, work->d_p, work->d);
}

static void query_block(softmax_head *h, const query_rows *queries) {
  const softmax_work *work = h->work;
  const la_softmax_args *a = work->forward;
  const la_array out = work->args->out_gradient, dq = work->args->dq;
  scratch *w = h->w;
  size_t t = (size_t)queries->span.first_query + queries->first, rows = queries->rows, out_row = work->d_vp + COPY_PAD;
  const float *q = array_at(a->q, h->b, h->head, t), *d_out = array_at(out, h->b, h->head, t);
  keys_in_sight all = keys_in_sight_of(a, queries);
  pack_panels(w->pairs.q, q, a->q.row, rows, work->d, 8, a->scale);
  pack_panels(w->pairs.out, d_out, out.row, rows, work->d_v, 8, 1.0f);
  copy_rows(w->q_rows, work->d_p, q, a->q.row, rows, work->d);
  scale_floats(w->q_rows, rows * work->d_p, a->scale);
  copy_rows(w->out_rows, out_row, d_out, out.row, rows, work->d_v);
  zero_floats(w->dq, rows * work->d_p);
  h->are_finite = a->bias.data && span_is_finite(w->q_rows, rows * work->d_p) && span_is_finite(w->out_rows, rows * out_row);
  forward_rows(h, queries, &all);
  for (key_rows keys = {0, 0, 1}; next_keys(&all, PAIR_KEYS, &keys);) {
    show_life(h->slot);
    backward_keys(h, queries, &keys);
  }
  for (size_t i = 0; dq.data && i < rows; i++) {
    float *to = array_at(dq, h->b, h->head, t + i);
    for (size_t c = 0; c < work->d; c++) to[c] = w->dq[i * work->d_p + c] * a->scale;
  }
}

static void zero_rows(la_array x, size_t b, size_t head, size_t rows, size_t width) {
  for (size_t t = 0; x.data && t < rows; t++) zero_floats(array_at(x, b, head, t), width);
}

/* A batch with one head of keys and the heads of queries that share it. */
static void run_heads(const softmax_work *work, scratch *w, size_t slot, size_t b, size_t kv_head) {
  const la_softmax_args *a = work->forward;
  size_t heads = (size_t)a->heads, group = heads / (size_t)a->kv_heads;
  span_range spans = spans_of(a, b);
  softmax_head h = {.work = work, .w = w, .slot = slot, .b = b, .kv_head = kv_head};
  zero_rows(work->args->dk, b, kv_head, work->n_k, work->d);
  zero_rows(work->args->dv, b, kv_head, work->n_k, work->d_v);
  for (h.head = kv_head * group; h.head < (kv_head + 1) * group; h.head++) {
    h.slope = 0.0;
    if (a->spans) zero_rows(work->args->dq, b, h.head, work->n_q, work->d);
    for (size_t s = spans.first; s < spans.end; s++) {
      query_rows queries = {.span = span_at(a, s), .head = h.head};
      for (size_t count = (size_t)queries.span.queries; queries.first < count; queries.first += PAIR_QUERIES) {
        queries.rows = smaller(PAIR_QUERIES, count - queries.first);
        query_block(&h, &queries);
      }
    }
    if (work->args->d_slopes) work->args->d_slopes[b * heads + h.head] = (float)h.slope;
  }
}

/* Batches and heads of keys whose gradients of a bias add up are one item. */
static int joins_batches(const softmax_work *work) { return work->args->d_bias.data && work->args->d_bias.batch == 0; }
static int joins_heads(const softmax_work *work) { return work->args->d_bias.data && work->args->d_bias.head == 0; }

static void run_item(void *context, size_t slot, size_t item) {
  const softmax_work *work = context;
  const la_softmax_args *a = work->forward;
  size_t kv_heads = (size_t)a->kv_heads, group = (size_t)a->heads / kv_heads, rows = joins_heads(work) ? 1 : kv_heads;
  size_t b = joins_batches(work) ? 0 : item / rows, end = joins_batches(work) ? (size_t)a->batch : b + 1;
  size_t first = joins_heads(work) ? 0 : item % rows, last = joins_heads(work) ? kv_heads : first + 1;
  scratch w = {.sums = {.largest = NULL}};
  scratch_layout(work, &w, work->scratch + slot * work->floats);
  if (joins_heads(work)) zero_rows(work->args->d_bias, b, 0, work->n_q, work->n_k);
  else for (size_t h = first * group; h < last * group; h++) zero_rows(work->args->d_bias, b, h, work->n_q, work->n_k);
  for (; b < end; b++)
    for (size_t h = first; h < last; h++) run_heads(work, &w, slot, b, h);
}

static int is_valid(const la_softmax_gradient_args *args) {
  const la_softmax_args *a = args->forward;
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, a->value_dim) || a->first || a->count) return 0;
  if (a->maximum || a->sum || (args->d_bias.data && !a->bias.data) || (args->d_slopes && !a->slopes)) return 0;
  if (a->n_q > 0 && (!a->q.data || !args->out_gradient.data)) return 0;
  if (a->n_k > 0 && (!a->k.data || !a->v.data)) return 0;
  return terms_are_valid(a) && spans_are_valid(a);
}

int32_t la_softmax_gradient(const la_softmax_gradient_args *args) {
  if (!args || !args->forward || !is_valid(args)) return LA_INVALID_ARGUMENT;
  const la_softmax_args *a = args->forward;
  softmax_work work = {.args = args, .forward = a, .n_q = (size_t)a->n_q, .n_k = (size_t)a->n_k, .d = (size_t)a->dim, .d_v = (size_t)a->value_dim};
  work.d_p = round_up(work.d, 8) + COPY_PAD;
  work.d_vp = round_up(work.d_v, 8);
  size_t items = (joins_batches(&work) ? 1 : (size_t)a->batch) * (joins_heads(&work) ? 1 : (size_t)a->kv_heads), slots = parallel_slots(span_products(a) * 3 * (work.d + work.d_v));
  scratch w;
  work.floats = (scratch_layout(&work, &w, NULL) + 15) / 16 * 16;
  work.scratch = alloc_floats(slots * work.floats);
  if (!work.scratch) return LA_OUT_OF_MEMORY;
  zero_floats(work.scratch, (size_t)(slots * work.floats));
  int32_t status = in_parallel(slots, 0, items, run_item, &work);
  la_free(work.scratch);
  return status;
}
