#include "linear/state.h"

#include <math.h>

#include "base/rows.h"

float *state_of(const linear_call *call, size_t batch, size_t kv_head) {
  return call->args->state ? call->args->state + (batch * call->kv_heads + kv_head) * call->features * call->d_v + call->first * call->d_v : NULL;
}

static float *key_sum_of(const linear_call *call, size_t batch, size_t kv_head) {
  return call->args->key_sum ? call->args->key_sum + (batch * call->kv_heads + kv_head) * call->features + call->first : NULL;
}

static float *exponent_of(const linear_call *call, size_t batch, size_t kv_head) {
  return call->args->exponents ? call->args->exponents + batch * call->kv_heads + kv_head : NULL;
}

size_t ratio_floats(const linear_call *call, panel_state *p, float *base) {
  float **arrays[RATIO_ARRAYS] = {&p->powers, &p->repaid, &p->kept};
  for (size_t i = 0; base && i < RATIO_ARRAYS; i++) *arrays[i] = base + i * call->d_fp;
  return call->ratio ? RATIO_ARRAYS * call->d_fp : 0;
}

/* x·2^power, exactly where the result is a normal number; 0 stays 0. */
float times_power(float x, float power) {
  while (power > 126.0f && x != 0.0f) x *= 0x1p126f, power -= 126.0f;
  while (power < -126.0f && x != 0.0f) x *= 0x1p-126f, power += 126.0f;
  if (x == 0.0f) return x;
  uint32_t bits = (uint32_t)((int32_t)power + 127) << 23;
  float factor;
  memcpy(&factor, &bits, sizeof factor);
  return x * factor;
}

void state_raise_row(const linear_call *call, panel_state *p, size_t i, float by) {
  p->powers[i] += by;
  p->z[i] = times_power(p->z[i], -by);
  for (size_t n = 0; n < p->panels; n++) {
    float *row = p->s + (n * call->d_fp + i) * p->width;
    for (size_t c = 0; c < p->width; c++) row[c] = times_power(row[c], -by);
  }
}

/* The powers that plain maps keep in the place of an exponent a head; NULL where none are kept. */
static float *powers_of(const linear_call *call, size_t batch, size_t kv_head) {
  float *exponents = call->args->exponents;
  return exponents && call->ratio ? exponents + (batch * call->kv_heads + kv_head) * call->features + call->first : NULL;
}

static void load_powers(const linear_call *call, panel_state *p, size_t batch, size_t kv_head) {
  const float *powers = powers_of(call, batch, kv_head);
  if (!call->ratio) return;
  zero_floats(p->powers, RATIO_ARRAYS * call->d_fp);
  if (powers) memcpy(p->powers, powers, call->d_f * sizeof *powers);
}

static void load_panels(const linear_call *call, panel_state *p, const float *s) {
  zero_floats(p->s, call->d_fp * p->width * p->panels);
  for (size_t n = 0; s && n < p->panels; n++) {
    size_t c = (p->first + n) * p->width;
    copy_rows(p->s + n * call->d_fp * p->width, p->width, s + c, call->d_v, call->d_f, smaller(p->width, call->d_v - c));
  }
}

void state_load(const linear_call *call, panel_state *p, size_t batch, size_t kv_head) {
  const float *s = state_of(call, batch, kv_head), *z = key_sum_of(call, batch, kv_head), *exponent = exponent_of(call, batch, kv_head);
  p->exponent = !call->map->scaled ? 0.0f : exponent ? *exponent : -INFINITY;
  p->lowered = 0.0f;
  zero_floats(p->z, call->d_fp);
  if (z && call->args->normalize) memcpy(p->z, z, call->d_f * sizeof *z);
  if (p->s != s) load_panels(call, p, s);
  load_powers(call, p, batch, kv_head);
}

void state_store_panels(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head) {
  float *s = state_of(call, batch, kv_head);
  if (p->s == s) return;
  for (size_t n = 0; s && n < p->panels; n++) {
    size_t c = (p->first + n) * p->width, columns = smaller(p->width, call->d_v - c);
    for (size_t i = 0; i < call->d_f; i++) memcpy(s + i * call->d_v + c, p->s + (n * call->d_fp + i) * p->width, columns * sizeof *s);
  }
}

void state_store_sum(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head) {
  float *z = key_sum_of(call, batch, kv_head), *exponent = exponent_of(call, batch, kv_head);
  if (call->map->scaled && exponent) *exponent = p->exponent;
  float *powers = powers_of(call, batch, kv_head);
  if (powers) memcpy(powers, p->powers, call->d_f * sizeof *powers);
  if (z && call->args->normalize) memcpy(z, p->z, call->d_f * sizeof *z);
}

void state_store(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head) {
  state_store_sum(call, p, batch, kv_head);
  state_store_panels(call, p, batch, kv_head);
}

void state_scale(const linear_call *call, panel_state *p, float factor) {
  for (size_t c = 0; c < p->panels; c++) scale_floats(p->s + c * call->d_fp * p->width, call->d_f * p->width, factor);
  scale_floats(p->z, call->d_fp, factor);
}
