/* Powers of two: by them a float is multiplied exactly. */
#ifndef LA_POWER_H
#define LA_POWER_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LN_2 0.693147181f

/* The power of two of x, rounded down; −∞ of 0. */
static inline float power_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return x == 0.0f ? -INFINITY : (float)((int32_t)(bits >> 23 & 255) - 127);
}

/* x·2^power, exactly where the result is a normal number; 0 stays 0. Whatever the power, which a saved state may forge. */
static inline float times_power(float x, float power) {
  for (int i = 0; i < 3 && power > 126.0f; i++) x *= 0x1p126f, power -= 126.0f;
  for (int i = 0; i < 3 && power < -126.0f; i++) x *= 0x1p-126f, power += 126.0f;
  if (x == 0.0f || !(power >= -126.0f && power <= 126.0f)) return power == power ? x : NAN;
  uint32_t bits = (uint32_t)((int32_t)power + 127) << 23;
  float factor;
  memcpy(&factor, &bits, sizeof factor);
  return x * factor;
}

#endif
