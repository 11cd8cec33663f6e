/* How far linear attention is from softmax attention on the same q, k, v: sums per head, in float64. */
#include <math.h>

#include "base/arguments.h"
#include "base/rows.h"
#include "base/scratch.h"
#include "gap/weights.h"

typedef struct {
  weight_rows softmax, linear;
  float *softmax_out, *linear_out; /* [n_q][d_v] */
  float *value_sum; /* [d_v] float64 */
  float *sums; /* [batch·heads] la_gap_sums: the caller gets them when the last head is done */
  size_t n_q, d_v;
} scratch;

static uint64_t scratch_layout(const la_gap_args *a, scratch *w, float *base) {
  size_t n_k = (size_t)a->n_k, d = (size_t)a->dim;
  w->n_q = (size_t)a->n_q;
  w->d_v = (size_t)a->value_dim;
  w->softmax = (weight_rows){.kind = LA_WEIGHTS_SOFTMAX, .causal = a->causal, .scale = a->softmax_scale, .map = a->map, .n_k = n_k, .d = d};
  w->linear = (weight_rows){.kind = LA_WEIGHTS_LINEAR, .causal = a->causal, .scale = a->scale, .eps = a->eps, .map = a->map, .n_k = n_k, .d = d};
  uint64_t total = weight_rows_layout(&w->softmax, base);
  total += weight_rows_layout(&w->linear, base ? base + total : NULL);
  uint64_t sizes[] = {(uint64_t)w->n_q * w->d_v, (uint64_t)w->n_q * w->d_v, 2 * (uint64_t)w->d_v, (uint64_t)a->batch * (uint64_t)a->heads * sizeof(la_gap_sums) / sizeof(float)};
  float **arrays[] = {&w->softmax_out, &w->linear_out, &w->value_sum, &w->sums};
  return total + carve(base ? base + total : NULL, arrays, sizes, sizeof sizes / sizeof *sizes);
}

/* One head of an array, as an array of one head. */
static la_array head_of(la_array a, size_t b, size_t h) { return (la_array){array_at(a, b, h, 0), 0, 0, a.row}; }

static int32_t compute_outputs(const la_gap_args *a, scratch *w, la_array q, la_array k, la_array v) {
  la_softmax_args softmax = {.batch = 1, .heads = 1, .kv_heads = 1, .n_q = a->n_q, .n_k = a->n_k, .dim = a->dim, .value_dim = a->value_dim,
                             .causal = a->causal, .scale = w->softmax.scale, .q = q, .k = k, .v = v,
                             .out = {w->softmax_out, 0, 0, (uint32_t)w->d_v}};
  la_linear_args linear = {.batch = 1, .heads = 1, .q_heads = 1, .k_heads = 1, .v_heads = 1, .n_q = a->n_q, .n_k = a->n_k, .dim = a->dim, .value_dim = a->value_dim,
                           .causal = a->causal, .normalize = 1, .scale = a->scale, .eps = a->eps, .map = w->linear.map, .q = q, .k = k, .v = v,
                           .out = {w->linear_out, 0, 0, (uint32_t)w->d_v}};
  int32_t status = la_softmax(&softmax);
  return status == LA_OK ? la_linear(&linear) : status;
}

static void compare_outputs(const la_gap_args *a, const scratch *w, la_array v, la_gap_sums *sums) {
  double *value_sum = (double *)w->value_sum;
  size_t n_k = (size_t)a->n_k, counted = 0;
  for (size_t c = 0; c < w->d_v; c++) value_sum[c] = 0.0;
  for (size_t t = 0; t < w->n_q; t++) {
    for (size_t end = a->causal ? t + 1 : n_k; counted < end; counted++)
      for (size_t c = 0; c < w->d_v; c++) value_sum[c] += array_at(v, 0, 0, counted)[c];
    for (size_t c = 0; c < w->d_v; c++) {
      double s = w->softmax_out[t * w->d_v + c], l = w->linear_out[t * w->d_v + c], m = counted ? value_sum[c] / (double)counted : 0.0;
      sums->linear_minus_softmax += (l - s) * (l - s);
      sums->mean_minus_softmax += (m - s) * (m - s);
      sums->softmax_squared += s * s;
      sums->linear_squared += l * l;
      sums->product += l * s;
      if (!isnan(sums->max_error) && !(fabs(l - s) <= sums->max_error)) sums->max_error = fabs(l - s);
    }
  }
}

static void compare_weights(const la_gap_args *a, scratch *w, la_array q, la_gap_sums *sums) {
  for (size_t t = 0; t < w->n_q; t += 4) {
    size_t count = smaller(4, w->n_q - t);
    weight_rows_queries(&w->softmax, array_at(q, 0, 0, t), q.row, t, count);
    weight_rows_queries(&w->linear, array_at(q, 0, 0, t), q.row, t, count);
    for (size_t u = 0; u < count; u++) {
      size_t seen = a->causal ? smaller(w->softmax.n_k, t + u + 1) : w->softmax.n_k;
      for (size_t j = 0; j < seen; j++) {
        double p_j = w->softmax.rows[u * w->softmax.stride + j], w_j = w->linear.rows[u * w->linear.stride + j];
        sums->l1 += fabs(p_j - w_j);
        sums->weight_difference += (p_j - w_j) * (p_j - w_j);
        sums->weight_squared += p_j * p_j;
        if (p_j != 0.0) sums->kl += p_j * log(p_j / w_j);
      }
    }
  }
}

static int is_valid(const la_gap_args *a) {
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, a->value_dim)) return 0;
  if (a->causal && a->n_q != a->n_k) return 0;
  if ((a->n_q > 0 && !a->q.data) || (a->n_k > 0 && (!a->k.data || !a->v.data)) || (a->batch > 0 && a->heads > 0 && !a->out)) return 0;
  if (!isfinite(a->scale) || !isfinite(a->softmax_scale) || !isfinite(a->eps) || a->eps < 0.0f) return 0;
  return map_find(&a->map) && a->map.dim == a->dim;
}

int32_t la_gap(const la_gap_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  if (args->batch == 0 || args->heads == 0) return LA_OK;
  size_t heads = (size_t)args->heads, group = (size_t)(args->heads / args->kv_heads);
  scratch w;
  float *block = alloc_floats(scratch_layout(args, &w, NULL));
  if (!block) return LA_OUT_OF_MEMORY;
  scratch_layout(args, &w, block);
  int32_t status = LA_OK;
  for (size_t b = 0; b < (size_t)args->batch && status == LA_OK; b++) {
    for (size_t h = 0; h < heads && status == LA_OK; h++) {
      la_array q = head_of(args->q, b, h), k = head_of(args->k, b, h / group), v = head_of(args->v, b, h / group);
      la_gap_sums sums = {0};
      w.linear.map = map_of_head(&args->map, h, heads, h / group, heads / group);
      status = compute_outputs(args, &w, q, k, v);
      if (status != LA_OK) break;
      compare_outputs(args, &w, v, &sums);
      weight_rows_keys(&w.softmax, k.data, k.row);
      weight_rows_keys(&w.linear, k.data, k.row);
      compare_weights(args, &w, q, &sums);
      ((la_gap_sums *)w.sums)[b * heads + h] = sums;
    }
  }
  if (status == LA_OK) memcpy(args->out, w.sums, (size_t)args->batch * heads * sizeof *args->out);
  la_free(block);
  return status;
}
