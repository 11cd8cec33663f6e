#include "linear/naive.h"

#include <math.h>
#include <string.h>

#include "base/arguments.h"
#include "base/scratch.h"
#include "linear/call.h"

typedef struct {
  const la_linear_args *a;
  linear_call call;
  double *s, *z; /* of the state head */
  float *k, *q;  /* features of one token */
  size_t b, state_head;
} naive;

static double gate_of(const naive *n, la_gate gate, size_t t, size_t feature) {
  return gate.data ? (double)gate_row(&n->call, gate, n->b, n->state_head, t)[feature * gate.channel] : 0.0;
}

static void features_of(const naive *n, la_array x, size_t head, size_t weights, int as_key, size_t t, float *out) {
  const la_feature_map *map = &n->a->map;
  la_feature_map_apply(map, (int32_t)weights, (int32_t)(position_of(&n->call, n->b) + t), as_key, 1, token_at(&n->call, x, n->b, head, t), out);
}

static void write_token(const naive *n, size_t t) {
  const la_linear_args *a = n->a;
  size_t d_f = n->call.d_f, d_v = n->call.d_v, k_head = k_head_of(&n->call, n->state_head);
  const float *v = token_at(&n->call, a->v, n->b, v_head_of(&n->call, n->state_head), t);
  features_of(n, a->k, k_head, k_head * (size_t)a->map.key_heads / (size_t)a->k_heads, 1, t, n->k);
  double gate = a->write_gate.data ? gate_of(n, a->write_gate, t, 0) : 1.0;
  for (size_t i = 0; i < d_f; i++) {
    double keep = exp(gate_of(n, a->decay, t, i));
    n->z[i] = keep * n->z[i] + gate * (double)n->k[i];
    for (size_t c = 0; c < d_v; c++) n->s[i * d_v + c] *= keep;
  }
  for (size_t c = 0; c < d_v; c++) {
    double u = (double)v[c];
    if (a->beta.data) {
      for (size_t i = 0; i < d_f; i++) u -= n->s[i * d_v + c] * gate * (double)n->k[i];
      u *= gate_of(n, a->beta, t, 0);
    }
    for (size_t i = 0; i < d_f; i++) n->s[i * d_v + c] += gate * (double)n->k[i] * u;
  }
}

static void answer(const naive *n, size_t head, size_t t) {
  const la_linear_args *a = n->a;
  if (!a->out.data) return;
  float *out = token_at(&n->call, a->out, n->b, head, t);
  features_of(n, a->q, q_head_of(&n->call, head), head * (size_t)a->map.query_heads / n->call.heads, 0, t, n->q);
  double normalizer = 0.0;
  for (size_t i = 0; i < n->call.d_f; i++) normalizer += (double)a->scale * (double)n->q[i] * n->z[i];
  normalizer += (double)a->eps;
  for (size_t c = 0; c < n->call.d_v; c++) {
    double sum = 0.0;
    for (size_t i = 0; i < n->call.d_f; i++) sum += (double)a->scale * (double)n->q[i] * n->s[i * n->call.d_v + c];
    out[c] = (float)(!a->normalize ? sum : normalizer == 0.0 ? 0.0 : sum / normalizer);
  }
}

static void run_state(const naive *n) {
  size_t keys = keys_in(n->a->key_lengths, n->b, n->call.n_k), n_q = tokens_of(&n->call, n->b);
  for (size_t t = 0; !n->a->causal && t < keys; t++) write_token(n, t);
  for (size_t t = 0; t < n_q; t++) {
    if (n->a->causal && t < keys) write_token(n, t);
    for (size_t g = 0; g < n->call.group; g++) answer(n, n->state_head * n->call.group + g, t);
  }
}

/* Results of what is no token of its row. */
static void blank(const naive *n) {
  for (size_t b = 0; n->a->starts && n->a->out.data && n->call.packed == 1 && b < (size_t)n->a->batch; b++)
    for (size_t h = 0; h < n->call.heads; h++)
      for (size_t t = 0; t < n->call.n_q; t++)
        if (t < start_of(&n->call, b) || t >= start_of(&n->call, b) + queries_of(&n->call, b)) memset(array_at(n->a->out, b, h, t), 0, n->call.d_v * sizeof(float));
}

int32_t linear_naive(const la_linear_args *a, double *s, double *z) {
  size_t state_heads = (size_t)(a->k_heads > a->v_heads ? a->k_heads : a->v_heads), d_f = (size_t)la_feature_map_features(&a->map), d_v = (size_t)a->value_dim;
  float *features = alloc_floats(2 * d_f);
  if (!features) return LA_OUT_OF_MEMORY;
  naive n = {.a = a,
             .call = {.args = a, .heads = (size_t)a->heads, .state_heads = state_heads, .group = (size_t)a->heads / state_heads, .packed = a->packed > 1 ? (size_t)a->packed : 1, .n_q = (size_t)a->n_q, .n_k = (size_t)a->n_k, .d_f = d_f, .d_v = d_v},
             .k = features,
             .q = features + d_f};
  for (n.b = 0; n.b < (size_t)a->batch; n.b++) {
    for (n.state_head = 0; n.state_head < state_heads; n.state_head++) {
      n.s = s + (n.b * state_heads + n.state_head) * d_f * d_v;
      n.z = z + (n.b * state_heads + n.state_head) * d_f;
      run_state(&n);
    }
  }
  blank(&n);
  la_free(features);
  return LA_OK;
}
