/* The yardstick: the core's own 4×8 outer-product tile on packed panels of length 256, 64·256 flops a pass. */
#include "../../src/outer.h"

enum { LENGTH = 256 };

static float a[LENGTH * 4], b[LENGTH * 8], c[4 * 8];

__attribute__((export_name("prepare"))) void prepare(void) {
  for (int i = 0; i < LENGTH * 4; i++) a[i] = (float)(i % 97) * 1e-3f;
  for (int i = 0; i < LENGTH * 8; i++) b[i] = (float)(i % 89) * 1e-3f;
}

/* Accumulates into c and returns some of it, so that no pass can be left out. */
__attribute__((export_name("run"))) float run(int passes) {
  for (int pass = 0; pass < passes; pass++) tile_store(c, 8, tile_outer_panels(tile_load(c, 8), LENGTH, a, b));
  float sum = c[0] + c[31];
  if (sum > 1e30f) zero_floats(c, 4 * 8);
  return sum;
}
