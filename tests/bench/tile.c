/* The yardstick: the core's own 4×8 outer-product tile on packed panels of length 256, 64·256 flops a pass. */
#include "base/outer.h"

enum { LENGTH = 256, READ_BYTES = 4891648 }; /* READ_BYTES: the packed weights of a digit model */

static float a[LENGTH * 4], b[LENGTH * 8], c[4 * 8], weights[READ_BYTES / sizeof(float)];

__attribute__((export_name("prepare"))) void prepare(void) {
  for (int i = 0; i < LENGTH * 4; i++) a[i] = (float)(i % 97) * 1e-3f;
  for (int i = 0; i < LENGTH * 8; i++) b[i] = (float)(i % 89) * 1e-3f;
  for (size_t i = 0; i < READ_BYTES / sizeof(float); i++) weights[i] = 1e-3f;
}

/* Accumulates into c and returns some of it, so that no pass can be left out. */
__attribute__((export_name("run"))) float run(int passes) {
  for (int pass = 0; pass < passes; pass++) tile_store(c, 8, tile_outer_panels(tile_load(c, 8), LENGTH, a, b));
  float sum = c[0] + c[31];
  if (sum > 1e30f) zero_floats(c, 4 * 8);
  return sum;
}

/* Reads that much memory and adds it up, `passes` times: the least that a pixel of one image takes. */
__attribute__((export_name("read"))) float read(int passes) {
  v4 sum[8];
  for (int c = 0; c < 8; c++) sum[c] = v4_splat((float)passes);
  for (int pass = 0; pass < passes; pass++)
    for (const float *w = weights; w != weights + READ_BYTES / sizeof(float); w += 32)
      for (int c = 0; c < 8; c++) sum[c] = v4_add(sum[c], v4_load(w + 4 * c));
  for (int c = 1; c < 8; c++) sum[0] = v4_add(sum[0], sum[c]);
  return v4_sum(sum[0]);
}
