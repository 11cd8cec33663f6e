#include "softmax/blocks.h"

#include <math.h>

keys_in_sight keys_in_sight_of(const la_softmax_args *a, const query_rows *queries) {
  size_t last = queries->first + queries->rows - 1;
  keys_in_sight all = {{0, 0}, {keys_of(a, &queries->span, queries->first).first, keys_of(a, &queries->span, last).end}};
  if (a->sinks > 0) {
    all.sinks.end = smaller((size_t)a->sinks, all.others.end);
    if (all.others.first < all.sinks.end) all.others.first = all.sinks.end;
  }
  return all;
}

int next_keys(const keys_in_sight *all, size_t most, key_rows *keys) {
  keys->first += keys->count;
  if (keys->is_sinks && keys->first >= all->sinks.end) {
    keys->is_sinks = 0;
    keys->first = all->others.first;
  }
  size_t end = keys->is_sinks ? all->sinks.end : all->others.end;
  if (keys->first >= end) return 0;
  keys->count = smaller(most, end - keys->first);
  return 1;
}

key_range keys_seen(const la_softmax_args *a, const query_rows *queries, const key_rows *keys, size_t i) {
  key_range range = keys_of(a, &queries->span, i);
  if (keys->is_sinks) range.first = 0;
  range.end = range.end > keys->first ? smaller(range.end - keys->first, keys->count) : 0;
  range.first = range.first > keys->first ? smaller(range.first - keys->first, range.end) : 0;
  return range;
}

int terms_are_valid(const la_softmax_args *a) {
  if (!isfinite(a->scale) || !(a->softcap >= 0.0f) || !isfinite(a->softcap)) return 0;
  for (int32_t h = 0; a->slopes && h < a->heads; h++)
    if (!isfinite(a->slopes[h])) return 0;
  return 1;
}

score_terms terms_at(const la_softmax_args *a, const query_rows *queries, const key_rows *keys, size_t i, size_t shift, size_t rows) {
  const la_softmax_span *span = &queries->span;
  size_t key = keys->first + shift;
  score_terms terms = {.softcap = a->softcap, .slope = a->slopes ? a->slopes[queries->head] : 0.0f, .rows = rows, .bias_row = a->bias.row};
  terms.distance = (int64_t)i + span->offset - (int64_t)key + (keys->is_sinks ? span->gap : 0);
  if (a->bias.data) terms.bias = array_at(a->bias, (size_t)span->batch, queries->head, (size_t)span->first_query + i) + (size_t)span->first_key + key;
  return terms;
}

void pack_block(const la_softmax_args *a, const query_rows *queries, const key_rows *keys, tile_block *block) {
  size_t b = (size_t)queries->span.batch, kv_head = queries->head / (size_t)(a->heads / a->kv_heads), t = (size_t)queries->span.first_key + keys->first;
  size_t d_v = (size_t)a->value_dim;
  pack_panels(block->k, array_at(a->k, b, kv_head, t), a->k.row, keys->count, block->d, 4, 1.0f);
  pack_values(block->v, array_at(a->v, b, kv_head, t), a->v.row, keys->count, d_v);
  block->is_finite = !a->bias.data || values_are_finite(block->v, d_v, keys->count);
}

void attend_block(const la_softmax_args *a, const softmax_sums *s, const float *q, const tile_block *block, const query_rows *queries, const key_rows *keys) {
  int with_terms = has_terms(a);
  for (size_t r = 0; r < queries->rows; r += TILE_QUERIES) {
    size_t from[TILE_QUERIES] = {0}, seen[TILE_QUERIES] = {0}, here = smaller(TILE_QUERIES, queries->rows - r), i = queries->first + r;
    key_range least = keys_seen(a, queries, keys, i), most = keys_seen(a, queries, keys, i + here - 1);
    /* What the first and the last see alike all of them see. */
    int differ = least.first != most.first || least.end != most.end;
    for (size_t u = 0; u < TILE_QUERIES; u++) {
      key_range range = differ ? keys_seen(a, queries, keys, i + smaller(u, here - 1)) : least;
      from[u] = range.first;
      seen[u] = range.end;
    }
    /* Keys before those that the first query sees are nobody's. */
    size_t shift = from[0] / 4 * 4;
    tile_block rest = *block;
    rest.k += shift * block->d;
    rest.v += shift * 8;
    for (size_t u = 0; shift > 0 && u < TILE_QUERIES; u++) from[u] -= shift, seen[u] -= shift;
    score_terms terms;
    if (with_terms) terms = terms_at(a, queries, keys, i, shift, here);
    attend_tile(s, r, here, q + r * block->d, &rest, from, seen, with_terms ? &terms : NULL);
  }
}
