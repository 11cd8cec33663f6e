#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "targets.h"

static la_state_args args;

static int32_t run_read(const core *c, const call *k) {
  (void)k;
  return c->la_state_read(&args);
}

static int32_t run_write(const core *c, const call *k) {
  (void)k;
  return c->la_state_write(&args);
}

enum { WAYS = 6 };

static void spoil(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.heads = -1;
  if (how == 1) args.features = 0;
  if (how == 2) args.features = LA_MAX_FEATURES + 1;
  if (how == 3) args.value_dim = 0;
  if (how == 4) args.value_dim = LA_MAX_VALUE_DIM + 1;
  if (how == 5) args.heads = 1, args.state = NULL;
}

static call call_of(const char *name, int32_t (*run)(const core *, const call *), field_role of_state, field_role of_sums, int with_exponents, int with_powers) {
  call k = {.name = name, .run = run, .spoil = spoil, .ways = WAYS, .args = &args, .args_size = sizeof args};
  size_t heads = (size_t)args.heads, features = (size_t)args.features, value_dim = (size_t)args.value_dim, floats = scalar_core.la_state_floats(args.features, args.value_dim);
  args.exponents = args.powers = NULL;
  add_field(&k, (field){.name = "state", .role = of_state, .place = &args.state, .align = 4, .size = {1, heads, 1, floats}});
  add_field(&k, (field){.name = "s", .role = of_sums, .place = &args.s, .size = {1, heads, features, value_dim}});
  add_field(&k, (field){.name = "z", .role = of_sums, .place = &args.z, .size = {1, heads, 1, features}});
  if (with_exponents) add_field(&k, (field){.name = "exponents", .role = of_sums, .place = &args.exponents, .size = {1, heads, 1, 1}});
  if (with_powers) add_field(&k, (field){.name = "powers", .role = of_sums, .place = &args.powers, .size = {1, heads, 1, features}});
  return k;
}

/* What was written is read, to the bit; and what is read of any words is the same everywhere. */
void target_state(input *in) {
  static const float exponents[] = {0.0f, 1.5f, -80.0f, 300.0f, -INFINITY};
  args = (la_state_args){.heads = (int32_t)choose(in, 4), .features = choose_width(in, LA_MAX_DIM), .value_dim = choose_width(in, LA_MAX_VALUE_DIM)};
  while ((int64_t)args.heads * args.features * args.value_dim > 100000) args.value_dim = (args.value_dim + 1) / 2;
  int with_exponents = !rarely(in, 3), with_powers = rarely(in, 3);
  call write = call_of("la_state_write", run_write, WRITTEN, READ, with_exponents, with_powers);
  for (size_t i = 1; i < 3; i++) choose_values(in, write.fields[i].values, field_words(&write.fields[i]));
  for (size_t h = 0; with_exponents && h < (size_t)args.heads; h++) write.fields[3].values[h] = CHOOSE_FROM(in, exponents);
  float *powers = with_powers ? write.fields[write.count - 1].values : NULL;
  for (size_t i = 0; powers && i < field_words(&write.fields[write.count - 1]); i++) powers[i] = (float)choose(in, 900) - 700.0f;
  outcome written = check_call(&write, in);
  call read = call_of("la_state_read", run_read, READ, WRITTEN, with_exponents, with_powers);
  memcpy(read.fields[0].values, written.values[0], field_words(&read.fields[0]) * sizeof(float));
  outcome back = check_call(&read, in);
  for (size_t i = 1; i < read.count; i++)
    for (size_t j = 0; j < field_words(&read.fields[i]); j++)
      if (back.values[i][j] != write.fields[i].values[j]) fail("la_state_read", "%s[%zu] was written as %.9g, and is %.9g", read.fields[i].name, j, (double)write.fields[i].values[j], (double)back.values[i][j]);
  choose_states(in, read.fields[0].values, (size_t)args.heads, (size_t)args.features, (size_t)args.value_dim, 0, 1);
  outcome_free(&read, check_call(&read, in));
  outcome_free(&write, written);
  outcome_free(&read, back);
  call_free(&write);
  call_free(&read);
}
