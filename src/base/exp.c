#include "base/exp.h"

const exp_terms exp_term = {
  .log2_e = 1.44269504f,
  .least = -127.0f,
  .magic = 12582912.0f + 127.0f,
  .factor = {1.0f, 0.693147004f, 0.240222454f, 0.0555071197f, 0.00967104733f, 0.00132654724f},
};
