/* How far linear attention is from softmax attention on the same q, k, v: sums per head, in float64. */
#include <math.h>

#include "gap/weights.h"

typedef struct {
  weight_rows softmax, linear;
  float *softmax_out, *linear_out; /* [n_q][d_v] */
  size_t n_q, d_v;
} scratch;

static uint64_t scratch_layout(const la_gap_args *a, scratch *w, float *base) {
  size_t n_k = (size_t)a->n_k, d = (size_t)a->dim;
  w->n_q = (size_t)a->n_q;
  w->d_v = (size_t)a->value_dim;
  w->softmax = (weight_rows){LA_WEIGHTS_SOFTMAX, a->causal, 1.0f / sqrtf((float)a->dim), a->map, n_k, d, 0, 0, NULL, NULL, NULL, NULL, NULL};
  w->linear = (weight_rows){LA_WEIGHTS_LINEAR, a->causal, 1.0f, a->map, n_k, d, 0, 0, NULL, NULL, NULL, NULL, NULL};
  uint64_t total = weight_rows_layout(&w->softmax, base);
  total += weight_rows_layout(&w->linear, base ? base + total : NULL);
  uint64_t sizes[] = {(uint64_t)w->n_q * w->d_v, (uint64_t)w->n_q * w->d_v};
  float **parts[] = {&w->softmax_out, &w->linear_out};
  return total + carve(base ? base + total : NULL, parts, sizes, 2);
}

/* One head of an array, as an array of one head. */
static la_array head_of(la_array a, size_t b, size_t h) { return (la_array){array_at(a, b, h, 0), 0, 0, a.row}; }

static int32_t compute_outputs(const la_gap_args *a, scratch *w, la_array q, la_array k, la_array v) {
  la_softmax_args softmax = {.batch = 1, .heads = 1, .kv_heads = 1, .n_q = a->n_q, .n_k = a->n_k, .dim = a->dim, .value_dim = a->value_dim,
                             .causal = a->causal, .scale = w->softmax.scale, .q = q, .k = k, .v = v,
                             .out = {w->softmax_out, 0, 0, (uint32_t)w->d_v}};
  la_linear_args linear = {.batch = 1, .heads = 1, .kv_heads = 1, .n_q = a->n_q, .n_k = a->n_k, .dim = a->dim, .value_dim = a->value_dim,
                           .causal = a->causal, .normalize = 1, .scale = 1.0f, .eps = 1e-6f, .map = w->linear.map, .q = q, .k = k, .v = v,
                           .out = {w->linear_out, 0, 0, (uint32_t)w->d_v}};
  int32_t status = la_softmax(&softmax);
  return status == LA_OK ? la_linear(&linear) : status;
}

static void compare_outputs(const la_gap_args *a, const scratch *w, la_array v, la_gap_sums *sums) {
  double value_sum[LA_MAX_DIM] = {0};
  size_t n_k = (size_t)a->n_k, counted = 0;
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
        if (p_j != 0.0) sums->kl += p_j * log(p_j / w_j);
      }
    }
  }
}

static int is_valid(const la_gap_args *a) {
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, a->value_dim)) return 0;
  if (a->causal && a->n_q != a->n_k) return 0;
  if ((a->n_q > 0 && !a->q.data) || (a->n_k > 0 && (!a->k.data || !a->v.data)) || (a->batch > 0 && a->heads > 0 && !a->out)) return 0;
  return map_find(&a->map) && a->map.dim == a->dim;
}

int32_t la_gap(const la_gap_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  size_t heads = (size_t)args->heads, group = (size_t)(args->heads / args->kv_heads);
  scratch w;
  size_t results = (size_t)args->batch * heads;
  float *block = alloc_floats(scratch_layout(args, &w, NULL));
  la_gap_sums *all = (la_gap_sums *)alloc_floats(results * sizeof *all / sizeof(float)); /* written out when every head is done */
  int32_t status = block && all ? LA_OK : LA_OUT_OF_MEMORY;
  if (block) scratch_layout(args, &w, block);
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
      all[b * heads + h] = sums;
    }
  }
  if (status == LA_OK && results > 0) memcpy(args->out, all, results * sizeof *all);
  la_free(all);
  la_free(block);
  return status;
}
