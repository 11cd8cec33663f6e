/* The gradient of the cross-entropy between weights, and a step of Adam. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "outputs.h"
#include "targets.h"

static la_weights_gradient_args args;
static la_adam_args adam;

static int32_t run_weights(const core *c, const call *k) {
  (void)k;
  return c->la_weights_gradient(&args);
}

static int32_t run_adam(const core *c, const call *k) {
  (void)k;
  return c->la_adam(&adam);
}

enum { WEIGHTS_WAYS = 9, ADAM_WAYS = 7 };

static void spoil_weights(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.batch = -1;
  if (how == 1) args.kv_heads = 0;
  if (how == 2) args.dim++;
  if (how == 3) args.softmax_scale = NAN;
  if (how == 4) args.n_q += args.n_q == 0, args.q.data = NULL;
  if (how == 5) args.n_k += args.n_k == 0, args.k.data = NULL;
  if (how == 6) args.map = (la_feature_map){.kind = LA_MAP_ELU, .dim = args.dim, .query_heads = 1, .key_heads = 1};
  if (how == 7) args.map.key_heads = args.kv_heads + 1;
  if (how == 8) args.map.query_weights = NULL, args.map.kind = LA_MAP_LEARNED, args.map.size = 1, args.map.options = 0;
}

/* Each head of keys has weights that are its own or everyone's, and so have the heads of queries that share it. */
static int32_t choose_kv_heads(input *in, const la_feature_map *map, int *is_valid) {
  int32_t all = map->query_heads;
  *is_valid = all == 1 || all % map->key_heads == 0;
  if (all == 1) return map->key_heads * (1 + (int32_t)choose(in, 2));
  return *is_valid && rarely(in, 2) ? all : map->key_heads;
}

void target_weights_gradient(input *in) {
  call k = {.name = "la_weights_gradient", .run = run_weights, .spoil = spoil_weights, .ways = WEIGHTS_WAYS, .args = &args, .args_size = sizeof args, .pooled = 1};
  int32_t batch = rarely(in, 16) ? 0 : 1 + (int32_t)choose(in, 2), n_q = choose_length(in), n_k = rarely(in, 3) ? choose_length(in) : n_q;
  args = (la_weights_gradient_args){.batch = batch, .dim = choose_width(in, LA_MAX_DIM), .causal = (int32_t)choose(in, 2), .softmax_scale = rarely(in, 2) ? 0.3f : 1.0f};
  choose_map_of(in, &k, &args.map, rarely(in, 2) ? LA_MAP_HEDGEHOG : LA_MAP_LEARNED, args.dim, 300);
  int is_valid, calm = !rarely(in, 2);
  args.kv_heads = choose_kv_heads(in, &args.map, &is_valid);
  args.heads = args.kv_heads * (rarely(in, 16) ? 0 : 1 + (int32_t)choose(in, 3));
  int64_t features = scalar_core.la_feature_map_features(&args.map);
  while ((int64_t)batch * args.heads * n_q * n_k * (args.dim + features) > 60000) n_q > n_k ? (n_q /= 2) : (n_k /= 2);
  args.n_q = n_q;
  args.n_k = n_k;
  is_valid = is_valid && weight_columns(&args.map) > 0; /* elu has taken the place of a map that was too large */
  uint64_t wanted = choose_wanted(in);
  add_input_rows(in, &k, "q", &args.q, (row_size){(size_t)batch, (size_t)args.heads, (size_t)n_q, (size_t)args.dim}, calm);
  add_input_rows(in, &k, "k", &args.k, (row_size){(size_t)batch, (size_t)args.kv_heads, (size_t)n_k, (size_t)args.dim}, calm);
  add_weight_gradients(&k, &wanted, &args.map, &args.d_map);
  add_output(&k, &wanted, (field){.name = "loss", .place = &args.loss, .align = 2, .size = {1, 1, 1, 2 * (size_t)args.heads}});
  outcome whole = check_call(&k, in);
  int32_t expected = is_valid ? LA_OK : LA_INVALID_ARGUMENT;
  if (whole.status != expected) fail(k.name, "status %d instead of %d", whole.status, expected);
  outcome_free(&k, whole);
  call_free(&k);
}

static void spoil_adam(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) adam.step = 0;
  if (how == 1) adam.beta1 = 1.0f;
  if (how == 2) adam.beta2 = -0.1f;
  if (how == 3) adam.learning_rate = NAN;
  if (how == 4) adam.epsilon = INFINITY;
  if (how == 5) adam.weight_decay = NAN;
  if (how == 6) adam.count += adam.count == 0, adam.gradient = NULL;
}

/* Algorithm 1 in float64. */
static void compare_step(const call *k, outcome whole, la_adam_args a) {
  const float *before = k->fields[0].values, *first = k->fields[1].values, *second = k->fields[2].values, *gradient = k->fields[3].values;
  double beta1 = (double)a.beta1, beta2 = (double)a.beta2, rate = (double)a.learning_rate, decay = rate * (double)a.weight_decay;
  for (size_t i = 0; i < a.count; i++) {
    double g = (double)gradient[i], m = beta1 * (double)first[i] + (1.0 - beta1) * g, v = beta2 * (double)second[i] + (1.0 - beta2) * g * g;
    double step = rate * (m / (1.0 - pow(beta1, a.step))) / (sqrt(v / (1.0 - pow(beta2, a.step))) + (double)a.epsilon);
    double of_first = fabs((double)first[i]) + fabs(g), most = fabs(rate / (1.0 - pow(beta1, a.step))) * of_first / (sqrt(v / (1.0 - pow(beta2, a.step))) + (double)a.epsilon);
    double expected[] = {(double)before[i] * (1.0 - decay) - step, m, v}, sizes[] = {fabs((double)before[i]) + most, of_first, v};
    for (size_t n = 0; n < 3; n++)
      if (!(fabs((double)whole.values[n][i] - expected[n]) <= 1e-5 * sizes[n] + 1e-37)) fail(k->name, "%s[%zu] is %.9g instead of %.9g", k->fields[n].name, i, (double)whole.values[n][i], expected[n]);
  }
}

void target_adam(input *in) {
  static const float betas[] = {0.9f, 0.0f, 0.999f, 0.5f}, rates[] = {1e-3f, 0.0f, 1.0f, -1e-2f}, epsilons[] = {1e-8f, 1e-3f}, decays[] = {0.0f, 0.1f};
  static const uint32_t steps[] = {1, 2, 100, 100000, UINT32_MAX};
  call k = {.name = "la_adam", .run = run_adam, .spoil = spoil_adam, .ways = ADAM_WAYS, .args = &adam, .args_size = sizeof adam};
  adam = (la_adam_args){.count = (uint32_t)choose_length(in), .step = CHOOSE_FROM(in, steps), .learning_rate = CHOOSE_FROM(in, rates), .beta1 = CHOOSE_FROM(in, betas), .beta2 = CHOOSE_FROM(in, betas), .epsilon = CHOOSE_FROM(in, epsilons), .weight_decay = CHOOSE_FROM(in, decays)};
  la_adam_args a = adam;
  int calm = (int)choose(in, 2);
  struct {
    const char *name;
    const float **place;
    field_role role;
    float low;
  } arrays[] = {{"parameters", (const float **)&adam.parameters, UPDATED, -1.0f}, {"first", (const float **)&adam.first, UPDATED, -1.0f}, {"second", (const float **)&adam.second, UPDATED, 0.0f}, {"gradient", &adam.gradient, READ, -1.0f}};
  for (size_t i = 0; i < 4; i++) {
    float *values = add_field(&k, (field){.name = arrays[i].name, .role = arrays[i].role, .place = arrays[i].place, .size = {1, 1, 1, a.count}});
    if (calm) choose_between(in, values, a.count, arrays[i].low, 1.0f);
    else choose_values(in, values, a.count);
  }
  outcome whole = check_call(&k, in);
  if (calm) compare_step(&k, whole, a);
  outcome_free(&k, whole);
  call_free(&k);
}
