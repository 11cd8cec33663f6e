#include "softmax_choices.h"

#include <math.h>
#include <string.h>

void choose_softmax(input *in, call *k, la_softmax_args *args, int64_t most) {
  static const float scales[] = {1.0f, 0.125f, 0.0f, -0.5f, 3.0f};
  int32_t batch = rarely(in, 16) ? 0 : 1 + (int32_t)choose(in, 2), kv_heads = 1 + (int32_t)choose(in, 3), group = rarely(in, 16) ? 0 : 1 + (int32_t)choose(in, 3);
  int32_t n_q = choose_length(in), n_k = rarely(in, 3) ? choose_length(in) : n_q, dim = choose_width(in, LA_MAX_DIM), value_dim = choose_width(in, LA_MAX_VALUE_DIM);
  while ((int64_t)batch * kv_heads * group * n_q * n_k * (dim + value_dim) > most) n_q > n_k ? (n_q /= 2) : (n_k /= 2);
  la_softmax_args a = {.batch = batch, .heads = group * kv_heads, .kv_heads = kv_heads, .n_q = n_q, .n_k = n_k, .dim = dim, .value_dim = value_dim};
  a.causal = (int32_t)choose(in, 2);
  a.causal_offset = a.causal ? (int32_t)choose(in, 6) : 0;
  a.scale = CHOOSE_FROM(in, scales);
  *args = a;
  k->causal = a.causal;
  k->causal_offset = a.causal_offset;
  size_t b = (size_t)batch, h = (size_t)a.heads, kv = (size_t)kv_heads, q = (size_t)n_q, n = (size_t)n_k;
  struct {
    const char *name;
    la_array *place;
    size_t heads, rows, width;
    field_rows of;
  } inputs[] = {{"q", &args->q, h, q, (size_t)dim, QUERY_ROWS}, {"k", &args->k, kv, n, (size_t)dim, KEY_ROWS}, {"v", &args->v, kv, n, (size_t)value_dim, KEY_ROWS}};
  for (size_t i = 0; i < 3; i++) {
    field f = {inputs[i].name, READ, ARRAY, inputs[i].place, {b, inputs[i].heads, inputs[i].rows, inputs[i].width}, 1, NULL, inputs[i].of, 1, 1};
    choose_values(in, add_field(k, f), b * inputs[i].heads * inputs[i].rows * inputs[i].width);
  }
  if (rarely(in, 3)) {
    int32_t *lengths = (int32_t *)add_field(k, (field){.name = "key_lengths", .place = &args->key_lengths, .size = {1, 1, 1, b}});
    for (size_t i = 0; i < b; i++) lengths[i] = (int32_t)choose(in, (uint32_t)n_k + 1);
    k->key_lengths = lengths;
  }
}

/* What the call under way hides, by values of its own: its arguments point elsewhere at every trial. */
static struct {
  la_softmax_args args;
  la_softmax_span spans[8];
  size_t count;
  const float *bias;
} seen;

static int is_hidden(size_t batch, size_t head, size_t query, size_t key) {
  const la_softmax_args *args = &seen.args;
  size_t n_q = (size_t)args->n_q, n_k = (size_t)args->n_k;
  if (seen.bias && seen.bias[((batch * (size_t)args->heads + head) * n_q + query) * n_k + key] == -INFINITY) return 1;
  for (size_t s = 0; s < seen.count; s++) {
    la_softmax_span span = seen.spans[s];
    if ((size_t)span.batch != batch || query < (size_t)span.first_query || query >= (size_t)(span.first_query + span.queries)) continue;
    int64_t place = (int64_t)query - span.first_query + span.offset, other = (int64_t)key - span.first_key;
    if (other < 0 || other >= span.keys || (args->causal && other > place)) return 1;
    return args->window > 0 && other <= place - args->window && other >= args->sinks;
  }
  return 1;
}

/* Spans of every batch: the whole of it, or pieces with keys of their own. */
static void choose_spans(input *in, call *k, la_softmax_args *args) {
  int32_t n_q = args->n_q, n_k = args->n_k;
  int given = !k->key_lengths && rarely(in, 3);
  seen.count = 0;
  for (int32_t b = 0; b < args->batch; b++) {
    int32_t first = 0, pieces = given ? (int32_t)choose(in, 4) : 1;
    for (int32_t i = 0; i < pieces; i++) {
      la_softmax_span *s = &seen.spans[seen.count++];
      *s = (la_softmax_span){.batch = b, .queries = n_q, .keys = k->key_lengths ? k->key_lengths[b] : n_k, .offset = args->causal_offset};
      if (!given) continue;
      s->first_query = first + (int32_t)choose(in, (uint32_t)(n_q - first) + 1);
      s->queries = (int32_t)choose(in, (uint32_t)(n_q - s->first_query) + 1);
      first = s->first_query + s->queries;
      s->first_key = (int32_t)choose(in, (uint32_t)n_k + 1);
      s->keys = (int32_t)choose(in, (uint32_t)(n_k - s->first_key) + 1);
      s->offset = (int32_t)choose(in, 40) - 20;
      s->gap = (int32_t)choose(in, 9);
    }
  }
  if (!given) return;
  size_t words = seen.count * sizeof *seen.spans / 4;
  float *values = add_field(k, (field){.name = "spans", .place = &args->spans, .size = {1, 1, 1, words}});
  memcpy(values, seen.spans, words * 4);
  args->span_count = (int32_t)seen.count;
}

void choose_sight(input *in, call *k, la_softmax_args *args) {
  args->causal_offset = args->causal ? (int32_t)choose(in, 12) - 6 : 0;
  args->window = args->causal && rarely(in, 2) ? 1 + (int32_t)choose(in, 40) : 0;
  args->sinks = args->window ? (int32_t)choose(in, 6) : 0;
  choose_spans(in, k, args);
  seen.args = *args;
  seen.bias = NULL;
  k->hides = is_hidden;
}

void choose_terms(input *in, call *k, la_softmax_args *args) {
  static const float caps[] = {0.5f, 5.0f, 50.0f};
  size_t b = (size_t)args->batch, h = (size_t)args->heads, q = (size_t)args->n_q, n = (size_t)args->n_k;
  if (rarely(in, 3)) args->softcap = CHOOSE_FROM(in, caps);
  if (rarely(in, 3)) choose_between(in, add_field(k, (field){.name = "slopes", .place = &args->slopes, .size = {1, 1, 1, h}}), h, 0.0f, 1.0f);
  if (!rarely(in, 3)) return;
  float *bias = add_field(k, (field){"bias", READ, ARRAY, &args->bias, {b, h, q, n}, 1, NULL, NO_ROWS, 1, 0});
  choose_between(in, bias, b * h * q * n, -1.0f, 1.0f);
  for (size_t i = 0, hidden = choose(in, 4); i < b * h * q * n; i++)
    if ((i * 2654435761u >> 7) % 4 < hidden) bias[i] = -INFINITY;
  seen.bias = bias;
}
