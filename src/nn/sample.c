/* Drawing classes by their logits, the same ones everywhere: the generator is integer arithmetic, exp is our own, and
 * sums run in one order. */
#include <math.h>

#include "base/exp.h"
#include "base/rows.h"
#include "base/scratch.h"
#include "nn.h"

/* PCG XSH-RR 64/32: a linear congruential step, whose high bits are folded and rotated (O'Neill 2014, section 6.3). */
static uint32_t next_bits(la_generator *g) {
  uint64_t state = g->state;
  g->state = state * 6364136223846793005u + g->increment;
  uint32_t folded = (uint32_t)(((state >> 18) ^ state) >> 27), turn = (uint32_t)(state >> 59);
  return (folded >> turn) | (folded << (-turn & 31));
}

int32_t la_generator_seed(la_generator *generators, int32_t count, uint32_t seed, uint32_t first) {
  if (count < 0 || (count > 0 && !generators)) return LA_INVALID_ARGUMENT;
  for (int32_t i = 0; i < count; i++) {
    la_generator *g = generators + i;
    *g = (la_generator){0, ((uint64_t)(first + (uint32_t)i) << 1) | 1};
    next_bits(g);
    g->state += seed;
    next_bits(g);
  }
  return LA_OK;
}

/* The index of the first largest logit; −1 when a row cannot be drawn from. */
static int32_t largest(const float *logits, size_t n) {
  size_t best = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(logits[i]) || logits[i] == INFINITY) return -1;
    if (logits[i] > logits[best]) best = i;
  }
  return logits[best] == -INFINITY ? -1 : (int32_t)best;
}

/* p[i] = exp((logits[i] − top) / temperature) for whole vectors of four, 0 in the lanes past n. */
static void weigh(const float *logits, size_t n, float top, float temperature, float *p) {
  for (size_t i = 0; i < n; i += 4) {
    float lanes[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    memcpy(lanes, logits + i, smaller(4, n - i) * sizeof *lanes);
    v4_store(p + i, v4_exp(v4_div(v4_sub(v4_load(lanes), v4_splat(top)), v4_splat(temperature))));
  }
}

/* In float64, or the many small weights of a large vocabulary would vanish beside the first; as class_at adds them up. */
static double sum_of(const float *p, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += p[i];
  return sum;
}

/* The first class at which the running sum passes `mark`; rounding may keep it below: then the last that has weight. */
static int32_t class_at(const float *p, size_t n, double mark) {
  double sum = 0.0;
  size_t last = 0;
  for (size_t i = 0; i < n; i++) {
    sum += p[i];
    if (sum > mark) return (int32_t)i;
    if (p[i] > 0.0f) last = i;
  }
  return (int32_t)last;
}

static int is_valid(const la_sample_args *a) {
  if (a->rows < 0 || a->classes < 1 || a->classes > LA_MAX_WIDTH || !isfinite(a->temperature) || a->temperature < 0.0f) return 0;
  return a->rows == 0 || (a->logits && a->generators && a->out);
}

int32_t la_sample(const la_sample_args *args) {
  const la_sample_args *a = args;
  if (!a || !is_valid(a)) return LA_INVALID_ARGUMENT;
  size_t rows = (size_t)a->rows, n = (size_t)a->classes;
  float *p = alloc_floats(round_up(n, 4));
  if (!p) return LA_OUT_OF_MEMORY;
  int drawable = 1;
  for (size_t r = 0; r < rows; r++) {
    a->out[r] = largest(a->logits + r * n, n);
    drawable &= a->out[r] >= 0;
  }
  for (size_t r = 0; r < rows; r++) {
    if (!drawable) {
      a->out[r] = -1;
      continue;
    }
    double uniform = (next_bits(a->generators + r) >> 8) * 0x1p-24;
    if (a->temperature == 0.0f) continue;
    const float *logits = a->logits + r * n;
    weigh(logits, n, logits[a->out[r]], a->temperature, p);
    a->out[r] = class_at(p, n, uniform * sum_of(p, n));
  }
  la_free(p);
  return LA_OK;
}
