/* A step of distilling. */
#include <math.h>

#include "outputs.h"
#include "targets.h"

static la_distill_args args;

static int32_t run(const core *c, const call *k) {
  (void)k;
  return c->la_distill(&args);
}

enum { WAYS = 9 };

static void spoil(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.heads = 0;
  if (how == 1) args.kv_heads = 0;
  if (how == 2) args.n_q = 0;
  if (how == 3) args.dim++;
  if (how == 4) args.eps = -1.0f;
  if (how == 5) args.squares = NULL;
  if (how == 6) args.target.data = NULL;
  if (how == 7) args.map = (la_feature_map){.kind = LA_MAP_ELU, .dim = args.dim, .query_heads = 1, .key_heads = 1};
  if (how == 8) args.causal = 1, args.n_q = 2, args.n_k = 1;
}

/* Weights are those of all heads, or of a head of keys each. */
static int32_t choose_kv_heads(input *in, const la_feature_map *map) {
  if (map->key_heads > 1) return map->key_heads;
  return map->query_heads > 1 ? map->query_heads : 1 + (int32_t)choose(in, 3);
}

void target_distill(input *in) {
  static const float epsilons[] = {1e-6f, 0.0f, 0.5f};
  call k = {.name = "la_distill", .run = run, .spoil = spoil, .ways = WAYS, .args = &args, .args_size = sizeof args, .pooled = 1};
  int32_t n_q = 1 + choose_length(in), n_k = 1 + choose_length(in);
  args = (la_distill_args){.dim = choose_width(in, LA_MAX_DIM), .value_dim = choose_width(in, 256), .causal = (int32_t)choose(in, 2), .eps = CHOOSE_FROM(in, epsilons)};
  choose_map_of(in, &k, &args.map, rarely(in, 2) ? LA_MAP_HEDGEHOG : LA_MAP_LEARNED, args.dim, 300);
  int calm = !rarely(in, 2);
  args.kv_heads = choose_kv_heads(in, &args.map);
  args.heads = args.kv_heads * (1 + (int32_t)choose(in, 2));
  int64_t features = scalar_core.la_feature_map_features(&args.map);
  while ((int64_t)args.heads * (n_q + n_k) * features * (args.value_dim + args.dim) > 400000 && n_q + n_k + args.value_dim > 3) n_q = (n_q + 1) / 2, n_k = (n_k + 1) / 2, args.value_dim = (args.value_dim + 1) / 2;
  args.n_q = n_q;
  args.n_k = args.causal ? n_q : n_k;
  int follows = (args.map.query_heads == 1 || args.map.query_heads == args.kv_heads) && (args.map.key_heads == 1 || args.map.key_heads == args.kv_heads);
  int is_valid = follows && weight_columns(&args.map) > 0; /* elu has taken the place of a map that was too large */
  uint64_t wanted = choose_wanted(in);
  add_input_rows(in, &k, "q", &args.q, (row_size){1, (size_t)args.heads, (size_t)args.n_q, (size_t)args.dim}, calm);
  add_input_rows(in, &k, "target", &args.target, (row_size){1, (size_t)args.heads, (size_t)args.n_q, (size_t)args.value_dim}, calm);
  add_input_rows(in, &k, "k", &args.k, (row_size){1, (size_t)args.kv_heads, (size_t)args.n_k, (size_t)args.dim}, calm);
  add_input_rows(in, &k, "v", &args.v, (row_size){1, (size_t)args.kv_heads, (size_t)args.n_k, (size_t)args.value_dim}, calm);
  choose_between(in, add_field(&k, (field){.name = "weights", .place = &args.weights, .size = {1, 1, 1, (size_t)args.kv_heads}}), (size_t)args.kv_heads, 0.1f, 1.0f);
  add_field(&k, (field){.name = "squares", .role = WRITTEN, .place = &args.squares, .align = 2, .size = {1, 1, 1, 2 * (size_t)args.kv_heads}});
  add_weight_gradients(&k, &wanted, &args.map, &args.d_map);
  outcome whole = check_call(&k, in);
  int32_t expected = is_valid ? LA_OK : LA_INVALID_ARGUMENT;
  if (whole.status != expected) fail(k.name, "status %d instead of %d", whole.status, expected);
  outcome_free(&k, whole);
  call_free(&k);
}
