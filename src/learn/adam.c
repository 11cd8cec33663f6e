#include <math.h>

#include "learn.h"

static int is_valid(const la_adam_args *a) {
  if (!a || a->step < 1 || (a->count > 0 && (!a->parameters || !a->first || !a->second || !a->gradient))) return 0;
  if (!(a->beta1 >= 0.0f && a->beta1 < 1.0f && a->beta2 >= 0.0f && a->beta2 < 1.0f)) return 0;
  return isfinite(a->learning_rate) && isfinite(a->epsilon) && isfinite(a->weight_decay);
}

int32_t la_adam(const la_adam_args *a) {
  if (!is_valid(a)) return LA_INVALID_ARGUMENT;
  /* 1 − β^t in float64: in float32 the first steps would lose three digits of it. */
  double step = (double)a->step, first = 1.0 - pow((double)a->beta1, step), second = 1.0 - pow((double)a->beta2, step);
  float rate = (float)((double)a->learning_rate / first), root = (float)sqrt(second), keep = 1.0f - a->learning_rate * a->weight_decay;
  for (size_t i = 0; i < a->count; i++) {
    float g = a->gradient[i];
    a->first[i] = a->beta1 * a->first[i] + (1.0f - a->beta1) * g;
    a->second[i] = a->beta2 * a->second[i] + (1.0f - a->beta2) * (g * g);
    a->parameters[i] = a->parameters[i] * keep - rate * a->first[i] / (sqrtf(a->second[i]) / root + a->epsilon);
  }
  return LA_OK;
}
