#include "linear/fold.h"

static v4 clamp(v4 x) { return v4_max(v4_min(x, v4_splat(MOST_FOLD)), v4_splat(-MOST_FOLD)); }

int fold_token(float *after, const float *before, const float *decay, size_t features, int by_feature) {
  if (features == 0) {
    *after = *before + *decay;
    return *after >= -MOST_FOLD && *after <= MOST_FOLD;
  }
  v4 excess = v4_splat(0.0f);
  for (size_t i = 0; i < features; i += 4) {
    size_t n = smaller(4, features - i);
    v4 g = !by_feature ? v4_splat(*decay) : n == 4 ? v4_load(decay + i) : v4_load_first(decay + i, n);
    v4 sum = v4_add(v4_load(before + i), g), over = v4_sub(sum, clamp(sum));
    v4_store(after + i, sum);
    excess = v4_madd(over, over, excess);
  }
  return v4_sum(excess) == 0.0f;
}
