#include "recurrence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"

typedef struct {
  size_t heads, features, value_dim; /* heads: of all rows of the batch */
} state_sizes;

static state_sizes sizes_of(const la_linear_args *a) {
  int32_t state_heads = a->k_heads > a->v_heads ? a->k_heads : a->v_heads;
  return (state_sizes){(size_t)a->batch * (size_t)state_heads, (size_t)scalar_core.la_feature_map_features(&a->map), (size_t)a->value_dim};
}

static const field *field_named(const call *k, const char *name) {
  for (size_t i = 0; i < k->count; i++)
    if (strcmp(k->fields[i].name, name) == 0) return &k->fields[i];
  return NULL;
}

static float most_of(const field *f, int absolute) {
  float most = 0.0f;
  for (size_t i = 0; f && i < field_words(f); i++) most = fmaxf(most, absolute ? fabsf(f->values[i]) : f->values[i]);
  return most;
}

/* The delta rule shrinks what was written where beta·‖φ(k)‖² ≤ 2, and else may let roundings grow without end. */
static int delta_is_stable(const la_linear_args *a, const call *k) {
  const field *keys = field_named(k, "k"), *beta = field_named(k, "beta"), *gate = field_named(k, "write_gate");
  if (!beta) return 1;
  if (a->map.kind > LA_MAP_IDENTITY) return 0;
  size_t dim = (size_t)a->dim;
  float most = 0.0f, most_gate = gate ? most_of(gate, 1) : 1.0f;
  for (size_t r = 0; r < field_words(keys) / dim; r++) {
    float sum = 0.0f;
    for (size_t i = 0; i < dim; i++) {
      float x = keys->values[r * dim + i], y = a->map.kind == LA_MAP_IDENTITY ? x : a->map.kind == LA_MAP_RELU ? fmaxf(x, 0.0f) : x > 0.0f ? x + 1.0f : expf(x);
      sum += y * y;
    }
    most = fmaxf(most, sum);
  }
  return most_of(beta, 1) * most * most_gate * most_gate <= 2.0f;
}

int linear_is_tame(const la_linear_args *a, const call *k) {
  int kind = a->map.kind, is_positive = kind == LA_MAP_ELU || (kind == LA_MAP_RELU && a->eps > 0.0f);
  const char *inputs[] = {"q", "k", "v"};
  for (size_t i = 0; i < 3; i++) {
    float most = most_of(field_named(k, inputs[i]), 1);
    if (!(most <= 3.0f) || (most < 0.01f && most > 0.0f)) return 0;
  }
  if (kind != LA_MAP_ELU && kind != LA_MAP_RELU && kind != LA_MAP_IDENTITY && kind != LA_MAP_COSFORMER && kind != LA_MAP_TAYLOR) return 0;
  if (a->normalize && (!is_positive || a->scale <= 0.0f)) return 0;
  /* A ratio of sums that decay takes away stays what it was, and float64 ends somewhere too. */
  const field *decay = field_named(k, "decay");
  for (size_t i = 0; decay && a->normalize && a->eps == 0.0f && i < field_words(decay); i++)
    if (decay->values[i] < -20.0f) return 0;
  return !a->allow_growth && delta_is_stable(a, k);
}

typedef struct {
  double *s, *z;
} sums;

static sums sums_of(const core *c, const la_linear_args *a, float *state) {
  state_sizes n = sizes_of(a);
  sums x = {calloc(n.heads * n.features * n.value_dim + 1, sizeof(double)), calloc(n.heads * n.features + 1, sizeof(double))};
  if (state) read_states(c, state, n.heads, n.features, n.value_dim, x.s, x.z);
  return x;
}

static void sums_free(sums x) {
  free(x.s);
  free(x.z);
}

static sums expected; /* after run_naive */

static int32_t run_naive(const core *c, const call *k) {
  const la_linear_args *a = k->args;
  expected = sums_of(c, a, a->state);
  return c->linear_naive(a, expected.s, expected.z);
}

/* The arguments of tokens t … t + n − 1. */
static la_linear_args piece_of(const la_linear_args *a, size_t t, size_t n, int32_t *positions, int32_t *lengths, int32_t *starts) {
  la_linear_args piece = *a;
  la_array *arrays[] = {&piece.q, &piece.k, &piece.v, &piece.out};
  la_gate *gates[] = {&piece.decay, &piece.beta, &piece.write_gate};
  for (size_t i = 0; i < 4; i++) arrays[i]->data += t * arrays[i]->row;
  for (size_t i = 0; i < 3; i++)
    if (gates[i]->data) gates[i]->data += t * gates[i]->row;
  for (size_t b = 0; b < (size_t)a->batch; b++) {
    int32_t start = a->starts ? a->starts[b] : 0, seen = (int32_t)t < start ? 0 : (int32_t)t - start;
    int32_t left = a->key_lengths ? a->key_lengths[b] - seen : 0, room = (int32_t)n;
    starts[b] = (int32_t)t < start ? start - (int32_t)t : 0;
    if (starts[b] > room) starts[b] = room;
    room -= starts[b];
    positions[b] = (a->positions ? a->positions[b] : 0) + seen;
    lengths[b] = left < 0 ? 0 : left < room ? left : room;
  }
  if (a->starts) piece.starts = starts;
  piece.n_q = piece.n_k = (int32_t)n;
  piece.positions = positions;
  if (a->key_lengths) piece.key_lengths = lengths;
  return piece;
}

static uint64_t seed_of_pieces;

static int32_t run_pieces(const core *c, const call *k) {
  la_linear_args a = *(const la_linear_args *)k->args;
  state_sizes n = sizes_of(&a);
  size_t bytes = n.heads * c->la_state_floats((int32_t)n.features, a.value_dim) * sizeof(float);
  float *own = a.state ? NULL : aligned_alloc(64, bytes + 64 - bytes % 64);
  int32_t *positions = calloc((size_t)a.batch + 1, sizeof *positions), *lengths = calloc((size_t)a.batch + 1, sizeof *lengths), *starts = calloc((size_t)a.batch + 1, sizeof *starts), status = LA_OK;
  if (own) memset(own, 0, bytes), a.state = own;
  uint64_t seed = seed_of_pieces;
  for (size_t t = 0, count; t < (size_t)a.n_q && status == LA_OK; t += count) {
    size_t left = (size_t)a.n_q - t;
    count = random_bits(&seed) % 8 ? 1 : 1 + random_bits(&seed) % 70;
    if (count > left) count = left;
    la_linear_args piece = piece_of(&a, t, count, positions, lengths, starts);
    status = c->la_linear(&piece);
  }
  free(own);
  free(positions);
  free(lengths);
  free(starts);
  return status;
}

/* Relative to the largest. */
static void compare(const char *what, const double *expected_values, const double *values, size_t count, double tolerance) {
  double most = 1e-30;
  for (size_t i = 0; i < count; i++) most = fmax(most, fabs(expected_values[i]));
  for (size_t i = 0; i < count; i++)
    if (!(fabs(expected_values[i] - values[i]) <= tolerance * most)) fail("la_linear", "%s[%zu] is %.9g instead of %.9g; the largest is %g", what, i, values[i], expected_values[i], most);
}

static void compare_floats(const char *what, const float *expected_values, const float *values, size_t count, double tolerance) {
  double *x = calloc(2 * count + 1, sizeof *x), *y = x + count;
  for (size_t i = 0; i < count; i++) x[i] = (double)expected_values[i], y[i] = (double)values[i];
  compare(what, x, y, count, tolerance);
  free(x);
}

static void compare_states(const la_linear_args *a, const char *what, float *state, double tolerance) {
  state_sizes n = sizes_of(a);
  sums kept = sums_of(&vector_core, a, state);
  compare(what, expected.s, kept.s, n.heads * n.features * n.value_dim, tolerance);
  if (a->normalize) compare(what, expected.z, kept.z, n.heads * n.features, tolerance);
  sums_free(kept);
}

static size_t index_of(const call *k, const char *name) {
  const field *f = field_named(k, name);
  return f ? (size_t)(f - k->fields) : MOST_FIELDS;
}

static void check_naive(const call *k, const outcome *results, const char *const *what, size_t count) {
  const la_linear_args *a = k->args;
  call naive = *k;
  naive.run = run_naive;
  naive.items = NULL;
  outcome right = trial(&naive, (trial_options){.core = &scalar_core});
  size_t out = index_of(k, "out"), state = index_of(k, "state");
  for (size_t i = 0; i < count; i++) {
    compare_floats(what[i], right.values[out], results[i].values[out], field_words(&k->fields[out]), 1e-4);
    if (state < MOST_FIELDS) compare_states(a, what[i], results[i].values[state], 1e-4);
  }
  sums_free(expected);
  outcome_free(k, right);
}

void check_recurrence(input *in, const call *k, outcome whole, int tame) {
  static const char *const what[] = {"whole", "in pieces"};
  const la_linear_args *a = k->args;
  if (whole.status != LA_OK || a->batch == 0 || a->heads == 0 || a->n_q + a->n_k == 0) return;
  outcome results[2] = {whole};
  size_t count = 1;
  if (a->causal && !k->looks_ahead) {
    call pieces = *k;
    pieces.run = run_pieces;
    pieces.items = NULL;
    seed_of_pieces = choose(in, 65536);
    results[1] = trial(&pieces, (trial_options){.core = &vector_core, .layout = 1 + choose(in, 65535)});
    outcome plain = trial(&pieces, (trial_options){.core = &scalar_core});
    same_outcome(k, plain, results[1], "pieces in plain C and in vectors");
    if (plain.status != LA_OK) fail(k->name, "status %d of a piece", plain.status);
    outcome_free(k, plain);
    count = 2;
  }
  if (tame) check_naive(k, results, what, count);
  if (count == 2) outcome_free(k, results[1]);
}
