#include "linear_choices.h"

#include <math.h>

#include "kept.h"

/* A divisor of n, all alike. */
static size_t choose_divisor(input *in, size_t n) {
  size_t divisors[64], count = 0;
  for (size_t i = n; i > 0; i--)
    if (n % i == 0) divisors[count++] = i;
  return divisors[choose(in, (uint32_t)count)];
}

/* The larger of k and v is a multiple of the smaller, and the heads of the result of it and of q's. */
static void choose_heads(input *in, linear_sizes *s) {
  s->state_heads = 1 + choose(in, 4);
  size_t fewer = choose_divisor(in, s->state_heads), of_keys = choose(in, 2);
  s->k_heads = of_keys ? fewer : s->state_heads;
  s->v_heads = of_keys ? s->state_heads : fewer;
  s->heads = s->state_heads * (rarely(in, 16) ? 0 : 1 + choose(in, 3));
  s->q_heads = s->heads == 0 ? 1 : choose_divisor(in, s->heads);
}

static void add_inputs(input *in, call *k, la_linear_args *args, linear_sizes s, int calm) {
  static const float magnitudes[] = {1.0f, 0.3f, 0.1f};
  struct {
    const char *name;
    la_array *place;
    size_t heads, rows, width;
    field_rows of;
  } inputs[] = {{"q", &args->q, s.q_heads, s.n_q, s.dim, QUERY_ROWS}, {"k", &args->k, s.k_heads, s.n_k, s.dim, KEY_ROWS}, {"v", &args->v, s.v_heads, s.n_k, s.value_dim, KEY_ROWS}};
  for (size_t i = 0; i < 3; i++) {
    field f = {inputs[i].name, READ, ARRAY, inputs[i].place, {s.batch, inputs[i].heads, inputs[i].rows, inputs[i].width}, 1, NULL, inputs[i].of, 1, 1};
    float *values = add_field(k, f), magnitude = CHOOSE_FROM(in, magnitudes);
    if (calm) choose_between(in, values, field_words(&f), -magnitude, magnitude);
    else choose_values(in, values, field_words(&f));
  }
}

static float *add_gate(input *in, call *k, linear_sizes s, const char *name, la_gate *place, size_t width, size_t *count) {
  field f = {name, READ, GATE, place, {s.batch, choose_divisor(in, s.state_heads), s.n_k, width}, 1, NULL, KEY_ROWS, 1, 1};
  for (int axis = 0; axis < 3; axis++)
    if (rarely(in, 3)) f.size[axis] = 1;
  *count = field_words(&f);
  return add_field(k, f);
}

static void add_gates(input *in, call *k, la_linear_args *args, linear_sizes s) {
  static const float lows[] = {-1.0f, -0.1f, 0.0f, -60.0f, -1000.0f, -INFINITY}, highs[] = {1.0f, 2.0f, 0.5f};
  size_t count;
  if (rarely(in, 2)) {
    float *decay = add_gate(in, k, s, "decay", &args->decay, rarely(in, 2) ? s.features : 1, &count), low = CHOOSE_FROM(in, lows);
    choose_between(in, decay, count, isinf(low) ? -1.0f : low, 0.0f);
    if (isinf(low) && count > 0) decay[choose(in, (uint32_t)count)] = low;
    args->allow_growth = rarely(in, 4);
    if (rarely(in, 8) && count > 0) decay[choose(in, (uint32_t)count)] = rarely(in, 2) ? 100.0f : 0.5f;
  }
  if (rarely(in, 3)) {
    float *beta = add_gate(in, k, s, "beta", &args->beta, 1, &count);
    choose_between(in, beta, count, 0.0f, CHOOSE_FROM(in, highs));
  }
}

void choose_write_gate(input *in, call *k, la_linear_args *args, linear_sizes s) {
  size_t count;
  float *write_gate = add_gate(in, k, s, "write_gate", &args->write_gate, 1, &count);
  choose_between(in, write_gate, count, 0.0f, 1.5f);
}

int add_state(input *in, call *k, la_linear_args *args, linear_sizes s, field_role role) {
  size_t floats = scalar_core.la_state_floats((int32_t)s.features, (int32_t)s.value_dim);
  float *state = add_field(k, (field){"state", role, PLAIN, &args->state, {s.batch, s.state_heads, 1, floats}, 4, NULL, NO_ROWS, 1, 0});
  int forged = rarely(in, 4), is_scaled = args->map.kind == LA_MAP_FAVOR || args->map.kind == LA_MAP_RFF || args->map.options & LA_MAP_EXP;
  if (forged || !rarely(in, 3)) choose_states(in, state, s.batch * s.state_heads, s.features, s.value_dim, is_scaled, forged);
  return forged;
}

static void add_rows_of_batch(input *in, call *k, la_linear_args *args, linear_sizes s) {
  if (rarely(in, 4)) {
    int32_t *positions = (int32_t *)add_field(k, (field){.name = "positions", .place = &args->positions, .size = {1, 1, 1, s.batch}});
    for (size_t i = 0; i < s.batch; i++) positions[i] = (int32_t)choose(in, 100000);
  }
  if (rarely(in, 4)) {
    int32_t *lengths = (int32_t *)add_field(k, (field){.name = "key_lengths", .place = &args->key_lengths, .size = {1, 1, 1, s.batch}});
    for (size_t i = 0; i < s.batch; i++) lengths[i] = (int32_t)choose(in, (uint32_t)s.n_k + 1);
    k->key_lengths = lengths;
  }
}

void choose_starts(input *in, call *k, la_linear_args *args, linear_sizes s) {
  if (!k->key_lengths || s.n_q != s.n_k || !rarely(in, 2)) return;
  int32_t *starts = (int32_t *)add_field(k, (field){.name = "starts", .place = &args->starts, .size = {1, 1, 1, s.batch}});
  for (size_t i = 0; i < s.batch; i++) starts[i] = (int32_t)choose(in, (uint32_t)s.n_k - (uint32_t)k->key_lengths[i] + 1);
  k->starts = starts;
}

linear_choice choose_linear(input *in, call *k, la_linear_args *args, linear_limits most) {
  static const float scales[] = {1.0f, 0.125f, -0.5f, 0.0f, 3.0f}, epsilons[] = {1e-6f, 0.0f, 1.0f};
  linear_sizes s = {.batch = rarely(in, 16) ? 0 : 1 + choose(in, 2), .n_q = (size_t)choose_length(in), .dim = (size_t)choose_width(in, most.most_width), .value_dim = (size_t)choose_width(in, LA_MAX_VALUE_DIM)};
  choose_heads(in, &s);
  la_linear_args a = {.causal = (int32_t)choose(in, 2), .normalize = !rarely(in, 3), .scale = CHOOSE_FROM(in, scales), .eps = CHOOSE_FROM(in, epsilons)};
  s.n_k = a.causal || !rarely(in, 3) ? s.n_q : (size_t)choose_length(in);
  *args = a;
  /* Half of the calls can be compared with sums in another order. */
  static const int32_t calm_maps[] = {LA_MAP_ELU, LA_MAP_ELU, LA_MAP_RELU, LA_MAP_IDENTITY};
  int calm = (int)choose(in, 2);
  if (calm) args->map = (la_feature_map){.kind = CHOOSE_FROM(in, calm_maps), .dim = (int32_t)s.dim, .query_heads = 1, .key_heads = 1};
  else choose_map(in, k, &args->map, (int32_t)s.dim, most.features);
  s.features = (size_t)scalar_core.la_feature_map_features(&args->map);
  while (s.batch * s.state_heads * s.features * s.value_dim > most.of_state) s.value_dim = (s.value_dim + 1) / 2;
  while (s.batch * s.heads * (s.n_q + s.n_k) * s.features * s.value_dim > most.of_tokens) s.n_q /= 2, s.n_k /= 2;
  if (a.causal) s.n_k = s.n_q;
  args->batch = (int32_t)s.batch, args->heads = (int32_t)s.heads, args->q_heads = (int32_t)s.q_heads, args->k_heads = (int32_t)s.k_heads, args->v_heads = (int32_t)s.v_heads;
  args->n_q = (int32_t)s.n_q, args->n_k = (int32_t)s.n_k, args->dim = (int32_t)s.dim, args->value_dim = (int32_t)s.value_dim;
  k->causal = a.causal;
  k->looks_ahead = args->map.epsilon > 0.0f; /* which is relative to all keys of the call */
  add_inputs(in, k, args, s, calm);
  if (a.causal) add_gates(in, k, args, s);
  add_rows_of_batch(in, k, args, s);
  return (linear_choice){s, calm};
}
