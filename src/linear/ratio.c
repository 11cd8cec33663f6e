/* A scalar per feature and token, in powers of two, which are exact: only calls without eps pay, with decay or with a state. */
#include "linear/ratio.h"

#include <math.h>

#include "base/rows.h"
#include "base/span.h"

#define LIMIT 58.0f /* powers of two that a kept sum may be away from 1: far from overflow, and from underflow with its products */
#define LOG2_E 1.44269504f
#define LN_2 0.693147181f

/* The power of two of x, rounded down; −∞ of 0. */
static float power_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return x == 0.0f ? -INFINITY : (float)((int32_t)(bits >> 23 & 255) - 127);
}

static float decay_of(const linear_call *call, const float *decay, size_t i) { return decay ? decay[call->args->decay.channel ? i : 0] * LOG2_E : 0.0f; }

/* What z of a feature will be after a token, relative to its power: the larger of what is kept and what the key adds. */
typedef struct {
  float key, left;
} outlook;

static outlook look(const linear_call *call, const panel_state *p, const float *decay, const float *key, size_t i) {
  float added = power_of(key[i]) - p->powers[i];
  return (outlook){added, larger_float(p->kept[i] + decay_of(call, decay, i), added)};
}

/* By how much a power is to rise for the key. The delta rule recalls plain sums: there a key's features have the power 0. */
static float rise(const linear_call *call, const panel_state *p, size_t i, outlook o) {
  if (call->delta) return o.key != -INFINITY ? -p->powers[i] : 0.0f;
  return o.key > LIMIT ? o.key : 0.0f;
}

static int falls(const linear_call *call, outlook o) {
  return call->gated && o.left < -LIMIT && o.left != -INFINITY && !(call->delta && o.key != -INFINITY);
}

/* Changes powers before the token: up to its key, or down with what its decay will leave. */
static void follow(const linear_call *call, panel_state *p, const float *decay, const float *key) {
  for (size_t i = 0; i < call->d_f; i++) {
    outlook o = look(call, p, decay, key, i);
    float up = rise(call, p, i, o);
    if (up != 0.0f) {
      state_raise_row(call, p, i, up);
      p->kept[i] -= up;
    } else if (falls(call, o)) {
      float by = floorf(o.left);
      p->powers[i] += by;
      p->repaid[i] = -by * LN_2;
    }
  }
}

static int any_leaves(const linear_call *call, const panel_state *p, const float *decay, const float *key) {
  for (size_t i = 0; i < call->d_f; i++) {
    outlook o = look(call, p, decay, key, i);
    if (rise(call, p, i, o) != 0.0f || falls(call, o)) return 1;
  }
  return 0;
}

static int is_plain(const linear_call *call, const panel_state *p) {
  for (size_t i = 0; i < call->d_f; i++)
    if (p->powers[i] != 0.0f) return 0;
  return 1;
}

size_t ratio_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t kv_head, size_t t, size_t count) {
  zero_floats(p->repaid, call->d_fp);
  for (size_t i = 0; i < call->d_f; i++) p->kept[i] = power_of(p->z[i]);
  for (size_t r = 0; r < count; r++) {
    float *key = f.rows + r * f.stride;
    const float *decay = call->gated ? gate_row(call->args->decay, batch, kv_head, t + r) : NULL;
    if (r == 0) follow(call, p, decay, key);
    else if (any_leaves(call, p, decay, key)) return r;
    int plain = is_plain(call, p);
    for (size_t i = 0; i < call->d_f; i++) {
      p->kept[i] = larger_float(p->kept[i] + decay_of(call, decay, i) + (r == 0 ? p->repaid[i] * LOG2_E : 0.0f), power_of(key[i]) - p->powers[i]);
      if (!plain) key[i] = times_power(key[i], -p->powers[i]);
    }
    /* A query is brought to the features that hold anything, which change from token to token. */
    if (!plain && call->args->causal) return r + 1;
  }
  return count;
}

void ratio_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t count) {
  if (is_plain(call, p)) return;
  for (size_t r = 0; r < count; r++) {
    float *query = f.rows + r * f.stride, most = -INFINITY;
    for (size_t i = 0; i < call->d_f; i++)
      if (p->kept[i] != -INFINITY) most = larger_float(most, power_of(query[i]) + p->powers[i]);
    for (size_t i = 0; i < call->d_f; i++) query[i] = most == -INFINITY ? query[i] : times_power(query[i], p->kept[i] == -INFINITY ? 0.0f : p->powers[i] - most);
  }
}

void ratio_decay(const linear_call *call, const panel_state *p, float *a, const float *decay, int is_first) {
  for (size_t i = 0; i < call->d_fp; i += 4) {
    float g[4];
    for (size_t c = 0; c < 4; c++) g[c] = (call->args->decay.channel ? (i + c < call->d_f ? decay[i + c] : 0.0f) : *decay) + (is_first && i + c < call->d_f ? p->repaid[i + c] : 0.0f);
    v4_store(a + i, v4_exp(v4_load(g)));
  }
}
