#include "kept.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void forge(input *in, float *state, size_t floats) {
  static const float headers[] = {0.0f, 1.0f, 3.5f, 15.0f, 16.0f, 17.0f, -1.0f, 1e9f, -1e-9f, 1e30f, INFINITY, -INFINITY, NAN};
  uint32_t rarity = 1 + choose(in, 40);
  uint64_t seed = choose(in, 65536);
  for (size_t i = 0; i < floats; i++) {
    uint32_t word = random_bits(&seed);
    state[i] = random_signed(&seed);
    if (random_bits(&seed) % rarity == 0) memcpy(&state[i], &word, sizeof word);
  }
  for (size_t i = 0; i < 4; i++) state[i] = CHOOSE_FROM(in, headers);
}

void choose_states(input *in, float *state, size_t heads, size_t features, size_t value_dim, int is_scaled, int forged) {
  size_t floats = scalar_core.la_state_floats((int32_t)features, (int32_t)value_dim);
  if (forged) {
    for (size_t h = 0; h < heads; h++) forge(in, state + h * floats, floats);
    return;
  }
  float *s = malloc((heads * features * value_dim + 1) * sizeof *s), *z = malloc((heads * features + 1) * sizeof *z), *exponents = calloc(heads + 1, sizeof *exponents);
  choose_between(in, s, heads * features * value_dim, 0.0f, 2.0f);
  choose_between(in, z, heads * features, 0.0f, 2.0f);
  if (is_scaled) choose_between(in, exponents, heads, -50.0f, 50.0f);
  la_state_args a = {.heads = (int32_t)heads, .features = (int32_t)features, .value_dim = (int32_t)value_dim, .state = state, .s = s, .z = z, .exponents = exponents};
  if (scalar_core.la_state_write(&a) != LA_OK) fail("la_state_write", "a state is refused");
  free(s);
  free(z);
  free(exponents);
}

void read_states(const core *c, float *state, size_t heads, size_t features, size_t value_dim, double *s, double *z) {
  float *of_s = malloc((heads * features * value_dim + 1) * sizeof *of_s), *of_z = malloc((heads * features + 1) * sizeof *of_z), *exponents = malloc((heads + 1) * sizeof *exponents);
  la_state_args a = {.heads = (int32_t)heads, .features = (int32_t)features, .value_dim = (int32_t)value_dim, .state = state, .s = of_s, .z = of_z, .exponents = exponents};
  if (c->la_state_read(&a) != LA_OK) fail("la_state_read", "a state is refused");
  for (size_t i = 0; i < heads * features; i++) {
    double factor = exp((double)exponents[i / features]);
    z[i] = factor * (double)of_z[i];
    for (size_t n = 0; n < value_dim; n++) s[i * value_dim + n] = factor * (double)of_s[i * value_dim + n];
  }
  free(of_s);
  free(of_z);
  free(exponents);
}
