/* Features of scaled maps (favor, rff) may overflow, so that S and z are kept divided by exp(c), c one number a head.
 * c stays 0 while no key's exponent leaves ±BAND, so that S and z are then the plain sums; a key above takes c along
 * (an online maximum, as in softmax attention), and where there is decay a key far below lets c fall with it, as far as
 * what is kept of S and z allows. It depends on keys and decay alone and not on how a sequence is split. */
#include "linear/exponents.h"

#include <float.h>
#include <math.h>

#include "base/arguments.h"
#include "base/span.h"
#include "linear/ratio.h"
#include "threads/parallel.h"

#define BAND 40.0f /* exp(40)² is still far from overflow, and so are sums of it */
#define MOST 87.0f /* exp of it is a float32 number */

static void map_rows_of(const linear_call *call, feature_rows f, la_array x, size_t batch, size_t head, size_t weights, size_t t, size_t count, int as_key) {
  call->map->apply(&call->args->map, (map_rows){.x = array_at(x, batch, head, t),
                                                .out = f.rows,
                                                .rows = count,
                                                .x_stride = x.row,
                                                .out_stride = f.stride,
                                                .head = weights,
                                                .position = position_of(call, batch) + t,
                                                .as_key = as_key,
                                                .exponents = f.exponents});
  for (size_t r = 0; call->d_f != call->d_fp && r < count; r++) zero_floats(f.rows + r * f.stride + call->d_f, call->d_fp - call->d_f);
}

/* With a map's own epsilon the maxima are part of φ itself, and not taken out of it. */
static int takes_exponents_out(const linear_call *call) { return call->map->scaled && call->args->map.epsilon == 0.0f; }

void map_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t batch, size_t q_head, size_t t, size_t count) {
  size_t weights = weights_of_head(q_head, call->heads, call->args->map.query_heads);
  map_rows_of(call, f, call->args->q, batch, q_head, weights, t, count, 0);
  if (call->ratio) ratio_queries(call, f, p, count);
  if (!takes_exponents_out(call) || call->args->normalize) return;
  for (size_t r = 0; r < count; r++) {
    float beyond = f.exponents[r] + p->exponent - MOST; /* what no factor of the result can hold */
    if (!(beyond > 0.0f)) continue;
    scale_floats(f.rows + r * f.stride, call->d_fp, exp_of(beyond));
    f.exponents[r] -= beyond;
  }
}

static void map_key_rows(const linear_call *call, feature_rows f, size_t batch, size_t kv_head, size_t t, size_t count) {
  size_t weights = weights_of_head(kv_head, call->kv_heads, call->args->map.key_heads);
  map_rows_of(call, f, call->args->k, batch, kv_head, weights, t, count, 1);
}

static void take_exponent(const linear_call *call, panel_state *p, float exponent) {
  if (p->exponent != -INFINITY) state_scale(call, p, exp_of(p->exponent - exponent));
  p->exponent = exponent;
}

/* Whether a key's exponent is out of reach of the head's. */
static int is_beyond(const panel_state *p, float exponent) {
  return p->exponent == -INFINITY ? fabsf(exponent) > BAND : exponent > p->exponent + BAND;
}

/* The exponent that the head may fall to at this token, whose key's exponent is given; its own where it need not fall. */
static float fallen(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head, size_t t, float exponent) {
  if (!call->gated || !takes_exponents_out(call) || !(exponent < p->exponent - BAND) || exponent == -INFINITY) return p->exponent;
  la_gate gate = call->args->decay;
  float kept = p->exponent + span_max(gate_row(gate, batch, kv_head, t), gate.channel ? call->d_f : 1, 1.0f);
  return larger_float(exponent, kept);
}

static size_t bring_scaled_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t kv_head, size_t t, size_t count) {
  v4 floor = v4_splat(map_key_floor(&call->args->map));
  for (size_t r = 0; r < count; r++) {
    if (is_beyond(p, f.exponents[r])) {
      if (r > 0) return r;
      take_exponent(call, p, f.exponents[r]);
    } else if (p->exponent == -INFINITY) {
      p->exponent = 0.0f;
    }
    float exponent = fallen(call, p, batch, kv_head, t + r, f.exponents[r]);
    if (exponent < p->exponent) {
      if (r > 0) return r;
      p->lowered = p->exponent - exponent;
      p->exponent = exponent;
    }
    v4 factor = v4_splat(exp_of(f.exponents[r] - p->exponent));
    float *row = f.rows + r * f.stride;
    for (size_t i = 0; i < call->d_f; i += 4) v4_store(row + i, v4_madd(v4_load(row + i), factor, floor));
    zero_floats(row + call->d_f, call->d_fp - call->d_f);
  }
  return count;
}

size_t map_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t kv_head, size_t t, size_t count) {
  map_key_rows(call, f, batch, kv_head, t, count);
  if (call->ratio) return ratio_keys(call, f, p, batch, kv_head, t, count);
  if (!call->map->scaled) return count;
  p->lowered = 0.0f;
  return bring_scaled_keys(call, f, p, batch, kv_head, t, count);
}

void settle_exponent(const linear_call *call, feature_rows f, size_t block, panel_state *p, size_t slot, size_t batch, size_t kv_head) {
  if (!call->map->scaled || call->args->map.epsilon == 0.0f) return;
  size_t keys = keys_in(call->args->key_lengths, batch, call->n_k);
  float most = p->exponent;
  for (size_t t = 0; t < keys; t += block) {
    size_t count = smaller(block, keys - t);
    show_life(slot);
    map_key_rows(call, f, batch, kv_head, t, count);
    for (size_t r = 0; r < count; r++)
      if (f.exponents[r] > most) most = f.exponents[r];
  }
  if (most != p->exponent) take_exponent(call, p, most);
}

float recall_factor(const linear_call *call, const panel_state *p) { return takes_exponents_out(call) ? exp_of(p->exponent) : 1.0f; }

float output_factor(const linear_call *call, float q_dot_z, const panel_state *p, float query_exponent) {
  float scale = call->args->scale, eps = call->args->eps;
  int scaled = takes_exponents_out(call);
  if (!call->args->normalize) return scaled ? scale * exp_of(query_exponent + p->exponent) : scale;
  if (scaled && eps != 0.0f) eps *= exp_of(-(query_exponent + p->exponent));
  float normalizer = scale * q_dot_z + eps;
  return fabsf(normalizer) < FLT_MIN ? 0.0f : scale / normalizer;
}
