#include <math.h>
#include <string.h>

#include "softmax_choices.h"
#include "slices.h"
#include "targets.h"

static la_softmax_args args;

static int32_t run(const core *c, const call *k) {
  (void)k;
  return c->la_softmax(&args);
}

SLICED_CALL(la_softmax)

enum { WAYS = 15 };

static void spoil(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.batch = -1;
  if (how == 1) args.heads = args.heads * 2 + 1, args.kv_heads = 2;
  if (how == 2) args.kv_heads = 0;
  if (how == 3) args.n_q = -1;
  if (how == 4) args.n_k = INT32_MIN;
  if (how == 5) args.dim = LA_MAX_DIM + 1;
  if (how == 6) args.value_dim = 0;
  if (how == 7) args.window = -1;
  if (how == 8) args.scale = NAN;
  if (how == 9) args.scale = INFINITY;
  if (how == 10) args.value_dim = LA_MAX_VALUE_DIM + 1;
  if (how == 11) args.causal = 0, args.window = 3;
  if (how == 12) args.window = 0, args.sinks = 1;
  if (how == 13) args.softcap = -1.0f;
  if (how == 14) args.softcap = INFINITY;
}

/* What the call under way hides, by values of its own: its arguments point elsewhere at every trial. */
static struct {
  la_softmax_span spans[8];
  size_t count;
  const float *bias;
} seen;

static int is_hidden(size_t batch, size_t head, size_t query, size_t key) {
  size_t n_q = (size_t)args.n_q, n_k = (size_t)args.n_k;
  if (seen.bias && seen.bias[((batch * (size_t)args.heads + head) * n_q + query) * n_k + key] == -INFINITY) return 1;
  for (size_t s = 0; s < seen.count; s++) {
    la_softmax_span span = seen.spans[s];
    if ((size_t)span.batch != batch || query < (size_t)span.first_query || query >= (size_t)(span.first_query + span.queries)) continue;
    int64_t place = (int64_t)query - span.first_query + span.offset, other = (int64_t)key - span.first_key;
    if (other < 0 || other >= span.keys || (args.causal && other > place)) return 1;
    return args.window > 0 && other <= place - args.window && other >= args.sinks;
  }
  return 1;
}

/* Spans of every batch: the whole of it, or pieces with keys of their own. */
static void choose_spans(input *in, call *k) {
  int32_t n_q = args.n_q, n_k = args.n_k;
  int given = !k->key_lengths && rarely(in, 3);
  seen.count = 0;
  for (int32_t b = 0; b < args.batch; b++) {
    int32_t first = 0, pieces = given ? (int32_t)choose(in, 4) : 1;
    for (int32_t i = 0; i < pieces; i++) {
      la_softmax_span *s = &seen.spans[seen.count++];
      *s = (la_softmax_span){.batch = b, .queries = n_q, .keys = k->key_lengths ? k->key_lengths[b] : n_k, .offset = args.causal_offset};
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
  float *values = add_field(k, (field){.name = "spans", .place = &args.spans, .size = {1, 1, 1, words}});
  memcpy(values, seen.spans, words * 4);
  args.span_count = (int32_t)seen.count;
}

/* What makes a score beside the product. */
static void choose_terms(input *in, call *k) {
  static const float caps[] = {0.5f, 5.0f, 50.0f};
  size_t b = (size_t)args.batch, h = (size_t)args.heads, q = (size_t)args.n_q, n = (size_t)args.n_k;
  if (rarely(in, 3)) args.softcap = CHOOSE_FROM(in, caps);
  if (rarely(in, 3)) choose_between(in, add_field(k, (field){.name = "slopes", .place = &args.slopes, .size = {1, 1, 1, h}}), h, 0.0f, 1.0f);
  seen.bias = NULL;
  if (!rarely(in, 3)) return;
  float *bias = add_field(k, (field){"bias", READ, ARRAY, &args.bias, {b, h, q, n}, 1, NULL, NO_ROWS, 1, 0});
  choose_between(in, bias, b * h * q * n, -1.0f, 1.0f);
  for (size_t i = 0, hidden = choose(in, 4); i < b * h * q * n; i++)
    if ((i * 2654435761u >> 7) % 4 < hidden) bias[i] = -INFINITY;
  seen.bias = bias;
}

void target_softmax(input *in) {
  call k = {.name = "la_softmax", .run = run, .items = items, .window = window, .spoil = spoil, .ways = WAYS, .args = &args, .args_size = sizeof args, .pooled = 1};
  choose_softmax(in, &k, &args, 600000);
  args.causal_offset = args.causal ? (int32_t)choose(in, 12) - 6 : 0;
  args.window = args.causal && rarely(in, 2) ? 1 + (int32_t)choose(in, 40) : 0;
  args.sinks = args.window ? (int32_t)choose(in, 6) : 0;
  k.hides = is_hidden;
  size_t b = (size_t)args.batch, h = (size_t)args.heads, q = (size_t)args.n_q;
  add_field(&k, (field){"out", WRITTEN, ARRAY, &args.out, {b, h, q, (size_t)args.value_dim}, 1, NULL, QUERY_ROWS, 1, 0});
  choose_spans(in, &k);
  choose_terms(in, &k);
  if (rarely(in, 3)) {
    add_field(&k, (field){"maximum", WRITTEN, PLAIN, &args.maximum, {b, h, q, 1}, 1, NULL, NO_ROWS, 0, 0});
    add_field(&k, (field){"sum", WRITTEN, PLAIN, &args.sum, {b, h, q, 1}, 1, NULL, NO_ROWS, 0, 0});
  }
  outcome whole = check_call(&k, in);
  check_poison(&k, in, whole);
  outcome_free(&k, whole);
  call_free(&k);
}
