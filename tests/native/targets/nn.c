#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "choices.h"
#include "targets.h"

static la_dense_args dense;
static int dense_in_place; /* the residual is out itself */

static int32_t run_dense(const core *c, const call *k) {
  (void)k;
  if (dense_in_place) dense.residual = dense.out;
  return c->la_dense(&dense);
}

static void spoil_dense(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) dense.rows = -1;
  if (how == 1) dense.inputs = 0;
  if (how == 2) dense.outputs = LA_MAX_WIDTH + 1;
  if (how == 3) dense.activation = 2;
}

static struct {
  int32_t outputs, inputs;
  const float *weight, *bias;
  float *packed;
} packing;

static int32_t run_pack(const core *c, const call *k) {
  (void)k;
  return c->la_dense_pack(packing.outputs, packing.inputs, packing.weight, packing.bias, packing.packed);
}

static void spoil_pack(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) packing.outputs = 0;
  if (how == 1) packing.inputs = LA_MAX_WIDTH + 1;
  if (how == 2) packing.weight = NULL;
  if (how == 3) packing.packed = NULL;
}

static size_t packed_words(size_t outputs, size_t inputs) { return (outputs + LA_DENSE_PANEL - 1) / LA_DENSE_PANEL * LA_DENSE_PANEL * (1 + inputs); }

void target_dense_pack(input *in) {
  call k = {.name = "la_dense_pack", .run = run_pack, .spoil = spoil_pack, .ways = 4, .args = &packing, .args_size = sizeof packing};
  size_t outputs = (size_t)choose_width(in, 200), inputs = (size_t)choose_width(in, 200);
  memset(&packing, 0, sizeof packing);
  packing.outputs = (int32_t)outputs;
  packing.inputs = (int32_t)inputs;
  choose_values(in, add_field(&k, (field){.name = "weight", .place = &packing.weight, .size = {1, 1, outputs, inputs}}), outputs * inputs);
  if (rarely(in, 2)) choose_values(in, add_field(&k, (field){.name = "bias", .place = &packing.bias, .size = {1, 1, 1, outputs}}), outputs);
  add_field(&k, (field){.name = "packed", .role = WRITTEN, .place = &packing.packed, .size = {1, 1, 1, packed_words(outputs, inputs)}});
  outcome_free(&k, check_call(&k, in));
  call_free(&k);
}

/* Every row by itself has the bits that it has among the others. */
static void check_rows_alone(const call *k, outcome whole, size_t out_at, size_t outputs) {
  size_t rows = (size_t)dense.rows;
  call one = *k;
  dense.rows = 1;
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < one.count; i++) {
      if (k->fields[i].rows == NO_ROWS) continue;
      one.fields[i].size[2] = 1;
      one.fields[i].values = k->fields[i].values + r * k->fields[i].size[3];
    }
    outcome alone = trial(&one, (trial_options){.core = &vector_core});
    for (size_t o = 0; o < outputs; o++)
      if (!same_value(alone.values[out_at][o], whole.values[out_at][r * outputs + o]))
        fail(k->name, "row %zu of %zu, output %zu: %.9g alone, %.9g among the others", r, rows, o, (double)alone.values[out_at][o],
             (double)whole.values[out_at][r * outputs + o]);
    outcome_free(&one, alone);
  }
  dense.rows = (int32_t)rows;
}

void target_dense(input *in) {
  call k = {.name = "la_dense", .run = run_dense, .spoil = spoil_dense, .ways = 4, .args = &dense, .args_size = sizeof dense};
  size_t rows = rarely(in, 8) ? 0 : 1 + choose(in, 9), inputs = (size_t)choose_width(in, 300), outputs = (size_t)choose_width(in, 300);
  if (rarely(in, 8)) rows = 61 + choose(in, 70);
  dense = (la_dense_args){.rows = (int32_t)rows, .inputs = (int32_t)inputs, .outputs = (int32_t)outputs, .activation = (int32_t)choose(in, 2)};
  choose_values(in, add_field(&k, (field){.name = "x", .rows = QUERY_ROWS, .place = &dense.x, .size = {1, 1, rows, inputs}}), rows * inputs);
  float *weight = malloc(outputs * inputs * sizeof *weight), *bias = malloc(outputs * sizeof *bias);
  choose_values(in, weight, outputs * inputs);
  choose_values(in, bias, outputs);
  float *packed = add_field(&k, (field){.name = "packed", .place = &dense.packed, .size = {1, 1, 1, packed_words(outputs, inputs)}});
  if (scalar_core.la_dense_pack(dense.outputs, dense.inputs, weight, bias, packed) != LA_OK) fail(k.name, "weights are refused");
  free(weight);
  free(bias);
  uint32_t residual = choose(in, 3);
  dense_in_place = residual == 2;
  if (residual == 1) choose_values(in, add_field(&k, (field){.name = "residual", .rows = QUERY_ROWS, .place = &dense.residual, .size = {1, 1, rows, outputs}}), rows * outputs);
  float *before = add_field(&k, (field){.name = "out", .role = dense_in_place ? UPDATED : WRITTEN, .rows = QUERY_ROWS, .place = &dense.out, .size = {1, 1, rows, outputs}});
  if (dense_in_place) choose_values(in, before, rows * outputs);
  outcome whole = check_call(&k, in);
  if (rows < 12 && whole.status == LA_OK) check_rows_alone(&k, whole, k.count - 1, outputs);
  outcome_free(&k, whole);
  call_free(&k);
}

static la_layer_norm_args norm;
static int norm_in_place;

static int32_t run_norm(const core *c, const call *k) {
  (void)k;
  if (norm_in_place) norm.x = norm.out;
  return c->la_layer_norm(&norm);
}

static void spoil_norm(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) norm.rows = -1;
  if (how == 1) norm.width = 0;
  if (how == 2) norm.eps = -1.0f;
  if (how == 3) norm.weight = NULL;
}

void target_layer_norm(input *in) {
  call k = {.name = "la_layer_norm", .run = run_norm, .spoil = spoil_norm, .ways = 4, .args = &norm, .args_size = sizeof norm};
  size_t rows = choose(in, 8), width = (size_t)choose_width(in, 1024);
  norm = (la_layer_norm_args){.rows = (int32_t)rows, .width = (int32_t)width, .eps = rarely(in, 3) ? 0.0f : 1e-5f};
  norm_in_place = (int)choose(in, 2);
  choose_values(in, add_field(&k, (field){.name = "weight", .place = &norm.weight, .size = {1, 1, 1, width}}), width);
  choose_values(in, add_field(&k, (field){.name = "bias", .place = &norm.bias, .size = {1, 1, 1, width}}), width);
  if (!norm_in_place) choose_values(in, add_field(&k, (field){.name = "x", .place = &norm.x, .size = {1, 1, rows, width}}), rows * width);
  float *out = add_field(&k, (field){.name = "out", .role = norm_in_place ? UPDATED : WRITTEN, .place = &norm.out, .size = {1, 1, rows, width}});
  if (norm_in_place) choose_values(in, out, rows * width);
  outcome_free(&k, check_call(&k, in));
  call_free(&k);
}

static la_sample_args sample;

static int32_t run_sample(const core *c, const call *k) {
  (void)k;
  return c->la_sample(&sample);
}

static void spoil_sample(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) sample.rows = -1;
  if (how == 1) sample.classes = LA_MAX_WIDTH + 1;
  if (how == 2) sample.temperature = -1.0f;
  if (how == 3) sample.temperature = INFINITY;
}

static struct {
  la_generator *generators;
  int32_t count;
  uint32_t seed, first;
} seeding;

static int32_t run_seed(const core *c, const call *k) {
  (void)k;
  return c->la_generator_seed(seeding.generators, seeding.count, seeding.seed, seeding.first);
}

static void spoil_seed(const call *k, uint32_t how) {
  (void)k, (void)how;
  seeding.count = -1;
}

/* Generators of `rows` rows, in words. */
static outcome seed_generators(input *in, call *k, size_t rows) {
  *k = (call){.name = "la_generator_seed", .run = run_seed, .spoil = spoil_seed, .ways = 1, .args = &seeding, .args_size = sizeof seeding};
  seeding.count = (int32_t)rows;
  seeding.seed = choose(in, UINT32_MAX);
  seeding.first = choose(in, UINT32_MAX);
  add_field(k, (field){.name = "generators", .role = WRITTEN, .place = &seeding.generators, .align = 2, .size = {1, 1, rows, sizeof(la_generator) / sizeof(float)}});
  return check_call(k, in);
}

void target_sample(input *in) {
  static const float temperatures[] = {1.0f, 0.0f, 0.1f, 30.0f, 1e-30f, 3e38f};
  call seeds, k = {.name = "la_sample", .run = run_sample, .spoil = spoil_sample, .ways = 4, .args = &sample, .args_size = sizeof sample};
  size_t rows = choose(in, 6), classes = (size_t)choose_width(in, 1024);
  outcome seeded = seed_generators(in, &seeds, rows);
  sample = (la_sample_args){.rows = (int32_t)rows, .classes = (int32_t)classes, .temperature = CHOOSE_FROM(in, temperatures)};
  float *logits = add_field(&k, (field){.name = "logits", .place = &sample.logits, .size = {1, 1, rows, classes}});
  choose_values(in, logits, rows * classes);
  for (uint32_t n = rows > 0 ? choose(in, 4) : 0; n > 0; n--) logits[choose(in, (uint32_t)(rows * classes))] = rarely(in, 4) ? NAN : -INFINITY;
  float *generators = add_field(&k, (field){.name = "generators", .role = UPDATED, .place = &sample.generators, .align = 2, .size = {1, 1, rows, sizeof(la_generator) / sizeof(float)}});
  memcpy(generators, seeded.values[0], rows * sizeof(la_generator));
  add_field(&k, (field){.name = "out", .role = WRITTEN, .place = &sample.out, .size = {1, 1, 1, rows}});
  outcome whole = check_call(&k, in);
  for (size_t r = 0; r < rows && whole.status == LA_OK; r++) {
    int32_t drawn;
    memcpy(&drawn, &whole.values[2][r], sizeof drawn);
    if (drawn < -1 || drawn >= (int32_t)classes) fail(k.name, "class %d of %zu", drawn, classes);
    if (drawn >= 0 && logits[r * classes + (size_t)drawn] == -INFINITY) fail(k.name, "class %d was drawn, whose logit is -inf", drawn);
    if (drawn == -1 && memcmp(whole.values[1], generators, rows * sizeof(la_generator)) != 0) fail(k.name, "nothing was drawn, and a generator was touched");
  }
  outcome_free(&seeds, seeded);
  outcome_free(&k, whole);
  call_free(&seeds);
  call_free(&k);
}
