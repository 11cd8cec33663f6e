/* Four-lane float operations: wasm SIMD128 where the compiler has it, plain C otherwise.
 * Both give the same bits: no operation here is fused or reassociated. With relaxed SIMD, v4_madd and v4_nmadd alone may be fused. */
#ifndef LA_SIMD_H
#define LA_SIMD_H

#include <stdint.h>
#include <string.h>

/* What a function needs of its arguments, looked at in the plain C build alone. */
#ifdef __wasm_simd128__
#define LA_ASSERT(condition) ((void)0)
#else
#define LA_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#endif

/* For functions whose constant arguments are what makes them fast. */
#define LA_INLINE static inline __attribute__((always_inline))

#ifdef __wasm_simd128__
#include <wasm_simd128.h>

typedef v128_t v4;

static inline v4 v4_splat(float x) { return wasm_f32x4_splat(x); }
static inline v4 v4_load(const float *p) { return wasm_v128_load(p); }
static inline v4 v4_load_splat(const float *p) { return wasm_v128_load32_splat(p); }
static inline void v4_store(float *p, v4 a) { wasm_v128_store(p, a); }
static inline v4 v4_add(v4 a, v4 b) { return wasm_f32x4_add(a, b); }
static inline v4 v4_sub(v4 a, v4 b) { return wasm_f32x4_sub(a, b); }
static inline v4 v4_mul(v4 a, v4 b) { return wasm_f32x4_mul(a, b); }
static inline v4 v4_div(v4 a, v4 b) { return wasm_f32x4_div(a, b); }
/* a where a is NaN: pmin and pmax are one instruction on x86, and the order keeps a NaN in a. */
static inline v4 v4_min(v4 a, v4 b) { return wasm_f32x4_pmin(a, b); }
static inline v4 v4_max(v4 a, v4 b) { return wasm_f32x4_pmax(a, b); }
static inline v4 v4_if_less(v4 a, v4 b, v4 then, v4 otherwise) { return wasm_v128_bitselect(then, otherwise, wasm_f32x4_lt(a, b)); }
static inline v4 v4_shl23(v4 a) { return wasm_i32x4_shl(a, 23); }
static inline float v4_lane0(v4 a) { return wasm_f32x4_extract_lane(a, 0); }
static inline v4 v4_swap_pairs(v4 a) { return wasm_i32x4_shuffle(a, a, 2, 3, 0, 1); }
static inline v4 v4_swap_lanes(v4 a) { return wasm_i32x4_shuffle(a, a, 1, 0, 3, 2); }
/* a0 b0 a1 b1, and a2 b2 a3 b3. */
static inline v4 v4_zip_low(v4 a, v4 b) { return wasm_i32x4_shuffle(a, b, 0, 4, 1, 5); }
static inline v4 v4_zip_high(v4 a, v4 b) { return wasm_i32x4_shuffle(a, b, 2, 6, 3, 7); }

static inline void v4_transpose(v4 *a, v4 *b, v4 *c, v4 *d) {
  v4 ab_low = v4_zip_low(*a, *b), ab_high = v4_zip_high(*a, *b);
  v4 cd_low = v4_zip_low(*c, *d), cd_high = v4_zip_high(*c, *d);
  *a = wasm_i32x4_shuffle(ab_low, cd_low, 0, 1, 4, 5);
  *b = wasm_i32x4_shuffle(ab_low, cd_low, 2, 3, 6, 7);
  *c = wasm_i32x4_shuffle(ab_high, cd_high, 0, 1, 4, 5);
  *d = wasm_i32x4_shuffle(ab_high, cd_high, 2, 3, 6, 7);
}

#else

typedef struct {
  float lane[4];
} v4;

#define LA_V4_EACH(expression)                       \
  v4 result;                                         \
  for (int l = 0; l < 4; l++) result.lane[l] = (expression); \
  return result

static inline v4 v4_splat(float x) { LA_V4_EACH(x); }
static inline v4 v4_load(const float *p) { LA_V4_EACH(p[l]); }
static inline v4 v4_load_splat(const float *p) { LA_V4_EACH(*p); }
static inline void v4_store(float *p, v4 a) { memcpy(p, a.lane, sizeof a.lane); }
static inline v4 v4_add(v4 a, v4 b) { LA_V4_EACH(a.lane[l] + b.lane[l]); }
static inline v4 v4_sub(v4 a, v4 b) { LA_V4_EACH(a.lane[l] - b.lane[l]); }
static inline v4 v4_mul(v4 a, v4 b) { LA_V4_EACH(a.lane[l] * b.lane[l]); }
static inline v4 v4_div(v4 a, v4 b) { LA_V4_EACH(a.lane[l] / b.lane[l]); }
static inline v4 v4_min(v4 a, v4 b) { LA_V4_EACH(b.lane[l] < a.lane[l] ? b.lane[l] : a.lane[l]); }
static inline v4 v4_max(v4 a, v4 b) { LA_V4_EACH(a.lane[l] < b.lane[l] ? b.lane[l] : a.lane[l]); }
static inline v4 v4_if_less(v4 a, v4 b, v4 then, v4 otherwise) { LA_V4_EACH(a.lane[l] < b.lane[l] ? then.lane[l] : otherwise.lane[l]); }
static inline float v4_lane0(v4 a) { return a.lane[0]; }
static inline v4 v4_swap_pairs(v4 a) { LA_V4_EACH(a.lane[l ^ 2]); }
static inline v4 v4_swap_lanes(v4 a) { LA_V4_EACH(a.lane[l ^ 1]); }

static inline v4 v4_zip_low(v4 a, v4 b) { LA_V4_EACH((l & 1 ? b : a).lane[l / 2]); }
static inline v4 v4_zip_high(v4 a, v4 b) { LA_V4_EACH((l & 1 ? b : a).lane[2 + l / 2]); }

static inline v4 v4_shl23(v4 a) {
  uint32_t bits[4];
  memcpy(bits, a.lane, sizeof bits);
  for (int l = 0; l < 4; l++) bits[l] <<= 23;
  memcpy(a.lane, bits, sizeof bits);
  return a;
}

static inline void v4_transpose(v4 *a, v4 *b, v4 *c, v4 *d) {
  v4 rows[4] = {*a, *b, *c, *d};
  for (int l = 0; l < 4; l++) {
    a->lane[l] = rows[l].lane[0];
    b->lane[l] = rows[l].lane[1];
    c->lane[l] = rows[l].lane[2];
    d->lane[l] = rows[l].lane[3];
  }
}

#undef LA_V4_EACH
#endif

/* acc + a·b and acc − a·b, rounded twice; with relaxed SIMD once or twice, as the machine does it fastest. */
#ifdef __wasm_relaxed_simd__
static inline v4 v4_madd(v4 a, v4 b, v4 acc) { return wasm_f32x4_relaxed_madd(a, b, acc); }
static inline v4 v4_nmadd(v4 a, v4 b, v4 acc) { return wasm_f32x4_relaxed_nmadd(a, b, acc); }
#else
static inline v4 v4_madd(v4 a, v4 b, v4 acc) { return v4_add(acc, v4_mul(a, b)); }
static inline v4 v4_nmadd(v4 a, v4 b, v4 acc) { return v4_sub(acc, v4_mul(a, b)); }
#endif

/* (a0+a2)+(a1+a3): the same order in every build. */
static inline float v4_sum(v4 a) {
  a = v4_add(a, v4_swap_pairs(a));
  return v4_lane0(v4_add(a, v4_swap_lanes(a)));
}

/* v4_sum of four vectors, a lane each. */
static inline v4 v4_sums(v4 a, v4 b, v4 c, v4 d) {
  v4_transpose(&a, &b, &c, &d);
  return v4_add(v4_add(a, c), v4_add(b, d));
}

static inline float v4_max_lane(v4 a) {
  a = v4_max(a, v4_swap_pairs(a));
  return v4_lane0(v4_max(a, v4_swap_lanes(a)));
}

#endif
