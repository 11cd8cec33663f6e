#include <math.h>
#include <stdlib.h>

#include "choices.h"
#include "targets.h"

/* Arguments of the three functions below. */
static struct {
  la_feature_map map;
  uint32_t seed;
  int32_t heads, head, position, as_key, rows, dim, orthogonal;
  const float *x;
  float *out;
} args;

static int32_t apply(const core *c, const call *k) {
  (void)k;
  return c->la_feature_map_apply(&args.map, args.head, args.position, args.as_key, args.rows, args.x, args.out);
}

static int32_t pack(const core *c, const call *k) {
  (void)k;
  return c->la_feature_map_pack(&args.map, args.heads, args.x, args.out);
}

enum { APPLY_WAYS = 8, PACK_WAYS = 4 };

static void spoil_apply(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.head = -1;
  if (how == 1) args.head = args.as_key ? args.map.key_heads : args.map.query_heads;
  if (how == 2) args.position = -1;
  if (how == 3) args.rows = -1;
  if (how == 4) args.map.options = 1 << 20;
  if (how == 5) args.map.key_heads = 0;
  if (how == 6) args.map = (la_feature_map){.kind = LA_MAP_HEDGEHOG, .dim = 4, .size = 5, .query_heads = 1, .key_heads = 1}; /* no weights */
  if (how == 7) args.map = (la_feature_map){.kind = LA_MAP_DPFP, .dim = 4, .size = 8, .query_heads = 1, .key_heads = 1}; /* a roll by 2·dim */
}

static void spoil_pack(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.heads = 0;
  if (how == 1) args.x = NULL;
  if (how == 2) args.map.kind = LA_MAP_ELU;
  if (how == 3) args.map.dim = 0;
}

/* Any numbers where a map's are expected: refused, or of as many features as are said. */
static void any_map(input *in) {
  static const int32_t numbers[] = {0, 1, -1, 2, 3, 10, 16, 255, 256, 257, 1024, 65535, 65536, 65537, INT32_MAX, INT32_MIN, 46341, 32767};
  static const float epsilons[] = {0.0f, 1e-4f, -1.0f, NAN, INFINITY};
  la_feature_map any = {.kind = rarely(in, 3) ? CHOOSE_FROM(in, numbers) : (int32_t)choose(in, 10),
                        .dim = CHOOSE_FROM(in, numbers),
                        .size = CHOOSE_FROM(in, numbers),
                        .options = CHOOSE_FROM(in, numbers),
                        .epsilon = CHOOSE_FROM(in, epsilons),
                        .query_heads = CHOOSE_FROM(in, numbers),
                        .key_heads = CHOOSE_FROM(in, numbers)};
  int32_t features = scalar_core.la_feature_map_features(&any), packed = scalar_core.la_feature_map_packed(&any);
  if (features < 0 || features > LA_MAX_FEATURES) fail("la_feature_map_features", "%d", features);
  if (packed < 0 || (features == 0 && packed != 0)) fail("la_feature_map_packed", "%d of %d features", packed, features);
  if (features != vector_core.la_feature_map_features(&any) || packed != vector_core.la_feature_map_packed(&any)) fail("la_feature_map_features", "builds differ");
}

void target_feature_map(input *in) {
  call k = {.name = "la_feature_map_apply", .run = apply, .spoil = spoil_apply, .ways = APPLY_WAYS, .args = &args, .args_size = sizeof args};
  any_map(in);
  choose_map(in, &k, &args.map, choose_width(in, LA_MAX_DIM), 700);
  args.as_key = (int32_t)choose(in, 2);
  args.head = (int32_t)choose(in, (uint32_t)(args.as_key ? args.map.key_heads : args.map.query_heads));
  args.position = rarely(in, 3) ? (int32_t)choose(in, 1u << 31) : 0;
  args.rows = rarely(in, 3) ? choose_length(in) % 70 : (int32_t)choose(in, 9);
  size_t n = (size_t)args.rows, d = (size_t)args.map.dim, features = (size_t)scalar_core.la_feature_map_features(&args.map);
  choose_values(in, add_field(&k, (field){.name = "x", .place = &args.x, .size = {1, 1, n, d}}), n * d);
  add_field(&k, (field){.name = "out", .role = WRITTEN, .place = &args.out, .size = {1, 1, n, features}});
  outcome_free(&k, check_call(&k, in));
  call_free(&k);
}

void target_pack(input *in) {
  static const int32_t kinds[] = {LA_MAP_FAVOR, LA_MAP_RFF, LA_MAP_HEDGEHOG, LA_MAP_LEARNED};
  call k = {.name = "la_feature_map_pack", .run = pack, .spoil = spoil_pack, .ways = PACK_WAYS, .args = &args, .args_size = sizeof args};
  args.map = (la_feature_map){.kind = CHOOSE_FROM(in, kinds), .dim = choose_width(in, LA_MAX_DIM), .query_heads = 1, .key_heads = 1};
  args.map.size = args.map.kind == LA_MAP_HEDGEHOG && rarely(in, 2) ? 0 : 2 * choose_width(in, 200);
  args.heads = 1 + (int32_t)choose(in, 3);
  size_t heads = (size_t)args.heads, columns = weight_columns(&args.map), packed = (size_t)scalar_core.la_feature_map_packed(&args.map);
  choose_values(in, add_field(&k, (field){.name = "weights", .place = &args.x, .size = {1, 1, heads, (size_t)args.map.dim * columns}}), heads * (size_t)args.map.dim * columns);
  add_field(&k, (field){.name = "out", .role = WRITTEN, .place = &args.out, .size = {1, 1, heads, packed}});
  outcome_free(&k, check_call(&k, in));
  call_free(&k);
}

static int32_t run_random(const core *c, const call *k) {
  (void)k;
  return c->la_random_features(args.seed, ~args.seed, args.heads, args.rows, args.dim, args.orthogonal, args.out);
}

static void spoil_random(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.heads = 0;
  if (how == 1) args.rows = LA_MAX_FEATURES + 1;
  if (how == 2) args.dim = LA_MAX_DIM + 1;
  if (how == 3) args.out = NULL;
}

void target_random_features(input *in) {
  call k = {.name = "la_random_features", .run = run_random, .spoil = spoil_random, .ways = 4, .args = &args, .args_size = sizeof args};
  args.seed = choose(in, UINT32_MAX);
  args.heads = 1 + (int32_t)choose(in, 3);
  args.rows = choose_width(in, 100);
  args.dim = choose_width(in, 100);
  args.orthogonal = (int32_t)choose(in, 2);
  add_field(&k, (field){.name = "out", .role = WRITTEN, .place = &args.out, .size = {1, (size_t)args.heads, (size_t)args.rows, (size_t)args.dim}});
  outcome_free(&k, check_call(&k, in));
  call_free(&k);
}
