#include "learn/running.h"

#include "base/outer.h"
#include "base/scratch.h"
#include "linear/settle.h"

enum { ROW_PAD = 8 }; /* rows a multiple of 256 bytes apart would share cache sets */

uint64_t running_layout(running *r, size_t d_f, size_t d_v, int with_plain, float *base) {
  r->d_f = d_f;
  r->d_v = d_v;
  r->width = round_up(d_v, 8);
  r->row = round_up(d_f, 8) + ROW_PAD;
  r->plain_row = r->width + ROW_PAD;
  r->plain = NULL;
  float **arrays[] = {&r->t, &r->lately, &r->z, &r->z_lately, &r->keep, &r->move, &r->plain};
  uint64_t matrix = (uint64_t)r->width * r->row, sizes[] = {matrix, matrix, r->row, r->row, r->row, r->row, (uint64_t)r->row * r->plain_row};
  return carve(base, arrays, sizes, with_plain ? 7 : 6);
}

void running_clear(running *r) {
  zero_floats(r->t, r->width * r->row);
  zero_floats(r->lately, r->width * r->row);
  zero_floats(r->z, r->row);
  zero_floats(r->z_lately, r->row);
}

void running_move(running *r, const float *due) {
  v4 nothing = v4_splat(0.0f);
  size_t features = round_up(r->d_f, 4);
  for (size_t i = 0; i < features; i += 4) settle_coefficients(r->keep + i, r->move + i, due + i);
  for (size_t c = 0; c < r->d_v; c++)
    for (size_t i = 0; i < features; i += 4)
      settle(r->t + c * r->row + i, r->lately + c * r->row + i, (settling){v4_load(r->keep + i), v4_load(r->move + i)}, nothing);
  for (size_t i = 0; i < features; i += 4) settle(r->z + i, r->z_lately + i, (settling){v4_load(r->keep + i), v4_load(r->move + i)}, nothing);
}

/* t ← t + lately + added, and what does not fit into t stays in lately. */
static inline void take_up(float *t, float *lately, v4 added) {
  v4 before = v4_load(t), rest = v4_add(v4_load(lately), added), sum = v4_add(before, rest);
  v4_store(t, sum);
  v4_store(lately, v4_sub(rest, v4_sub(sum, before)));
}

void running_add(running *r, const float *features, size_t features_stride, const float *values, size_t values_stride, size_t tokens, float sign) {
  if (tokens == 0) return;
  v4 s = v4_splat(sign);
  for (size_t c = 0; c < r->width; c += 4) {
    for (size_t i = 0; i < r->d_f; i += 8) {
      tile4x8 sum = tile_outer(tile_zero(), tokens, values + c, 1, values_stride, features + i, features_stride);
      for (size_t k = 0; k < 4; k++)
        for (size_t h = 0; h < 2; h++) take_up(r->t + (c + k) * r->row + i + 4 * h, r->lately + (c + k) * r->row + i + 4 * h, v4_mul(sum.row[k][h], s));
    }
  }
}

void running_add_sum(running *r, const float *x) {
  for (size_t i = 0; i < r->d_f; i += 4) take_up(r->z + i, r->z_lately + i, v4_load(x + i));
}

void running_transpose(running *r) {
  for (size_t c = 0; c < r->width; c += 4) {
    for (size_t i = 0; i < r->d_f; i += 4) {
      v4 x[4];
      for (size_t k = 0; k < 4; k++) x[k] = v4_load(r->t + (c + k) * r->row + i);
      v4_transpose(&x[0], &x[1], &x[2], &x[3]);
      for (size_t k = 0; k < 4; k++) v4_store(r->plain + (i + k) * r->plain_row + c, x[k]);
    }
  }
}

void running_read(running *r, const float *s, const float *z, float factor) {
  running_clear(r);
  for (size_t i = 0; s && i < r->d_f; i++)
    for (size_t c = 0; c < r->d_v; c++) r->t[c * r->row + i] = s[i * r->d_v + c] * factor;
  for (size_t i = 0; z && i < r->d_f; i++) r->z[i] = z[i] * factor;
}

void running_write(const running *r, float *s, float *z, float factor) {
  for (size_t i = 0; s && i < r->d_f; i++)
    for (size_t c = 0; c < r->d_v; c++) s[i * r->d_v + c] = r->t[c * r->row + i] * factor;
  for (size_t i = 0; z && i < r->d_f; i++) z[i] = r->z[i] * factor;
}

void running_keep(const running *r, float *copy) {
  memcpy(copy, r->t, r->width * r->row * sizeof *copy);
  memcpy(copy + r->width * r->row, r->z, r->row * sizeof *copy);
}

void running_restore(running *r, const float *copy) {
  running_clear(r);
  memcpy(r->t, copy, r->width * r->row * sizeof *copy);
  memcpy(r->z, copy + r->width * r->row, r->row * sizeof *copy);
}

void running_products(const float *t, const float *z, const running *r, float *into) {
  for (size_t i = 0; i < r->d_f; i += 4) {
    v4 sum = v4_mul(v4_load(z + i), v4_load(r->z + i));
    for (size_t c = 0; c < r->d_v; c++) sum = v4_madd(v4_load(t + c * r->row + i), v4_load(r->t + c * r->row + i), sum);
    v4_store(into + i, sum);
  }
}
