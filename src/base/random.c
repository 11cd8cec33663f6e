/* The random rows of favor and rff: xoshiro128++ (Blackman & Vigna 2019) seeded by splitmix64, normal numbers by
 * Marsaglia's polar method, orthogonal blocks by Gram and Schmidt; all in integers and float64, so no build differs. */
#include <math.h>

#include "base/rows.h"
#include "linear_attention.h"

typedef struct {
  uint32_t s[4];
  double spare;
  int has_spare;
} generator;

static uint64_t splitmix64(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static generator seeded(uint64_t seed) {
  generator g = {{0}, 0.0, 0};
  for (int i = 0; i < 4; i += 2) {
    uint64_t word = splitmix64(&seed);
    g.s[i] = (uint32_t)word;
    g.s[i + 1] = (uint32_t)(word >> 32);
  }
  return g;
}

static uint32_t rotate_left(uint32_t x, int k) { return (x << k) | (x >> (32 - k)); }

static uint32_t next(generator *g) {
  uint32_t *s = g->s, result = rotate_left(s[0] + s[3], 7) + s[0], t = s[1] << 9;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 11);
  return result;
}

/* Uniform in [−1, 1). */
static double next_signed(generator *g) { return (int32_t)next(g) * 0x1p-31; }

static double next_normal(generator *g) {
  if (g->has_spare) {
    g->has_spare = 0;
    return g->spare;
  }
  double x, y, s;
  do {
    x = next_signed(g);
    y = next_signed(g);
    s = x * x + y * y;
  } while (s >= 1.0 || s == 0.0);
  double factor = sqrt(-2.0 * log(s) / s);
  g->spare = y * factor;
  g->has_spare = 1;
  return x * factor;
}

/* Fills row with normal numbers and returns their norm. */
static double normal_row(generator *g, double *row, size_t dim) {
  double squares = 0.0;
  for (size_t i = 0; i < dim; i++) {
    row[i] = next_normal(g);
    squares += row[i] * row[i];
  }
  return sqrt(squares);
}

/* Takes off what row has of `before` orthonormal rows, and makes its norm 1; 0 where nothing remains. Once is enough: the
 * condition of a square normal matrix is about its size. */
static int orthonormalize(double *row, const double *rows, size_t before, size_t dim) {
  double squares = 0.0;
  for (size_t p = 0; p < before; p++) {
    const double *other = rows + p * dim;
    double product = 0.0;
    for (size_t i = 0; i < dim; i++) product += row[i] * other[i];
    for (size_t i = 0; i < dim; i++) row[i] -= product * other[i];
  }
  for (size_t i = 0; i < dim; i++) squares += row[i] * row[i];
  for (size_t i = 0; i < dim && squares > 0.0; i++) row[i] /= sqrt(squares);
  return squares > 0.0;
}

/* rows ≤ dim orthogonal rows. A row's direction is drawn first, then the normal row whose norm it takes. */
static void orthogonal_block(generator *g, double *block, double *other, size_t rows, size_t dim, float *out) {
  for (size_t r = 0; r < rows; r++) {
    double *row = block + r * dim;
    do normal_row(g, row, dim);
    while (!orthonormalize(row, block, r, dim));
    double norm = normal_row(g, other, dim);
    for (size_t i = 0; i < dim; i++) out[r * dim + i] = (float)(row[i] * norm);
  }
}

int32_t la_random_features(uint32_t seed_low, uint32_t seed_high, int32_t heads, int32_t rows, int32_t dim, int32_t orthogonal, float *out) {
  if (heads < 1 || rows < 1 || rows > LA_MAX_FEATURES || dim < 1 || dim > LA_MAX_DIM || !out) return LA_INVALID_ARGUMENT;
  size_t n = (size_t)rows, d = (size_t)dim;
  double *block = la_alloc((d + 1) * d * sizeof *block);
  if (!block) return LA_OUT_OF_MEMORY;
  generator g = seeded((uint64_t)seed_high << 32 | seed_low);
  for (int32_t h = 0; h < heads; h++, out += n * d) {
    for (size_t r = 0; r < n; r += d) {
      size_t count = smaller(d, n - r);
      if (orthogonal) orthogonal_block(&g, block, block + d * d, count, d, out + r * d);
      for (size_t i = 0; !orthogonal && i < count * d; i++) out[r * d + i] = (float)next_normal(&g);
    }
  }
  la_free(block);
  return LA_OK;
}
