/* A scalar per feature and token, in powers of two, which are exact: only calls without eps pay, with decay or with a state. */
#include "linear/ratio.h"

#include <math.h>

#include "base/power.h"
#include "base/span.h"

#define LIMIT 58.0f /* powers of two that a kept sum may be away from 1: far from overflow, and from underflow with its products */
#define LOG2_E 1.44269504f

int ratio_is_plain(const linear_call *call, const panel_state *p) {
  for (size_t i = 0; i < call->d_f; i++)
    if (p->powers[i] != 0.0f) return 0;
  return 1;
}

void ratio_hold(const linear_call *call, panel_state *p) {
  for (size_t i = 0; i < call->d_f; i++) p->held[i] = p->z[i] + p->z[call->d_fp + i] != 0.0f;
}

/* By how much feature i's power rises for a key, whose own power relative to it is given. The delta rule recalls plain
 * sums: there a feature that the key has gets the power 0. */
static float rise(const linear_call *call, const panel_state *p, size_t i, float added) {
  if (call->delta) return added != -INFINITY ? -p->powers[i] : 0.0f;
  return added > LIMIT ? added : 0.0f;
}

/* Or falls, where the decay of a token leaves next to nothing of z_i: settling then multiplies by as much more. */
static float fall(const linear_call *call, const panel_state *p, size_t i, float z, float decay, float added) {
  if (!call->gated || (call->delta && added != -INFINITY)) return 0.0f;
  float fold = p->fold[p->wide ? i : 0], left = larger_float(power_of(z) + (fold + decay) * LOG2_E, added);
  return left < -LIMIT && left != -INFINITY ? floorf(left) : 0.0f;
}

static void take_first(const linear_call *call, panel_state *p, const float *decay, const float *key, int *changed) {
  for (size_t i = 0; i < call->d_f; i++) {
    float z = p->z[i] + p->z[call->d_fp + i], added = power_of(key[i]) - p->powers[i], g = decay ? decay[call->args->decay.channel ? i : 0] : 0.0f;
    float by = rise(call, p, i, added);
    if (by == 0.0f) by = fall(call, p, i, z, g, added);
    p->held[i] = z != 0.0f || key[i] != 0.0f;
    if (by == 0.0f) continue;
    p->powers[i] += by;
    p->due[i] -= by * LN_2;
    *changed = 1;
  }
}

static int any_rises(const linear_call *call, const panel_state *p, const float *key) {
  for (size_t i = 0; i < call->d_f; i++)
    if (rise(call, p, i, power_of(key[i]) - p->powers[i]) != 0.0f) return 1;
  return 0;
}

size_t ratio_take_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t state_head, size_t t, size_t count, int *changed) {
  take_first(call, p, call->gated ? gate_row(call, call->args->decay, batch, state_head, t) : NULL, f.rows, changed);
  /* A query is brought to the features that hold anything, which change from token to token. */
  if (call->args->causal && !ratio_is_plain(call, p)) return 1;
  size_t n = 1;
  while (n < count && !any_rises(call, p, f.rows + n * f.stride)) n++;
  return n;
}

void ratio_bring_keys(const linear_call *call, feature_rows f, const panel_state *p, size_t count) {
  if (ratio_is_plain(call, p)) return;
  for (size_t r = 0; r < count; r++)
    for (size_t i = 0; i < call->d_f; i++) f.rows[r * f.stride + i] = times_power(f.rows[r * f.stride + i], -p->powers[i]);
}

void ratio_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t count) {
  if (ratio_is_plain(call, p)) return;
  for (size_t r = 0; r < count; r++) {
    float *query = f.rows + r * f.stride, most = -INFINITY;
    for (size_t i = 0; i < call->d_f; i++)
      if (p->held[i]) most = larger_float(most, power_of(query[i]) + p->powers[i]);
    for (size_t i = 0; i < call->d_f; i++) query[i] = most == -INFINITY ? query[i] : times_power(query[i], p->held[i] ? p->powers[i] - most : 0.0f);
  }
}
