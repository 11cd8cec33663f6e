/* Exact softmax attention: blocks of queries against blocks of keys with an online maximum (Milakov & Gimelshein 2018;
 * Dao et al. 2022), so that memory does not grow with n_q × n_k.
 *
 * A block of keys and values is packed once for the outer-product tile and then serves a whole block of queries (tiles.h).
 * A few queries take keys and values as they lie (decode.h). What both add up does not drift (sums.h). */
#include <math.h>

#include "base/arguments.h"
#include "base/scratch.h"
#include "softmax/decode.h"
#include "softmax/tiles.h"
#include "threads/parallel.h"

enum {
  MOST_QUERIES = 128, /* a block: 64 take 2 % longer */
  FEWEST_QUERIES = 16,
  FEWEST_TILED = 6, /* five queries of 4096 keys take 2.6 ms on the tile, 1.8 ms one by one */
  BLOCK_FLOATS = 128 * 1024, /* what queries and sums of a block may take: half of a second-level cache */
};

typedef struct {
  const la_softmax_args *args;
  size_t n_q, n_k, d, d_v, d_vp; /* d_vp: value_dim rounded up to whole panels of 8 */
  size_t queries;                /* of a block */
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
  uint64_t sizes[] = {queries * call->d, keys * call->d, value_floats, DECODE_KEYS, call->d_vp, queries * call->d_vp, queries * call->d_vp, queries, queries, queries};
  float **arrays[] = {&w->q, &w->k, &w->v, &w->weights, &w->part, &s->recent, &s->settled, &s->recent_sum, &s->settled_sum, &s->maximum};
  return carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
}

static void scale_row(float *out, const float *x, size_t d, float scale) {
  for (size_t i = 0; i < d; i++) out[i] = x[i] * scale;
}

/* A block of keys and values as they lie. */
typedef struct {
  const float *k, *v;
  size_t first, count, k_stride, v_stride;
} key_block;

/* Keys of the block that query t sees. */
static size_t keys_seen(const softmax_call *call, const key_block *keys, size_t t) {
  if (!call->args->causal) return keys->count;
  size_t end = t + (size_t)call->args->causal_offset + 1;
  return end > keys->first ? smaller(end - keys->first, keys->count) : 0;
}

static void attend_tiles(const softmax_call *call, scratch *w, const key_block *keys, size_t t, size_t rows) {
  tile_block block = {w->k, w->v, w->weights, call->d};
  pack_panels(w->k, keys->k, keys->k_stride, keys->count, call->d, 4, 1.0f);
  pack_values(w->v, keys->v, keys->v_stride, keys->count, call->d_v);
  for (size_t r = 0; r < rows; r += TILE_QUERIES) {
    size_t seen[TILE_QUERIES] = {0}, here = smaller(TILE_QUERIES, rows - r);
    for (size_t u = 0; u < TILE_QUERIES; u++) seen[u] = u < here ? keys_seen(call, keys, t + r + u) : seen[u - 1];
    attend_tile(&w->sums, r, here, w->q + r * call->d, &block, seen);
  }
}

static void attend_rows(const softmax_call *call, scratch *w, key_block keys, size_t t, size_t rows) {
  if (w->sums.width != call->d_v) {
    copy_rows(w->v, w->sums.width, keys.v, keys.v_stride, keys.count, call->d_v);
    keys.v = w->v;
    keys.v_stride = w->sums.width;
  }
  for (size_t r = 0; r < rows; r++) {
    size_t seen = keys_seen(call, &keys, t + r);
    if (seen > 0) attend_row(&w->sums, r, w->q + r * call->d, call->d, keys.k, keys.k_stride, keys.v, keys.v_stride, seen, w->weights, w->part);
  }
}

static void query_block(const softmax_call *call, scratch *w, size_t b, size_t head, size_t t, size_t rows) {
  const la_softmax_args *a = call->args;
  size_t kv_head = head / (size_t)(a->heads / a->kv_heads), n_k = keys_in(a->key_lengths, b, call->n_k), settled = 0;
  if (a->causal) n_k = smaller(n_k, t + rows + (size_t)a->causal_offset);
  const float *q = array_at(a->q, b, head, t);
  int tiled = rows >= FEWEST_TILED;
  w->sums.rows = round_up(rows, tiled ? TILE_QUERIES : 4);
  w->sums.width = tiled ? call->d_vp : round_up(call->d_v, 4);
  size_t block = tiled || w->sums.width != call->d_v ? TILE_KEYS : DECODE_KEYS;
  if (tiled) pack_panels(w->q, q, a->q.row, rows, call->d, TILE_QUERIES, a->scale);
  else for (size_t r = 0; r < rows; r++) scale_row(w->q + r * call->d, q + r * a->q.row, call->d, a->scale);
  sums_clear(&w->sums);
  for (size_t j = 0; j < n_k; j += block) {
    show_life(w->slot);
    key_block keys = {array_at(a->k, b, kv_head, j), array_at(a->v, b, kv_head, j), j, smaller(block, n_k - j), a->k.row, a->v.row};
    if (tiled) attend_tiles(call, w, &keys, t, rows);
    else attend_rows(call, w, keys, t, rows);
    if (j + block - settled < SETTLE_KEYS) continue;
    sums_settle(&w->sums);
    settled = j + block;
  }
  for (size_t r = 0; r < rows; r++) sums_write(&w->sums, r, array_at(a->out, b, head, t + r), call->d_v);
}

static int is_valid(const la_softmax_args *a) {
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, a->value_dim)) return 0;
  if (a->n_q > 0 && (!a->q.data || !a->out.data)) return 0;
  if (a->n_k > 0 && (!a->k.data || !a->v.data)) return 0;
  return a->causal_offset >= 0 && isfinite(a->scale) && key_lengths_are_valid(a->key_lengths, a->batch, a->n_k);
}

/* One call over all threads: items are blocks of queries. */
typedef struct {
  const softmax_call *call;
  float *scratch; /* [slots][floats] */
  size_t floats, blocks;
} split;

static void run_block(void *context, size_t slot, size_t item) {
  const split *s = context;
  const softmax_call *call = s->call;
  scratch w;
  scratch_layout(call, &w, s->scratch + slot * s->floats);
  w.slot = slot;
  /* The last blocks first: where the mask is causal they take longest. */
  size_t stream = item / s->blocks, t = (s->blocks - 1 - item % s->blocks) * call->queries, heads = (size_t)call->args->heads;
  query_block(call, &w, stream / heads, stream % heads, t, smaller(call->queries, call->n_q - t));
}

static size_t query_blocks(const la_softmax_args *a) { return ((size_t)a->n_q + block_queries(a) - 1) / block_queries(a); }

uint32_t la_softmax_items(const la_softmax_args *args) {
  if (!args || !is_valid(args)) return 0;
  return (uint32_t)args->batch * (uint32_t)args->heads * (uint32_t)query_blocks(args);
}

int32_t la_softmax(const la_softmax_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  softmax_call call = {args, (size_t)args->n_q, (size_t)args->n_k, (size_t)args->dim, (size_t)args->value_dim, round_up((size_t)args->value_dim, 8), block_queries(args)};
  size_t streams = (size_t)args->batch * (size_t)args->heads;
  size_t slots = parallel_slots((uint64_t)streams * call.n_q * call.n_k * (call.d + call.d_v));
  scratch w;
  uint64_t floats = scratch_layout(&call, &w, NULL);
  split s = {&call, alloc_floats(slots * floats), (size_t)floats, query_blocks(args)};
  if (!s.scratch) return LA_OUT_OF_MEMORY;
  int32_t status = in_parallel(slots, args->count ? args->first : 0, items_asked(args->first, args->count, streams * s.blocks), run_block, &s);
  la_free(s.scratch);
  return status;
}
