#include <math.h>
#include <string.h>

#include "choices.h"
#include "slices.h"
#include "targets.h"

static la_linear_args args;

static int32_t run(const core *c, const call *k) {
  (void)k;
  return c->la_linear(&args);
}

SLICED_CALL(la_linear)

enum { WAYS = 13 };

static void spoil(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.batch = INT32_MIN;
  if (how == 1) args.heads = args.heads * 2 + 1, args.kv_heads = 2;
  if (how == 2) args.kv_heads = -1;
  if (how == 3) args.n_q = -1;
  if (how == 4) args.n_q = 1, args.n_k = 2, args.causal = 1;
  if (how == 5) args.map.dim = args.dim + 1;
  if (how == 6) args.value_dim = LA_MAX_DIM + 1;
  static const int32_t before[] = {-1, -1};
  if (how == 7) args.positions = before, args.batch += args.batch == 0; /* a batch of none has no position */
  if (how == 8) args.scale = NAN;
  if (how == 9) args.eps = -1e-9f;
  if (how == 10) args.eps = INFINITY;
  if (how == 11) args.map.kind = 10;
  if (how == 12) args.map.query_heads = 0;
}

typedef struct {
  size_t batch, heads, kv_heads, n_q, n_k, dim, value_dim, features;
} sizes;

static void add_inputs(input *in, call *k, sizes s) {
  struct {
    const char *name;
    la_array *place;
    size_t heads, rows, width;
    field_rows of;
  } inputs[] = {{"q", &args.q, s.heads, s.n_q, s.dim, QUERY_ROWS}, {"k", &args.k, s.kv_heads, s.n_k, s.dim, KEY_ROWS}, {"v", &args.v, s.kv_heads, s.n_k, s.value_dim, KEY_ROWS}};
  for (size_t i = 0; i < 3; i++) {
    field f = {inputs[i].name, READ, ARRAY, inputs[i].place, {s.batch, inputs[i].heads, inputs[i].rows, inputs[i].width}, 1, NULL, inputs[i].of, 1, 1};
    choose_values(in, add_field(k, f), s.batch * inputs[i].heads * inputs[i].rows * inputs[i].width);
  }
  add_field(k, (field){"out", WRITTEN, ARRAY, &args.out, {s.batch, s.heads, s.n_q, s.value_dim}, 1, NULL, QUERY_ROWS, 1, 0});
}

static float *add_gate(input *in, call *k, sizes s, const char *name, la_gate *place, size_t width, size_t *count) {
  field f = {name, READ, GATE, place, {s.batch, s.kv_heads, s.n_k, width}, 1, NULL, KEY_ROWS, 1, 1};
  for (int axis = 0; axis < 3; axis++)
    if (rarely(in, 3)) f.size[axis] = 1;
  *count = field_words(&f);
  return add_field(k, f);
}

static void add_gates(input *in, call *k, sizes s) {
  static const float lows[] = {-1.0f, -0.1f, 0.0f, -60.0f, -1000.0f, -INFINITY}, highs[] = {1.0f, 2.0f, 0.5f};
  size_t count;
  if (rarely(in, 2)) {
    float *decay = add_gate(in, k, s, "decay", &args.decay, rarely(in, 2) ? s.features : 1, &count), low = CHOOSE_FROM(in, lows);
    choose_between(in, decay, count, isinf(low) ? -1.0f : low, 0.0f);
    if (isinf(low) && count > 0) decay[choose(in, (uint32_t)count)] = low;
    args.allow_growth = rarely(in, 4);
    if (rarely(in, 8) && count > 0) decay[choose(in, (uint32_t)count)] = rarely(in, 2) ? 100.0f : 0.5f;
  }
  if (rarely(in, 3)) {
    float *beta = add_gate(in, k, s, "beta", &args.beta, 1, &count);
    choose_between(in, beta, count, 0.0f, CHOOSE_FROM(in, highs));
  }
  if (rarely(in, 4)) {
    float *write_gate = add_gate(in, k, s, "write_gate", &args.write_gate, 1, &count);
    choose_between(in, write_gate, count, 0.0f, 1.5f);
  }
}

static void add_state(input *in, call *k, sizes s) {
  size_t heads = s.batch * s.kv_heads;
  int is_empty = rarely(in, 3), is_scaled = args.map.kind == LA_MAP_FAVOR || args.map.kind == LA_MAP_RFF;
  size_t exponents = !is_scaled && args.normalize && args.eps == 0.0f ? s.features : 1; /* ratios have a power of two a feature */
  struct {
    const char *name;
    float **place;
    size_t rows, width;
  } parts[] = {{"state", &args.state, s.features, s.value_dim}, {"key_sum", &args.key_sum, 1, s.features}, {"exponents", &args.exponents, 1, exponents}};
  for (size_t i = 0; i < 3; i++) {
    float *values = add_field(k, (field){parts[i].name, UPDATED, PLAIN, parts[i].place, {s.batch, s.kv_heads, parts[i].rows, parts[i].width}, 1, NULL, NO_ROWS, 1, 0});
    if (!is_empty) choose_between(in, values, heads * parts[i].rows * parts[i].width, i == 2 ? -50.0f : 0.0f, i == 2 ? 50.0f : 2.0f);
    for (size_t h = 0; is_scaled && is_empty && i == 2 && h < heads; h++) values[h] = -INFINITY;
    for (size_t h = 0; !is_scaled && i == 2 && h < heads * exponents; h++) values[h] = is_empty ? 0.0f : floorf(values[h]);
  }
}

/* Whether sums in another order are close to each other. */
static int is_tame(const call *k) {
  for (size_t i = 0; i < k->count; i++)
    for (size_t j = 0; j < field_words(&k->fields[i]); j++)
      if (strlen(k->fields[i].name) == 1 && !(fabsf(k->fields[i].values[j]) <= 3.0f)) return 0;
  return (args.map.kind == LA_MAP_ELU || args.map.kind == LA_MAP_RELU || args.map.kind == LA_MAP_TAYLOR || args.map.kind == LA_MAP_COSFORMER) && args.scale > 0.0f &&
         !args.allow_growth;
}

void target_linear(input *in) {
  static const float scales[] = {1.0f, 0.125f, -0.5f, 0.0f, 3.0f}, epsilons[] = {1e-6f, 0.0f, 1.0f};
  call k = {.name = "la_linear", .run = run, .items = items, .window = window, .spoil = spoil, .ways = WAYS, .args = &args, .args_size = sizeof args, .pooled = 1};
  sizes s = {rarely(in, 16) ? 0 : 1 + choose(in, 2), 0, 1 + choose(in, 3), (size_t)choose_length(in), 0, (size_t)choose_width(in, LA_MAX_DIM), (size_t)choose_width(in, LA_MAX_DIM), 0};
  s.heads = s.kv_heads * (rarely(in, 16) ? 0 : 1 + choose(in, 3));
  la_linear_args a = {.causal = (int32_t)choose(in, 2), .normalize = !rarely(in, 3), .scale = CHOOSE_FROM(in, scales), .eps = CHOOSE_FROM(in, epsilons)};
  s.n_k = a.causal || !rarely(in, 3) ? s.n_q : (size_t)choose_length(in);
  args = a;
  choose_map(in, &k, &args.map, (int32_t)s.dim, 600);
  s.features = (size_t)scalar_core.la_feature_map_features(&args.map);
  while (s.batch * s.heads * (s.n_q + s.n_k) * s.features * s.value_dim > 500000) s.n_q /= 2, s.n_k /= 2;
  if (a.causal) s.n_k = s.n_q;
  args.batch = (int32_t)s.batch, args.heads = (int32_t)s.heads, args.kv_heads = k.kv_heads = (int32_t)s.kv_heads;
  args.n_q = (int32_t)s.n_q, args.n_k = (int32_t)s.n_k, args.dim = (int32_t)s.dim, args.value_dim = (int32_t)s.value_dim;
  k.causal = a.causal;
  k.looks_ahead = args.map.epsilon > 0.0f; /* which is relative to all keys of the call */
  add_inputs(in, &k, s);
  if (a.causal) add_gates(in, &k, s);
  if (rarely(in, 2)) add_state(in, &k, s);
  if (rarely(in, 4)) {
    int32_t *positions = (int32_t *)add_field(&k, (field){.name = "positions", .place = &args.positions, .size = {1, 1, 1, s.batch}});
    for (size_t i = 0; i < s.batch; i++) positions[i] = (int32_t)choose(in, 100000);
  }
  if (rarely(in, 4)) {
    int32_t *lengths = (int32_t *)add_field(&k, (field){.name = "key_lengths", .place = &args.key_lengths, .size = {1, 1, 1, s.batch}});
    for (size_t i = 0; i < s.batch; i++) lengths[i] = (int32_t)choose(in, (uint32_t)s.n_k + 1);
    k.key_lengths = lengths;
  }
  k.tolerance = is_tame(&k) ? 1e-4 : -1.0;
  outcome whole = check_call(&k, in);
  check_poison(&k, in, whole);
  outcome_free(&k, whole);
  call_free(&k);
}
