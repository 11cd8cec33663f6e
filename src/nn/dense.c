/* Dense layers: a matrix product with bias, activation and residual in the same pass.
 *
 * Weights are packed once. One row is bound by reading them from memory: panels of 16 outputs, a cache line wide, are
 * read from front to back (Zen 4, 1.2 M weights, 4.8 MB: 44 GB/s; two panels at a time 34, four half as wide 38).
 * Several rows share each panel on the 4×8 tile. Weights kept in float16 did not help: SIMD128 has no conversion, and
 * the three instructions that stand in for it cost more than the traffic they save (32 GB/s of float32's worth). */
#include "base/outer.h"
#include "base/scratch.h"
#include "nn.h"

enum { ROWS = 64 };

static int width_is_valid(int32_t width) { return width >= 1 && width <= LA_MAX_WIDTH; }

int32_t la_dense_pack(int32_t outputs, int32_t inputs, const float *weight, const float *bias, float *packed) {
  if (!width_is_valid(outputs) || !width_is_valid(inputs) || !weight || !packed) return LA_INVALID_ARGUMENT;
  size_t n_out = (size_t)outputs, n_in = (size_t)inputs;
  for (size_t o = 0; o < n_out; o += LA_DENSE_PANEL) {
    size_t count = smaller(LA_DENSE_PANEL, n_out - o);
    for (size_t r = 0; r < LA_DENSE_PANEL; r++) *packed++ = bias && r < count ? bias[o + r] : 0.0f;
    for (size_t i = 0; i < n_in; i++)
      for (size_t r = 0; r < LA_DENSE_PANEL; r++) *packed++ = r < count ? weight[(o + r) * n_in + i] : 0.0f;
  }
  return LA_OK;
}

static inline v4 finish(v4 y, v4 residual, int32_t activation) {
  return v4_add(activation == LA_ACTIVATION_RELU ? v4_max(y, v4_splat(0.0f)) : y, residual);
}

/* Activation, residual and store of eight outputs of one row, of which `count` are the layer's. */
static inline void write_row(const la_dense_args *a, v4 low, v4 high, size_t at, size_t count) {
  const float *residual = a->residual ? a->residual + at : NULL;
  float *out = a->out + at;
  v4 y[2] = {low, high};
  for (size_t h = 0; h < 2 && 4 * h < count; h++) {
    size_t lanes = smaller(4, count - 4 * h);
    v4 past = v4_splat(0.0f);
    if (residual) past = lanes == 4 ? v4_load(residual + 4 * h) : v4_load_first(residual + 4 * h, lanes);
    y[h] = finish(y[h], past, a->activation);
    if (lanes == 4) v4_store(out + 4 * h, y[h]);
    else v4_store_first(out + 4 * h, y[h], lanes);
  }
}

/* One row: every panel once, front to back. */
static void one_row(const la_dense_args *a) {
  size_t n_in = (size_t)a->inputs, n_out = (size_t)a->outputs;
  const float *w = a->packed;
  for (size_t o = 0; o < n_out; o += LA_DENSE_PANEL) {
    v4 y[LA_DENSE_PANEL / 4];
    for (size_t c = 0; c < LA_DENSE_PANEL / 4; c++) y[c] = v4_load(w + 4 * c);
    w += LA_DENSE_PANEL;
    for (size_t i = 0; i < n_in; i++, w += LA_DENSE_PANEL) {
      v4 x_i = v4_load_splat(a->x + i);
      for (size_t c = 0; c < LA_DENSE_PANEL / 4; c++) y[c] = v4_madd(x_i, v4_load(w + 4 * c), y[c]);
    }
    write_row(a, y[0], y[1], o, n_out - o);
    if (n_out - o > 8) write_row(a, y[2], y[3], o + 8, n_out - o - 8);
  }
}

/* Up to four rows from t, packed as a panel [inputs][4], against eight outputs from o. */
static inline void one_tile(const la_dense_args *a, const float *x, size_t t, size_t rows, const float *w, size_t o) {
  size_t n_in = (size_t)a->inputs, n_out = (size_t)a->outputs;
  tile4x8 y = tile_outer(tile_load(w, 0), n_in, x, 1, 4, w + LA_DENSE_PANEL, LA_DENSE_PANEL);
  for (size_t r = 0; r < rows; r++) write_row(a, y.row[r][0], y.row[r][1], (t + r) * n_out + o, n_out - o);
}

static int32_t many_rows(const la_dense_args *a) {
  size_t n_rows = (size_t)a->rows, n_in = (size_t)a->inputs, n_out = (size_t)a->outputs;
  float *x = alloc_floats((uint64_t)round_up(smaller(n_rows, ROWS), 4) * n_in);
  if (!x) return LA_OUT_OF_MEMORY;
  for (size_t first = 0; first < n_rows; first += ROWS) {
    size_t rows = smaller(ROWS, n_rows - first);
    for (size_t r = 0; r < rows; r += 4) pack_panel(x + r * n_in, a->x + (first + r) * n_in, n_in, smaller(4, rows - r), n_in, 4, 1.0f);
    const float *w = a->packed;
    for (size_t o = 0; o < n_out; o += LA_DENSE_PANEL, w += LA_DENSE_PANEL * (1 + n_in)) {
      for (size_t half = 0; half < LA_DENSE_PANEL && o + half < n_out; half += 8)
        for (size_t r = 0; r < rows; r += 4) one_tile(a, x + r * n_in, first + r, smaller(4, rows - r), w + half, o + half);
    }
  }
  la_free(x);
  return LA_OK;
}

int32_t la_dense(const la_dense_args *args) {
  const la_dense_args *a = args;
  if (!a || a->rows < 0 || !width_is_valid(a->inputs) || !width_is_valid(a->outputs)) return LA_INVALID_ARGUMENT;
  if (a->activation != LA_ACTIVATION_NONE && a->activation != LA_ACTIVATION_RELU) return LA_INVALID_ARGUMENT;
  if (a->rows > 0 && (!a->x || !a->packed || !a->out)) return LA_INVALID_ARGUMENT;
  if (a->rows > 1) return many_rows(a);
  if (a->rows == 1) one_row(a);
  return LA_OK;
}
