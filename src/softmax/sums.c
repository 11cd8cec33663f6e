#include "softmax/sums.h"

void sums_clear(const softmax_sums *s) {
  zero_floats(s->recent, s->rows * s->width);
  zero_floats(s->settled, s->rows * s->width);
  zero_floats(s->recent_sum, s->rows);
  zero_floats(s->settled_sum, s->rows);
  for (size_t r = 0; r < s->rows; r++) s->maximum[r] = -INFINITY;
  for (size_t r = 0; s->largest && r < s->rows; r++) s->largest[r] = -INFINITY;
}

void sums_raise(const softmax_sums *s, size_t row, float most) {
  if (!(most > s->maximum[row] + RAISE) || most <= HIDDEN) return;
  float correction = v4_lane0(v4_exp(v4_splat(s->maximum[row] - most)));
  s->maximum[row] = most;
  s->recent_sum[row] *= correction;
  s->settled_sum[row] *= correction;
  scale_floats(s->recent + row * s->width, s->width, correction);
  scale_floats(s->settled + row * s->width, s->width, correction);
}

/* settled + recent stays what it is, to the bit where settled is the larger one (Dekker 1971). */
static void settle(float *settled, float *recent, size_t n) {
  LA_ASSERT(n % 4 == 0);
  for (size_t i = 0; i < n; i += 4) {
    v4 before = v4_load(settled + i), added = v4_load(recent + i), after = v4_add(before, added);
    v4_store(settled + i, after);
    v4_store(recent + i, v4_sub(added, v4_sub(after, before)));
  }
}

void sums_settle(const softmax_sums *s) {
  settle(s->settled, s->recent, s->rows * s->width);
  settle(s->settled_sum, s->recent_sum, s->rows);
}

void sums_write(const softmax_sums *s, size_t row, float *out, size_t count) {
  const float *recent = s->recent + row * s->width, *settled = s->settled + row * s->width;
  float sum = s->settled_sum[row] + s->recent_sum[row], factor = sum == 0.0f ? 0.0f : 1.0f / sum;
  for (size_t c = 0; c < count; c++) {
    float o = (settled[c] + recent[c]) * factor;
    out[c] = o + o * 0.0f;
  }
}

void sums_write_part(const softmax_sums *s, size_t row, float *maximum, float *sum) {
  float total = s->settled_sum[row] + s->recent_sum[row];
  int has_seen = s->maximum[row] != -INFINITY;
  if (maximum) *maximum = has_seen ? s->largest[row] : -INFINITY;
  if (sum) *sum = has_seen ? total * v4_lane0(v4_exp(v4_splat(s->maximum[row] - s->largest[row]))) : total;
}
