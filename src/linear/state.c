#include "linear/state.h"

#include "base/exp.h"
#include "base/power.h"
#include "base/scratch.h"

enum { MOST_FLOATS = 1 << 30 }; /* of a state: 4 GB, all that can be addressed */

uint64_t kept_layout(kept_state *k, size_t features, size_t d_v, float *base) {
  k->d_f = features;
  k->d_fp = round_up(features, 4);
  k->d_vp = round_up(d_v, 8);
  uint64_t d_fp = k->d_fp, d_vp = k->d_vp;
  float **arrays[] = {&k->waiting, &k->powers, &k->fold, &k->z, &k->z_rest, &k->keys, &k->writes, &k->s, &k->s_rest};
  uint64_t sizes[] = {4, d_fp, d_fp, d_fp, d_fp, WAITING * d_fp, WAITING * d_vp, d_fp * d_vp, d_fp * d_vp};
  k->s = NULL;
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  if (base) {
    k->exponent = k->waiting + 1;
    k->seen = k->waiting + 2;
    k->shifted = k->waiting + 3;
  }
  return (floats + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

kept_state kept_of(const linear_call *call, size_t batch, size_t state_head) {
  kept_state k;
  float *state = call->args->state;
  uint64_t floats = kept_layout(&k, call->features, call->d_v, NULL);
  if (state) kept_layout(&k, call->features, call->d_v, state + (batch * call->state_heads + state_head) * floats);
  return k;
}

uint32_t la_state_floats(int32_t features, int32_t value_dim) {
  kept_state k;
  if (features < 1 || features > LA_MAX_FEATURES || value_dim < 1 || value_dim > LA_MAX_VALUE_DIM) return 0;
  uint64_t floats = kept_layout(&k, (size_t)features, (size_t)value_dim, NULL);
  return floats > MOST_FLOATS ? 0 : (uint32_t)floats;
}

static int is_valid(const la_state_args *a) {
  return a && a->heads >= 0 && la_state_floats(a->features, a->value_dim) > 0 && (a->heads == 0 || (a->state && a->s && a->z));
}

static kept_state head_at(const la_state_args *a, size_t head) {
  kept_state k;
  uint64_t floats = kept_layout(&k, (size_t)a->features, (size_t)a->value_dim, NULL);
  kept_layout(&k, (size_t)a->features, (size_t)a->value_dim, a->state + head * floats);
  return k;
}

/* Decay that a row stands at, where float32 has no exponential of it, as a power of two. */
static float power_of_fold(float fold) { return fold < -40.0f && fold > -1e6f ? floorf(fold * 1.44269504f) : 0.0f; }

static float power_of_row(const kept_state *k, size_t i) { return k->powers[i] + power_of_fold(k->fold[i]); }

/* All that feature i holds of one column, but for that power: pairs and what waits, at the decay that they stand at. */
static float sum_of(const kept_state *k, size_t i, double settled, double rest, const float *writes) {
  double sum = settled + rest;
  for (size_t t = 0; t < tokens_waiting(k); t++) sum += (double)k->keys[t * k->d_fp + i] * (writes ? (double)writes[t * k->d_vp] : 1.0);
  return (float)sum * exp_of((float)((double)k->fold[i] - (double)power_of_fold(k->fold[i]) * 0.69314718055994531));
}

/* The highest power of two of a feature that holds anything: S and z are read relative to it, so that their ratio stays. */
static float common_power(const kept_state *k) {
  float most = -INFINITY;
  for (size_t i = 0; i < k->d_f; i++)
    if (power_of_row(k, i) > most && sum_of(k, i, k->z[i], k->z_rest[i], NULL) != 0.0f) most = power_of_row(k, i);
  return most == -INFINITY ? 0.0f : most;
}

int32_t la_state_read(const la_state_args *args) {
  if (!is_valid(args)) return LA_INVALID_ARGUMENT;
  size_t d_v = (size_t)args->value_dim;
  for (size_t head = 0; head < (size_t)args->heads; head++) {
    kept_state k = head_at(args, head);
    float *s = args->s + head * k.d_f * d_v, *z = args->z + head * k.d_f;
    float common = args->exponents && !args->powers ? common_power(&k) : 0.0f;
    for (size_t i = 0; i < k.d_f; i++) {
      float power = args->powers ? 0.0f : power_of_row(&k, i) - common;
      if (args->powers) args->powers[head * k.d_f + i] = power_of_row(&k, i);
      z[i] = times_power(sum_of(&k, i, k.z[i], k.z_rest[i], NULL), power);
      for (size_t c = 0; c < d_v; c++) {
        strip at = strip_of(&k, c);
        size_t place = at.at + i * at.width + c % STRIP;
        s[i * d_v + c] = times_power(sum_of(&k, i, k.s[place], k.s_rest[place], k.writes + c), power);
      }
    }
    if (args->exponents) args->exponents[head] = common == 0.0f ? exponent_of_kept(&k) : common * LN_2;
  }
  return LA_OK;
}

int32_t la_state_write(const la_state_args *args) {
  if (!is_valid(args)) return LA_INVALID_ARGUMENT;
  size_t d_v = (size_t)args->value_dim, floats = la_state_floats(args->features, args->value_dim);
  for (size_t head = 0; head < (size_t)args->heads; head++) {
    kept_state k = head_at(args, head);
    zero_floats(args->state + head * floats, floats);
    memcpy(k.z, args->z + head * k.d_f, k.d_f * sizeof *k.z);
    for (size_t c = 0; c < d_v; c += STRIP) {
      strip at = strip_of(&k, c);
      copy_rows(k.s + at.at, at.width, args->s + head * k.d_f * d_v + c, d_v, k.d_f, smaller(STRIP, d_v - c));
    }
    keep_exponent(&k, args->exponents ? args->exponents[head] : 0.0f);
    for (size_t i = 0; args->powers && i < k.d_f; i++) {
      k.powers[i] = args->powers[head * k.d_f + i];
      if (k.powers[i] != 0.0f) *k.shifted = 1.0f;
    }
  }
  return LA_OK;
}
