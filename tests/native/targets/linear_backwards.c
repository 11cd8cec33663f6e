#include "linear_backwards.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"

/* Fields of the call by their names; those that are not there have no values. */
typedef struct {
  const field *field;
  const float *values;
  double *gradient; /* of an input, what is to be expected of the output named for it */
  double most;      /* the largest sum of the sizes of the terms of one element, which may cancel */
} array;

enum { Q, K, V, DO, DECAY, BETA, STATE_GRADIENT, SUM_GRADIENT, ARRAYS };

static const char *const names[ARRAYS] = {"q", "k", "v", "do", "decay", "beta", "state gradient", "sum gradient"};

typedef struct {
  const la_linear_args *a;
  array *arrays;
  size_t state_heads, group, n_q, n_k, keys, start, d, d_v, b, head; /* head: of states; keys: that count, from start on */
  double *s, *z;         /* [keys + 1]: before each token, and after all */
  double *u;             /* [keys][d_v] */
  double *recalled;      /* [keys][d_v]: v − Sᵀk */
  double *decayed, *decayed_z; /* S and z after the decay of one token */
  double *r, *r_z;       /* gradients of S and z */
  double *sizes, *z_sizes; /* sums of the sizes of their terms */
} backwards;

static size_t index_of(const array *x, size_t b, size_t head, size_t heads, size_t t) {
  const size_t *size = x->field->size;
  size_t row = size[2] == 1 ? 0 : t, batch = size[0] == 1 ? 0 : b;
  return ((batch * size[1] + head * size[1] / heads) * size[2] + row) * size[3];
}

static double feature(const la_linear_args *a, double x) {
  if (a->map.kind == LA_MAP_IDENTITY) return x;
  if (a->map.kind == LA_MAP_RELU) return x > 0.0 ? x : 0.0;
  return x > 0.0 ? x + 1.0 : exp(x);
}

static double slope(const la_linear_args *a, double x) {
  if (a->map.kind == LA_MAP_IDENTITY || x > 0.0) return 1.0;
  return a->map.kind == LA_MAP_RELU ? 0.0 : exp(x);
}

static double decay_of(const backwards *w, size_t t, size_t i) {
  const array *x = &w->arrays[DECAY];
  return x->field ? exp((double)x->values[index_of(x, w->b, w->head, w->state_heads, w->start + t) + (x->field->size[3] == 1 ? 0 : i)]) : 1.0;
}

/* What S was before a token, decayed. */
static void decay_state(const backwards *w, size_t t) {
  size_t floats = w->d * w->d_v;
  for (size_t i = 0; i < w->d; i++) {
    double keep = decay_of(w, t, i);
    w->decayed_z[i] = keep * w->z[t * w->d + i];
    for (size_t c = 0; c < w->d_v; c++) w->decayed[i * w->d_v + c] = keep * w->s[t * floats + i * w->d_v + c];
  }
}

static void run_forwards(const backwards *w) {
  const array *beta = &w->arrays[BETA];
  size_t floats = w->d * w->d_v;
  for (size_t t = 0; t < w->keys; t++) {
    const float *k = w->arrays[K].values + index_of(&w->arrays[K], w->b, w->head, w->state_heads, w->start + t);
    const float *v = w->arrays[V].values + index_of(&w->arrays[V], w->b, w->head, w->state_heads, w->start + t);
    double *u = w->u + t * w->d_v, *recalled = w->recalled + t * w->d_v;
    decay_state(w, t);
    for (size_t c = 0; c < w->d_v; c++) {
      recalled[c] = (double)v[c];
      for (size_t i = 0; beta->field && i < w->d; i++) recalled[c] -= w->decayed[i * w->d_v + c] * feature(w->a, (double)k[i]);
      u[c] = beta->field ? (double)beta->values[index_of(beta, w->b, w->head, w->state_heads, w->start + t)] * recalled[c] : recalled[c];
    }
    for (size_t i = 0; i < w->d; i++) {
      double x = feature(w->a, (double)k[i]);
      w->z[(t + 1) * w->d + i] = w->decayed_z[i] + x;
      for (size_t c = 0; c < w->d_v; c++) w->s[(t + 1) * floats + i * w->d_v + c] = w->decayed[i * w->d_v + c] + x * u[c];
    }
  }
}

/* A query on the state after `seen` tokens. */
static void query_backwards(const backwards *w, size_t g, size_t t, size_t seen) {
  const la_linear_args *a = w->a;
  size_t heads = (size_t)a->heads, head = w->head * w->group + g, at = index_of(&w->arrays[Q], w->b, head, heads, w->start + t);
  const double *s = w->s + seen * w->d * w->d_v, *z = w->z + seen * w->d;
  const float *q = w->arrays[Q].values + at, *out = w->arrays[DO].values + index_of(&w->arrays[DO], w->b, head, heads, w->start + t);
  double scale = (double)a->scale, normalizer = (double)a->eps, product = 0.0, product_size = 0.0;
  for (size_t i = 0; i < w->d; i++) {
    double x = feature(a, (double)q[i]);
    normalizer += scale * x * z[i];
    for (size_t c = 0; c < w->d_v; c++) {
      double term = scale * x * s[i * w->d_v + c] * (double)out[c];
      product += term;
      product_size += fabs(term);
    }
  }
  if (a->normalize && normalizer < 1e-37) return;
  double f = a->normalize ? scale / normalizer : scale, h = a->normalize ? -scale * product / (normalizer * normalizer) : 0.0;
  double h_size = a->normalize ? fabs(scale * product_size / (normalizer * normalizer)) : 0.0;
  for (size_t i = 0; i < w->d; i++) {
    double x = feature(a, (double)q[i]), sum = h * z[i], size = fabs(h_size * z[i]);
    for (size_t c = 0; c < w->d_v; c++) {
      sum += f * s[i * w->d_v + c] * (double)out[c];
      size += fabs(f * s[i * w->d_v + c] * (double)out[c]);
      w->r[i * w->d_v + c] += f * x * (double)out[c];
      w->sizes[i * w->d_v + c] += fabs(f * x * (double)out[c]);
    }
    w->r_z[i] += h * x;
    w->z_sizes[i] += fabs(h_size * x);
    w->arrays[Q].most = fmax(w->arrays[Q].most, size * slope(a, (double)q[i]));
    w->arrays[Q].gradient[at + i] += sum * slope(a, (double)q[i]);
  }
}

/* dβ and dg of one token have the heads of states, and rows and columns as the gate has them. */
static void add_to_gate(const backwards *w, array *gate, size_t t, size_t i, double x, double size) {
  size_t rows = gate->field->size[2], width = gate->field->size[3];
  gate->gradient[((w->b * w->state_heads + w->head) * rows + (rows == 1 ? 0 : w->start + t)) * width + (width == 1 ? 0 : i)] += x;
  gate->most = fmax(gate->most, size);
}

static void key_backwards(const backwards *w, size_t t) {
  array *keys = &w->arrays[K], *values = &w->arrays[V], *beta = &w->arrays[BETA], *decay = &w->arrays[DECAY];
  size_t at = index_of(keys, w->b, w->head, w->state_heads, w->start + t), at_value = index_of(values, w->b, w->head, w->state_heads, w->start + t);
  const float *k = keys->values + at;
  const double *u = w->u + t * w->d_v, *recalled = w->recalled + t * w->d_v;
  double write = beta->field ? (double)beta->values[index_of(beta, w->b, w->head, w->state_heads, w->start + t)] : 1.0, d_beta = 0.0, beta_size = 0.0;
  double *dk = calloc(2 * w->d, sizeof *dk), *dk_size = dk + w->d;
  decay_state(w, t);
  for (size_t i = 0; i < w->d; i++) dk[i] = w->r_z[i], dk_size[i] = w->z_sizes[i];
  for (size_t c = 0; c < w->d_v; c++) {
    double du = 0.0, size = 0.0;
    for (size_t i = 0; i < w->d; i++) {
      double x = feature(w->a, (double)k[i]);
      du += w->r[i * w->d_v + c] * x;
      size += w->sizes[i * w->d_v + c] * fabs(x);
      dk[i] += w->r[i * w->d_v + c] * u[c];
      dk_size[i] += w->sizes[i * w->d_v + c] * fabs(u[c]);
    }
    values->gradient[at_value + c] += write * du;
    values->most = fmax(values->most, write * size);
    if (!beta->field) continue;
    d_beta += du * recalled[c];
    beta_size += size * fabs(recalled[c]);
    for (size_t i = 0; i < w->d; i++) {
      dk[i] -= w->decayed[i * w->d_v + c] * write * du;
      dk_size[i] += fabs(w->decayed[i * w->d_v + c] * write) * size;
      w->r[i * w->d_v + c] -= feature(w->a, (double)k[i]) * write * du;
    }
  }
  if (beta->field) add_to_gate(w, beta, t, 0, d_beta, beta_size);
  for (size_t i = 0; i < w->d; i++) {
    double keep = decay_of(w, t, i), sum = w->decayed_z[i] * w->r_z[i], size = w->decayed_z[i] * w->z_sizes[i];
    keys->gradient[at + i] += dk[i] * slope(w->a, (double)k[i]);
    keys->most = fmax(keys->most, dk_size[i] * slope(w->a, (double)k[i]));
    for (size_t c = 0; c < w->d_v; c++) {
      size_t n = i * w->d_v + c;
      sum += w->decayed[n] * w->r[n];
      size += fabs(w->decayed[n]) * w->sizes[n];
      w->r[n] *= keep;
      w->sizes[n] *= keep;
    }
    w->r_z[i] *= keep;
    w->z_sizes[i] *= keep;
    if (decay->field) add_to_gate(w, decay, t, i, sum, size);
  }
  free(dk);
}

static void run_backwards(const backwards *w) {
  if (!w->a->causal) {
    for (size_t t = 0; t < w->n_q; t++)
      for (size_t g = 0; g < w->group; g++) query_backwards(w, g, t, w->keys);
    for (size_t t = w->keys; t-- > 0;) key_backwards(w, t);
    return;
  }
  for (size_t t = w->n_q; t-- > 0;) {
    for (size_t g = 0; g < w->group; g++) query_backwards(w, g, t, t < w->keys ? t + 1 : w->keys);
    if (t < w->keys) key_backwards(w, t);
  }
}

static const field *field_named(const call *k, const char *name, size_t *at) {
  for (size_t i = 0; i < k->count; i++) {
    *at = i;
    if (strcmp(k->fields[i].name, name) == 0) return &k->fields[i];
  }
  return NULL;
}

/* Relative to the largest, or to the largest of what may have cancelled. */
static void compare(const call *k, outcome whole, const char *name, const double *expected, double most) {
  size_t at;
  const field *f = field_named(k, name, &at);
  if (!f) return;
  most = fmax(most, 1e-30);
  for (size_t i = 0; i < field_words(f); i++) most = fmax(most, fabs(expected[i]));
  for (size_t i = 0; i < field_words(f); i++)
    if (!(fabs(expected[i] - (double)whole.values[at][i]) <= 1e-4 * most))
      fail(k->name, "%s[%zu] is %.9g instead of %.9g; the largest is %g", name, i, (double)whole.values[at][i], expected[i], most);
}

static double *zeros(size_t count) { return calloc(count + 1, sizeof(double)); }

void check_backwards(const call *k, outcome whole) {
  const la_linear_args *a = k->args;
  if (whole.status != LA_OK || a->map.kind > LA_MAP_IDENTITY) return;
  array arrays[ARRAYS] = {0};
  backwards w = {.a = a, .arrays = arrays, .state_heads = (size_t)(a->k_heads > a->v_heads ? a->k_heads : a->v_heads), .n_q = (size_t)a->n_q, .n_k = (size_t)a->n_k, .d = (size_t)a->dim, .d_v = (size_t)a->value_dim};
  size_t batch = (size_t)a->batch, states = batch * w.state_heads, at, floats = w.d * w.d_v, n = w.n_k;
  w.group = (size_t)a->heads / w.state_heads;
  for (size_t i = 0; i < ARRAYS; i++) {
    const field *f = arrays[i].field = field_named(k, names[i], &at);
    if (f) arrays[i].values = f->values;
    if (f) arrays[i].gradient = zeros(batch * w.state_heads * f->size[2] * f->size[3] + field_words(f));
  }
  double *d_state = zeros(states * floats), *d_sum = zeros(states * w.d), *s = zeros(states * floats), *z = zeros(states * w.d), most_state = 0.0, most_sum = 0.0;
  const field *state = field_named(k, "state", &at);
  if (state) read_states(&scalar_core, state->values, states, w.d, w.d_v, s, z);
  w.s = zeros((n + 1) * floats), w.z = zeros((n + 1) * w.d), w.u = zeros(n * w.d_v), w.recalled = zeros(n * w.d_v), w.decayed = zeros(floats), w.decayed_z = zeros(w.d), w.sizes = zeros(floats), w.z_sizes = zeros(w.d);
  for (w.b = 0; w.b < batch; w.b++) {
    w.keys = k->key_lengths ? (size_t)k->key_lengths[w.b] : n;
    w.start = k->starts ? (size_t)k->starts[w.b] : 0;
    if (k->starts) w.n_q = w.keys;
    if (a->heads == 0) w.keys = 0; /* such a call does not come to its tokens */
    for (w.head = 0; w.head < w.state_heads; w.head++) {
      size_t number = w.b * w.state_heads + w.head;
      w.r = d_state + number * floats, w.r_z = d_sum + number * w.d;
      memcpy(w.s, s + number * floats, floats * sizeof *s);
      memcpy(w.z, z + number * w.d, w.d * sizeof *z);
      for (size_t i = 0; arrays[STATE_GRADIENT].field && i < floats; i++) w.r[i] = (double)arrays[STATE_GRADIENT].values[number * floats + i];
      for (size_t i = 0; arrays[SUM_GRADIENT].field && i < w.d; i++) w.r_z[i] = (double)arrays[SUM_GRADIENT].values[number * w.d + i];
      for (size_t i = 0; i < floats; i++) w.sizes[i] = fabs(w.r[i]);
      for (size_t i = 0; i < w.d; i++) w.z_sizes[i] = fabs(w.r_z[i]);
      run_forwards(&w);
      run_backwards(&w);
      for (size_t i = 0; i < floats; i++) most_state = fmax(most_state, w.sizes[i]);
      for (size_t i = 0; i < w.d; i++) most_sum = fmax(most_sum, w.z_sizes[i]);
    }
  }
  static const char *const outputs[] = {"dq", "dk", "dv", NULL, "d_decay", "d_beta"};
  for (size_t i = 0; i <= BETA; i++)
    if (outputs[i]) compare(k, whole, outputs[i], arrays[i].gradient, arrays[i].most);
  compare(k, whole, "d_state", d_state, most_state);
  if (a->normalize) compare(k, whole, "d_sum", d_sum, most_sum);
  for (size_t i = 0; i < ARRAYS; i++) free(arrays[i].gradient);
  double *const all[] = {d_state, d_sum, s, z, w.s, w.z, w.u, w.recalled, w.decayed, w.decayed_z, w.sizes, w.z_sizes};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}
