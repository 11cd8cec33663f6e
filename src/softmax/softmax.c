/* Exact softmax attention: blocks of queries against blocks of keys with an online maximum (Milakov & Gimelshein 2018;
 * Dao et al. 2022), so that memory does not grow with n_q × n_k.
 *
 * A block of keys and values is packed once for the outer-product tile and then serves a whole block of queries (tiles.h).
 * A few queries take keys and values as they lie (decode.h). What both add up does not drift (sums.h). */
#include <math.h>

#include "base/arguments.h"
#include "base/scratch.h"
#include "softmax/blocks.h"
#include "softmax/decode.h"
#include "threads/parallel.h"

enum {
  MOST_QUERIES = 128, /* a block: 64 take 2 % longer */
  FEWEST_QUERIES = 16,
  FEWEST_TILED = 6, /* five queries of 4096 keys take 2.6 ms on the tile, 1.8 ms one by one */
  BLOCK_FLOATS = 128 * 1024, /* what queries and sums of a block may take: half of a second-level cache */
};

typedef struct {
  const la_softmax_args *args;
  size_t n_q, d, d_v, d_vp; /* d_vp: value_dim rounded up to whole panels of 8 */
  size_t queries;                /* of a block */
  int has_terms;                 /* whether scores are more than products */
} softmax_call;

typedef struct {
  float *q;       /* [queries/8][d][8], scaled; a few rows: [rows][d] */
  float *k, *v;   /* of tile_block; a few rows: values with padding [TILE_KEYS][width] */
  float *weights; /* of tile_block; a few rows: [DECODE_KEYS] */
  float *part;    /* [d_vp] */
  softmax_sums sums;
  size_t slot;    /* of the thread */
} scratch;

/* Of queries that are fewer and fewer as they get wider. */
static size_t block_queries(const la_softmax_args *a) {
  size_t queries = MOST_QUERIES, floats = (size_t)a->dim + 2 * (size_t)a->value_dim;
  while (queries > FEWEST_QUERIES && queries * floats > BLOCK_FLOATS) queries /= 2;
  return queries;
}

static uint64_t scratch_layout(const softmax_call *call, scratch *w, float *base) {
  uint64_t queries = smaller(call->queries, round_up(call->n_q, TILE_QUERIES)), keys = call->n_q < FEWEST_TILED ? 0 : TILE_KEYS;
  uint64_t value_floats = keys > 0 || call->d_v % 4 != 0 ? TILE_KEYS * call->d_vp : 0;
  softmax_sums *s = &w->sums;
  uint64_t sizes[] = {queries * call->d, keys * call->d, value_floats, DECODE_KEYS, call->d_vp, queries * call->d_vp, queries * call->d_vp, queries, queries, queries, queries};
  float **arrays[] = {&w->q, &w->k, &w->v, &w->weights, &w->part, &s->recent, &s->settled, &s->recent_sum, &s->settled_sum, &s->maximum, &s->largest};
  return carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
}

static void scale_row(float *out, const float *x, size_t d, float scale) {
  for (size_t i = 0; i < d; i++) out[i] = x[i] * scale;
}

/* A block of keys and values as they lie. */
typedef struct {
  const float *k, *v;
  size_t k_stride, v_stride;
} key_arrays;

static void attend_keys(const softmax_call *call, scratch *w, const key_arrays *arrays, const query_rows *queries, const key_rows *keys, size_t r, key_range range) {
  score_terms terms;
  if (call->has_terms) terms = terms_at(call->args, queries, keys, queries->first + r, range.first, 1);
  attend_row(&w->sums, r, w->q + r * call->d, call->d, arrays->k + range.first * arrays->k_stride, arrays->k_stride, arrays->v + range.first * arrays->v_stride,
             arrays->v_stride, range.end - range.first, w->weights, w->part, call->has_terms ? &terms : NULL);
}

static void attend_rows(const softmax_call *call, scratch *w, const query_rows *queries, const key_rows *keys) {
  const la_softmax_args *a = call->args;
  size_t b = (size_t)queries->span.batch, kv_head = queries->head / (size_t)(a->heads / a->kv_heads), t = (size_t)queries->span.first_key + keys->first;
  key_arrays arrays = {array_at(a->k, b, kv_head, t), array_at(a->v, b, kv_head, t), a->k.row, a->v.row};
  if (w->sums.width != call->d_v) {
    copy_rows(w->v, w->sums.width, arrays.v, arrays.v_stride, keys->count, call->d_v);
    arrays.v = w->v;
    arrays.v_stride = w->sums.width;
  }
  for (size_t r = 0; r < queries->rows; r++) {
    key_range range = keys_seen(a, queries, keys, queries->first + r);
    const float *bias = a->bias.data ? terms_at(a, queries, keys, queries->first + r, 0, 1).bias : NULL;
    for (size_t j = range.first, alike; j < range.end; j += alike) {
      alike = bias ? keys_alike(bias, j, range.end) : range.end - j;
      if (!bias || bias[j] != -INFINITY) attend_keys(call, w, &arrays, queries, keys, r, (key_range){j, j + alike});
    }
  }
}

static void query_block(const softmax_call *call, scratch *w, const query_rows *queries) {
  const la_softmax_args *a = call->args;
  const la_softmax_span *span = &queries->span;
  size_t b = (size_t)span->batch, t = (size_t)span->first_query + queries->first, rows = queries->rows, unsettled = 0;
  const float *q = array_at(a->q, b, queries->head, t);
  int tiled = rows >= FEWEST_TILED;
  w->sums.rows = round_up(rows, tiled ? TILE_QUERIES : 4);
  w->sums.width = tiled ? call->d_vp : round_up(call->d_v, 4);
  if (tiled) pack_panels(w->q, q, a->q.row, rows, call->d, TILE_QUERIES, a->scale);
  else for (size_t r = 0; r < rows; r++) scale_row(w->q + r * call->d, q + r * a->q.row, call->d, a->scale);
  sums_clear(&w->sums);
  size_t most = tiled || w->sums.width != call->d_v ? TILE_KEYS : DECODE_KEYS;
  keys_in_sight all = keys_in_sight_of(a, queries);
  key_rows keys = {0, 0, 1};
  while (next_keys(&all, most, &keys)) {
    show_life(w->slot);
    if (tiled) {
      tile_block block = {w->k, w->v, w->weights, call->d, 1};
      pack_block(a, queries, &keys, &block);
      attend_block(a, &w->sums, w->q, &block, queries, &keys);
    } else {
      attend_rows(call, w, queries, &keys);
    }
    unsettled += most;
    if (unsettled < SETTLE_KEYS) continue;
    sums_settle(&w->sums);
    unsettled = 0;
  }
  for (size_t r = 0; r < rows; r++) {
    size_t at = (b * (size_t)a->heads + queries->head) * call->n_q + t + r;
    sums_write(&w->sums, r, array_at(a->out, b, queries->head, t + r), call->d_v);
    if (w->sums.largest) sums_write_part(&w->sums, r, a->maximum ? a->maximum + at : NULL, a->sum ? a->sum + at : NULL);
  }
}

static int is_valid(const la_softmax_args *a) {
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, a->value_dim)) return 0;
  if (a->n_q > 0 && (!a->q.data || !a->out.data)) return 0;
  if (a->n_k > 0 && (!a->k.data || !a->v.data)) return 0;
  return terms_are_valid(a) && spans_are_valid(a);
}

/* One call over all threads: items are blocks of queries, those of a span one head after the other. */
typedef struct {
  const softmax_call *call;
  float *scratch; /* [slots][floats] */
  size_t floats;
  const uint32_t *ends; /* [spans]: items up to the end of each */
} split;

static size_t blocks_of(const la_softmax_args *a, const la_softmax_span *span) { return ((size_t)span->queries + block_queries(a) - 1) / block_queries(a); }

/* Which span an item belongs to: the first that ends after it. */
static size_t span_of(const split *s, size_t item) {
  size_t low = 0, high = span_count(s->call->args) - 1;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (item < s->ends[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

static void run_block(void *context, size_t slot, size_t item) {
  const split *s = context;
  const softmax_call *call = s->call;
  scratch w;
  scratch_layout(call, &w, s->scratch + slot * s->floats);
  if (!call->args->maximum && !call->args->sum) w.sums.largest = NULL;
  w.slot = slot;
  size_t index = span_of(s, item);
  query_rows queries = {.span = span_at(call->args, index)};
  size_t blocks = blocks_of(call->args, &queries.span), rest = item - (index > 0 ? s->ends[index - 1] : 0);
  queries.head = rest / blocks;
  /* The last blocks first: where the mask is causal they take longest. */
  queries.first = (blocks - 1 - rest % blocks) * call->queries;
  queries.rows = smaller(call->queries, (size_t)queries.span.queries - queries.first);
  query_block(call, &w, &queries);
}

/* Fills in ends, where it is given; returns their last. */
static uint32_t count_items(const la_softmax_args *a, uint32_t *ends) {
  uint32_t items = 0;
  for (size_t s = 0; s < span_count(a); s++) {
    la_softmax_span span = span_at(a, s);
    items += (uint32_t)a->heads * (uint32_t)blocks_of(a, &span);
    if (ends) ends[s] = items;
  }
  return items;
}

uint32_t la_softmax_items(const la_softmax_args *args) { return args && is_valid(args) ? count_items(args, NULL) : 0; }

int32_t la_softmax(const la_softmax_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  softmax_call call = {args, (size_t)args->n_q, (size_t)args->dim, (size_t)args->value_dim, round_up((size_t)args->value_dim, 8), block_queries(args), has_terms(args)};
  size_t slots = parallel_slots(span_products(args) * (call.d + call.d_v));
  scratch w;
  uint64_t floats = scratch_layout(&call, &w, NULL);
  /* A number of 32 bits a span behind the scratch of all slots. */
  float *base = alloc_floats(slots * floats + span_count(args));
  if (!base) return LA_OUT_OF_MEMORY;
  uint32_t *ends = (uint32_t *)(void *)(base + slots * floats);
  split s = {&call, base, (size_t)floats, ends};
  size_t items = count_items(args, ends);
  if (args->count == 0 || args->first == 0) clear_unspanned(args);
  int32_t status = in_parallel(slots, args->count ? args->first : 0, items_asked(args->first, args->count, items), run_block, &s);
  la_free(base);
  return status;
}
