/* Exact softmax attention in tiles: blocks of queries against blocks of keys with an online maximum
 * (Milakov & Gimelshein 2018; Dao et al. 2022), so that memory does not grow with n_q × n_k.
 *
 * A block of keys is transposed once into panels of eight for the outer-product tile and then serves a whole block
 * of queries. Fewer than four queries take keys and values as they lie (decode.h). */
#include <math.h>

#include "base/arguments.h"
#include "base/exp.h"
#include "base/scratch.h"
#include "softmax/decode.h"
#include "softmax/score.h"
#include "threads/parallel.h"

enum {
  QUERIES = 64,
  KEYS = 64,
  TILE_ROWS = 4,
  DECODE_KEYS = 2048, /* keys at once for fewer rows than a tile: 512 take a quarter longer */
};

typedef struct {
  const la_softmax_args *args;
  size_t n_q, n_k, d, d_v, d_vp; /* d_vp: value_dim rounded up to whole panels of 8 */
} softmax_call;

typedef struct {
  float *q;        /* [QUERIES/4][d][4], scaled; a few rows: [rows][d] */
  float *k;        /* [KEYS/8][d][8] */
  float *v;        /* [KEYS][d_vp + COPY_PAD]: values with padding */
  float *scores;   /* [TILE_ROWS][KEYS]; fewer rows, one after the other: [DECODE_KEYS] */
  float *out;      /* [QUERIES][d_vp], before division */
  float *maximum;  /* [QUERIES] */
  float *sum;      /* [QUERIES] */
  size_t slot;     /* of the thread */
} scratch;

/* A block of keys and values as the tiles want them. */
typedef struct {
  const float *k, *v;
  size_t first, count, k_stride, v_stride;
} key_block;

static uint64_t scratch_layout(const softmax_call *call, scratch *w, float *base) {
  uint64_t sizes[] = {QUERIES * call->d, KEYS * call->d, KEYS * (call->d_vp + COPY_PAD), DECODE_KEYS, QUERIES * call->d_vp, QUERIES, QUERIES};
  float **arrays[] = {&w->q, &w->k, &w->v, &w->scores, &w->out, &w->maximum, &w->sum};
  return carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
}

static void scale_row(float *out, const float *x, size_t d, float scale) {
  for (size_t i = 0; i < d; i++) out[i] = x[i] * scale;
}

/* scores[0..count) ← exp(scores − maximum); returns what the sums so far must be multiplied by. */
static float exponentiate(float *scores, size_t count, float *maximum, float *sum) {
  for (size_t j = count; j < round_up(count, 4); j++) scores[j] = -INFINITY;
  v4 most = v4_splat(*maximum);
  for (size_t j = 0; j < count; j += 4) most = v4_max(most, v4_load(scores + j));
  float next = v4_max_lane(most);
  v4 total = v4_splat(0.0f), shift = v4_splat(next);
  for (size_t j = 0; j < count; j += 4) {
    v4 p = v4_exp(v4_sub(v4_load(scores + j), shift));
    v4_store(scores + j, p);
    total = v4_add(total, p);
  }
  float correction = v4_lane0(v4_exp(v4_splat(*maximum - next)));
  *maximum = next;
  *sum = *sum * correction + v4_sum(total);
  return correction;
}

/* Four rows share the keys that all of them see; the up to three more of the later rows follow one by one,
 * because a weight of 0 times a value that is not finite would not be 0. */
static void add_values_by_tile(const softmax_call *call, scratch *w, const key_block *keys, size_t row, const size_t seen[], const float correction[]) {
  size_t common = smaller(smaller(seen[0], seen[1]), smaller(seen[2], seen[3]));
  float *out = w->out + row * call->d_vp;
  for (size_t c = 0; c < call->d_vp; c += 8) {
    tile4x8 o = tile_scale(tile_load(out + c, call->d_vp), correction);
    tile_store(out + c, call->d_vp, tile_outer(o, common, w->scores, KEYS, 1, keys->v + c, keys->v_stride));
  }
  for (size_t r = 0; r < TILE_ROWS; r++)
    if (seen[r] > common) add_rows(out + r * call->d_vp, call->d_vp, 1.0f, w->scores + r * KEYS + common, seen[r] - common, keys->v + common * keys->v_stride, keys->v_stride);
}

/* Keys of the block that query t sees. */
static size_t keys_seen(const softmax_call *call, const key_block *keys, size_t t) {
  if (!call->args->causal) return keys->count;
  size_t end = t + (size_t)call->args->causal_offset + 1;
  return end > keys->first ? smaller(end - keys->first, keys->count) : 0;
}

static void attend_tiles(const softmax_call *call, scratch *w, const key_block *keys, size_t t, size_t rows) {
  pack_panels(w->k, keys->k, keys->k_stride, keys->count, call->d, 8, 1.0f);
  for (size_t r = 0; r < rows; r += TILE_ROWS) {
    size_t seen[TILE_ROWS] = {0}, most = 0, here = smaller(TILE_ROWS, rows - r);
    for (size_t u = 0; u < TILE_ROWS; u++) {
      seen[u] = u < here ? keys_seen(call, keys, t + r + u) : seen[here - 1];
      if (seen[u] > most) most = seen[u];
    }
    if (most == 0) continue;
    float correction[TILE_ROWS] = {1.0f, 1.0f, 1.0f, 1.0f};
    score_tiles(w->q + r * call->d, w->k, most, call->d, w->scores, KEYS);
    for (size_t u = 0; u < here; u++)
      if (seen[u] > 0) correction[u] = exponentiate(w->scores + u * KEYS, seen[u], w->maximum + r + u, w->sum + r + u);
    add_values_by_tile(call, w, keys, r, seen, correction);
  }
}

static void attend_rows(const softmax_call *call, scratch *w, const key_block *keys, size_t t, size_t rows) {
  for (size_t r = 0; r < rows; r++) {
    size_t seen = keys_seen(call, keys, t + r);
    if (seen == 0) continue;
    score_rows(w->q + r * call->d, keys->k, keys->k_stride, seen, call->d, w->scores);
    float correction = exponentiate(w->scores, seen, w->maximum + r, w->sum + r);
    add_rows(w->out + r * call->d_vp, round_up(call->d_v, 4), correction, w->scores, seen, keys->v, keys->v_stride);
  }
}

static void write_rows(const softmax_call *call, const scratch *w, size_t b, size_t head, size_t t, size_t rows) {
  for (size_t r = 0; r < rows; r++) {
    float *out = array_at(call->args->out, b, head, t + r), factor = w->sum[r] == 0.0f ? 0.0f : 1.0f / w->sum[r];
    for (size_t c = 0; c < call->d_v; c++) {
      float o = w->out[r * call->d_vp + c] * factor;
      out[c] = o + o * 0.0f;
    }
  }
}

static void query_block(const softmax_call *call, scratch *w, size_t b, size_t head, size_t t, size_t rows) {
  const la_softmax_args *a = call->args;
  size_t kv_head = head / (size_t)(a->heads / a->kv_heads), n_k = keys_in(a->key_lengths, b, call->n_k);
  if (a->causal) n_k = smaller(n_k, t + rows + (size_t)a->causal_offset);
  const float *q = array_at(a->q, b, head, t);
  int tiled = rows >= TILE_ROWS, copied = call->d_v % (tiled ? 8 : 4) != 0 || (tiled && rows_collide(a->v.row));
  size_t block = tiled || copied ? KEYS : DECODE_KEYS;
  if (tiled) pack_panels(w->q, q, a->q.row, rows, call->d, TILE_ROWS, a->scale);
  else for (size_t r = 0; r < rows; r++) scale_row(w->q + r * call->d, q + r * a->q.row, call->d, a->scale);
  zero_floats(w->out, round_up(rows, TILE_ROWS) * call->d_vp);
  for (size_t r = 0; r < QUERIES; r++) {
    w->maximum[r] = -INFINITY;
    w->sum[r] = 0.0f;
  }
  for (size_t j = 0; j < n_k; j += block) {
    show_life(w->slot);
    key_block keys = {array_at(a->k, b, kv_head, j), array_at(a->v, b, kv_head, j), j, smaller(block, n_k - j), a->k.row, a->v.row};
    if (copied) {
      keys.v_stride = call->d_vp + COPY_PAD;
      copy_rows(w->v, keys.v_stride, keys.v, a->v.row, keys.count, call->d_v);
      keys.v = w->v;
    }
    if (tiled) attend_tiles(call, w, &keys, t, rows);
    else attend_rows(call, w, &keys, t, rows);
  }
  write_rows(call, w, b, head, t, rows);
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
  size_t stream = item / s->blocks, t = (s->blocks - 1 - item % s->blocks) * QUERIES, heads = (size_t)call->args->heads;
  query_block(call, &w, stream / heads, stream % heads, t, smaller(QUERIES, call->n_q - t));
}

static size_t query_blocks(const la_softmax_args *a) { return round_up((size_t)a->n_q, QUERIES) / QUERIES; }

uint32_t la_softmax_items(const la_softmax_args *args) {
  if (!args || !is_valid(args)) return 0;
  return (uint32_t)args->batch * (uint32_t)args->heads * (uint32_t)query_blocks(args);
}

int32_t la_softmax(const la_softmax_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  softmax_call call = {args, (size_t)args->n_q, (size_t)args->n_k, (size_t)args->dim, (size_t)args->value_dim, round_up((size_t)args->value_dim, 8)};
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
