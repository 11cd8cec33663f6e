#include "softmax/spans.h"

#include <math.h>

#include "base/rows.h"

la_softmax_span span_at(const la_softmax_args *a, size_t s) {
  if (a->spans) return a->spans[s];
  return (la_softmax_span){.batch = (int32_t)s, .queries = a->n_q, .keys = (int32_t)keys_in(a->key_lengths, s, (size_t)a->n_k), .offset = a->causal_offset};
}

/* The first span of this batch or a later one. */
static size_t first_span(const la_softmax_args *a, size_t batch) {
  size_t low = 0, high = span_count(a);
  while (low < high) {
    size_t middle = (low + high) / 2;
    if ((size_t)a->spans[middle].batch < batch) low = middle + 1;
    else high = middle;
  }
  return low;
}

span_range spans_of(const la_softmax_args *a, size_t batch) {
  if (!a->spans) return (span_range){batch, batch + 1};
  return (span_range){first_span(a, batch), first_span(a, batch + 1)};
}

int spans_are_valid(const la_softmax_args *a) {
  if (a->window < 0 || a->sinks < 0 || (a->window > 0 && !a->causal) || (a->sinks > 0 && a->window == 0)) return 0;
  if (!a->spans) return key_lengths_are_valid(a->key_lengths, a->batch, a->n_k);
  if (a->span_count < 0 || a->key_lengths) return 0;
  int64_t batch = 0, end = 0;
  for (int32_t i = 0; i < a->span_count; i++) {
    la_softmax_span s = a->spans[i];
    if (s.batch < 0 || s.batch >= a->batch || s.queries < 0 || s.keys < 0 || s.first_key < 0 || s.gap < 0) return 0;
    if (s.batch < batch || s.first_query < (s.batch > batch ? 0 : end)) return 0;
    batch = s.batch;
    end = (int64_t)s.first_query + s.queries;
    if (end > a->n_q || (int64_t)s.first_key + s.keys > a->n_k) return 0;
  }
  return 1;
}

static size_t within(int64_t key, size_t keys) { return key < 0 ? 0 : smaller((size_t)key, keys); }

key_range keys_of(const la_softmax_args *a, const la_softmax_span *span, size_t i) {
  key_range range = {0, (size_t)span->keys};
  int64_t next = (int64_t)i + span->offset + 1;
  if (a->causal) range.end = within(next, range.end);
  if (a->window > 0) range.first = within(next - a->window, range.end);
  return range;
}

uint64_t span_products(const la_softmax_args *a) {
  uint64_t products = 0, most = a->window > 0 ? (uint64_t)a->window + (uint64_t)a->sinks : UINT64_MAX;
  for (size_t s = 0; s < span_count(a); s++) {
    la_softmax_span span = span_at(a, s);
    uint64_t keys = (uint64_t)span.keys;
    products += (uint64_t)span.queries * (keys < most ? keys : most);
  }
  return products * (uint64_t)a->heads;
}

static void clear_rows(const la_softmax_args *a, size_t batch, size_t first, size_t end) {
  for (size_t h = 0; first < end && h < (size_t)a->heads; h++) {
    size_t at = (batch * (size_t)a->heads + h) * (size_t)a->n_q;
    for (size_t t = first; t < end; t++) {
      zero_floats(array_at(a->out, batch, h, t), (size_t)a->value_dim);
      if (a->maximum) a->maximum[at + t] = -INFINITY;
      if (a->sum) a->sum[at + t] = 0.0f;
    }
  }
}

void clear_unspanned(const la_softmax_args *a) {
  size_t s = 0;
  for (size_t b = 0; a->spans && b < (size_t)a->batch; b++) {
    size_t done = 0;
    for (; s < span_count(a) && (size_t)a->spans[s].batch == b; s++) {
      clear_rows(a, b, done, (size_t)a->spans[s].first_query);
      done = (size_t)a->spans[s].first_query + (size_t)a->spans[s].queries;
    }
    clear_rows(a, b, done, (size_t)a->n_q);
  }
}
