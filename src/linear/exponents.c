/* Features of scaled maps (favor, rff, exp of learned) may overflow, so that S and z are kept divided by exp(c), c one number a head.
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
  call->map->apply(&call->args->map, (map_rows){.x = token_at(call, x, batch, head, t),
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

void map_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t batch, size_t head, size_t t, size_t count) {
  size_t weights = weights_of_head(head, call->heads, call->args->map.query_heads);
  map_rows_of(call, f, call->args->q, batch, q_head_of(call, head), weights, t, count, 0);
  if (call->ratio) ratio_queries(call, f, p, count);
  if (!takes_exponents_out(call) || call->args->normalize) return;
  for (size_t r = 0; r < count; r++) {
    float beyond = f.exponents[r] + p->exponent - MOST; /* what no factor of the result can hold */
    if (!(beyond > 0.0f)) continue;
    scale_floats(f.rows + r * f.stride, call->d_fp, exp_of(beyond));
    f.exponents[r] -= beyond;
  }
}

static void map_key_rows(const linear_call *call, feature_rows f, size_t batch, size_t state_head, size_t t, size_t count) {
  size_t k_head = k_head_of(call, state_head), weights = weights_of_head(k_head, (size_t)call->args->k_heads, call->args->map.key_heads);
  map_rows_of(call, f, call->args->k, batch, k_head, weights, t, count, 1);
}

/* The largest decay of a token; 0 without. */
static float largest_decay(const linear_call *call, size_t batch, size_t state_head, size_t t) {
  la_gate gate = call->args->decay;
  return call->gated ? span_max(gate_row(call, gate, batch, state_head, t), gate.channel ? call->d_f : 1, 1.0f) : 0.0f;
}

/* The head's exponent after a key of exponent `key`. */
static float exponent_after(const linear_call *call, float exponent, float key, float decay) {
  if (!takes_exponents_out(call)) return larger_float(exponent, key);
  if (exponent == -INFINITY) return fabsf(key) > BAND ? key : 0.0f;
  if (key > exponent + BAND) return key;
  return key < exponent - BAND && key != -INFINITY ? smaller_float(exponent, larger_float(key, exponent + decay)) : exponent;
}

static void change_exponent(const linear_call *call, panel_state *p, float exponent) {
  float repaid = p->exponent == -INFINITY ? 0.0f : p->exponent - exponent;
  for (size_t i = 0; i < call->d_f; i++) p->due[i] += repaid;
  p->exponent = exponent;
}

size_t take_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t state_head, size_t t, size_t count, int *changed) {
  map_key_rows(call, f, batch, state_head, t, count);
  *changed = 0;
  if (count == 0) return 0;
  if (call->ratio) return ratio_take_keys(call, f, p, batch, state_head, t, count, changed);
  if (!call->map->scaled) return count;
  float exponent = exponent_after(call, p->exponent, f.exponents[0], largest_decay(call, batch, state_head, t));
  *changed = exponent != p->exponent;
  if (*changed) change_exponent(call, p, exponent);
  size_t n = 1;
  while (n < count && exponent_after(call, exponent, f.exponents[n], largest_decay(call, batch, state_head, t + n)) == exponent) n++;
  return n;
}

void bring_keys(const linear_call *call, feature_rows f, const panel_state *p, size_t count) {
  if (call->ratio) ratio_bring_keys(call, f, p, count);
  if (!call->map->scaled) return;
  v4 floor = v4_splat(map_key_floor(&call->args->map));
  for (size_t r = 0; r < count; r++) {
    v4 factor = v4_splat(exp_of(f.exponents[r] - p->exponent));
    float *row = f.rows + r * f.stride;
    for (size_t i = 0; i < call->d_f; i += 4) v4_store(row + i, v4_madd(v4_load(row + i), factor, floor));
    zero_floats(row + call->d_f, call->d_fp - call->d_f);
  }
}

void settle_exponent(const linear_call *call, feature_rows f, size_t block, panel_state *p, size_t slot, size_t batch, size_t state_head) {
  if (!call->map->scaled || call->args->map.epsilon == 0.0f) return;
  size_t keys = keys_in(call->args->key_lengths, batch, call->n_k);
  float most = p->exponent;
  for (size_t t = 0; t < keys; t += block) {
    size_t count = smaller(block, keys - t);
    show_life(slot);
    map_key_rows(call, f, batch, state_head, t, count);
    for (size_t r = 0; r < count; r++) most = larger_float(most, f.exponents[r]);
  }
  if (most == p->exponent) return;
  zero_floats(p->due, call->d_fp);
  change_exponent(call, p, most);
  panels_settle(call, p);
}

float recall_factor(const linear_call *call, const panel_state *p) { return takes_exponents_out(call) ? exp_of(p->exponent) : 1.0f; }

float output_factor(const linear_call *call, float q_dot_z, float exponent, float query_exponent) {
  float scale = call->args->scale, eps = call->args->eps;
  int scaled = takes_exponents_out(call);
  if (!call->args->normalize) return scaled ? scale * exp_of(query_exponent + exponent) : scale;
  if (scaled && eps != 0.0f) eps *= exp_of(-(query_exponent + exponent));
  float normalizer = scale * q_dot_z + eps;
  return fabsf(normalizer) < FLT_MIN ? 0.0f : scale / normalizer;
}
