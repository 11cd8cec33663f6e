#include <math.h>

#include "choices.h"
#include "targets.h"

static la_weights_args weights;
static la_gap_args gap;

static int32_t run_weights(const core *c, const call *k) {
  (void)k;
  return c->la_weights(&weights);
}

static int32_t run_gap(const core *c, const call *k) {
  (void)k;
  return c->la_gap(&gap);
}

enum { WEIGHTS_WAYS = 6, GAP_WAYS = 8 };

static void spoil_weights(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) weights.batch = -1;
  if (how == 1) weights.kv_heads = 0;
  if (how == 2) weights.dim = 0;
  if (how == 3) weights.kind = 2;
  if (how == 4) weights.n_k = -1;
  if (how == 5) weights.kind = LA_WEIGHTS_LINEAR, weights.map.dim = weights.dim + 1;
}

static void spoil_gap(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) gap.batch = -1;
  if (how == 1) gap.heads = 3, gap.kv_heads = 2;
  if (how == 2) gap.causal = 1, gap.n_q = 1, gap.n_k = 2;
  if (how == 3) gap.map.kind = -1;
  if (how == 4) gap.map.dim = gap.dim + 1;
  if (how == 5) gap.value_dim = LA_MAX_VALUE_DIM + 1;
  if (how == 6) gap.eps = -1.0f;
  if (how == 7) gap.scale = NAN;
}

typedef struct {
  size_t batch, heads, kv_heads, n_q, n_k, dim, value_dim;
} sizes;

static sizes choose_sizes(input *in, int causal) {
  sizes s = {rarely(in, 16) ? 0 : 1 + choose(in, 2), 0, 1 + choose(in, 2), (size_t)choose_length(in), 0, (size_t)choose_width(in, LA_MAX_DIM), (size_t)choose_width(in, LA_MAX_VALUE_DIM)};
  s.heads = s.kv_heads * (rarely(in, 16) ? 0 : 1 + choose(in, 2));
  s.n_k = causal || !rarely(in, 3) ? s.n_q : (size_t)choose_length(in);
  return s;
}

static void shorten(sizes *s, size_t features) {
  while (s->batch * s->heads * s->n_q * s->n_k * (s->dim + features) > 250000) s->n_q > s->n_k ? (s->n_q /= 2) : (s->n_k /= 2);
  while (s->batch * s->heads * (s->n_q + s->n_k) * features * s->value_dim > 250000) s->n_q /= 2, s->n_k /= 2;
}

static void add_rows(input *in, call *k, sizes s, const char *name, la_array *place, int of_queries, size_t width) {
  size_t heads = of_queries ? s.heads : s.kv_heads, rows = of_queries ? s.n_q : s.n_k;
  field f = {name, READ, ARRAY, place, {s.batch, heads, rows, width}, 1, NULL, of_queries ? QUERY_ROWS : KEY_ROWS, 1, 1};
  choose_values(in, add_field(k, f), field_words(&f));
}

void target_weights(input *in) {
  call k = {.name = "la_weights", .run = run_weights, .spoil = spoil_weights, .ways = WEIGHTS_WAYS, .args = &weights, .args_size = sizeof weights};
  la_weights_args a = {.kind = (int32_t)choose(in, 2), .causal = (int32_t)choose(in, 2), .scale = rarely(in, 2) ? 0.3f : 1.0f};
  sizes s = choose_sizes(in, 0);
  weights = a;
  choose_map(in, &k, &weights.map, (int32_t)s.dim, 300);
  shorten(&s, (size_t)scalar_core.la_feature_map_features(&weights.map));
  weights.batch = (int32_t)s.batch, weights.heads = (int32_t)s.heads, weights.kv_heads = (int32_t)s.kv_heads;
  weights.n_q = (int32_t)s.n_q, weights.n_k = (int32_t)s.n_k, weights.dim = (int32_t)s.dim;
  add_rows(in, &k, s, "q", &weights.q, 1, s.dim);
  add_rows(in, &k, s, "k", &weights.k, 0, s.dim);
  add_field(&k, (field){.name = "out", .role = WRITTEN, .place = &weights.out, .size = {s.batch, s.heads, s.n_q, s.n_k}});
  outcome_free(&k, check_call(&k, in));
  call_free(&k);
}

void target_gap(input *in) {
  call k = {.name = "la_gap", .run = run_gap, .spoil = spoil_gap, .ways = GAP_WAYS, .args = &gap, .args_size = sizeof gap};
  int32_t causal = (int32_t)choose(in, 2);
  sizes s = choose_sizes(in, causal);
  gap = (la_gap_args){.causal = causal, .scale = rarely(in, 2) ? 0.5f : 1.0f, .eps = rarely(in, 2) ? 0.0f : 1e-6f, .softmax_scale = 0.3f};
  choose_map(in, &k, &gap.map, (int32_t)s.dim, 200);
  shorten(&s, (size_t)scalar_core.la_feature_map_features(&gap.map));
  if (causal) s.n_q = s.n_k = s.n_q < s.n_k ? s.n_q : s.n_k;
  gap.batch = (int32_t)s.batch, gap.heads = (int32_t)s.heads, gap.kv_heads = (int32_t)s.kv_heads;
  gap.n_q = (int32_t)s.n_q, gap.n_k = (int32_t)s.n_k, gap.dim = (int32_t)s.dim, gap.value_dim = (int32_t)s.value_dim;
  add_rows(in, &k, s, "q", &gap.q, 1, s.dim);
  add_rows(in, &k, s, "k", &gap.k, 0, s.dim);
  add_rows(in, &k, s, "v", &gap.v, 0, s.value_dim);
  add_field(&k, (field){.name = "sums", .role = WRITTEN, .place = &gap.out, .align = 2, .size = {s.batch, s.heads, 1, sizeof(la_gap_sums) / sizeof(float)}});
  outcome_free(&k, check_call(&k, in));
  call_free(&k);
}
