/* Cross-entropy of the weights of linear attention, a = s/Z with s = φ(q)·φ(k) and Z their sum over the keys seen, against those
 * of softmax, p (Zhang et al. 2024). Its gradient by s is −p/s + 1/Z, so that dφ(q) = Σ_keys and dφ(k) = Σ_queries of that
 * times the other. Pairs go in blocks; of a head φ of all keys and its gradient are kept. */
#include <math.h>

#include "base/arguments.h"
#include "base/exp.h"
#include "base/scratch.h"
#include "base/span.h"
#include "learn.h"
#include "learn/map_gradient.h"
#include "learn/pairs.h"
#include "threads/parallel.h"

typedef struct {
  const la_weights_gradient_args *args;
  const map_entry *map;
  size_t n_q, n_k, d, d_f, row, columns; /* row: floats from one row of features to the next */
  double queries;                        /* that see a key, of the call */
  float *scratch;
  uint64_t floats;
  weight_sums sums;
  double *losses;                        /* [batch][heads] */
} weights_work;

typedef struct {
  float *keys, *d_keys;      /* [n_k][row]: φ(k) at one exponent for all, and its gradient */
  float *exponents;          /* [n_k] */
  float *features, *d_features; /* [PAIR_QUERIES][row]: φ(q) and its gradient */
  float *query_exponents;    /* [PAIR_QUERIES] */
  float *q, *k;              /* panels of softmax: [queries/8][d][8], scaled; [keys/4][d][4] */
  float *query_panels, *key_panels; /* of features */
  float *p, *s;              /* pairs */
  float *most, *total, *z;   /* [PAIR_QUERIES]: the maximum and sum of softmax, Σ s */
  float *query_transposed, *key_transposed, *y;
} scratch;

static uint64_t scratch_layout(const weights_work *work, scratch *w, float *base) {
  uint64_t row = work->row, d = work->d, d_f = work->d_f, queries = PAIR_QUERIES, keys = PAIR_KEYS, pairs = PAIR_KEYS * PAIR_ROW;
  uint64_t transposed = work->columns * weights_row(&work->args->map);
  float **arrays[] = {&w->keys, &w->d_keys, &w->exponents, &w->features, &w->d_features, &w->query_exponents, &w->q, &w->k, &w->query_panels, &w->key_panels,
                      &w->p, &w->s, &w->most, &w->total, &w->z, &w->query_transposed, &w->key_transposed, &w->y};
  uint64_t sizes[] = {work->n_k * row, work->n_k * row, work->n_k, queries * row, queries * row, queries, queries * d, keys * d, queries * d_f, keys * d_f,
                      pairs, pairs, queries, queries, queries, transposed, transposed, GRADIENT_ROWS * y_stride(work->columns)};
  return carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
}

typedef struct {
  const weights_work *work;
  scratch *w;
  size_t b, head, kv_head, query_weights, key_weights;
  size_t slot; /* of the thread */
  item_sums sums;
} weights_head;

static void apply_map(const weights_head *h, int as_key, la_array x, size_t head, size_t weights, size_t t, size_t rows, float *out, float *exponents) {
  const weights_work *work = h->work;
  work->map->apply(&work->args->map, (map_rows){array_at(x, h->b, head, t), out, rows, x.row, work->row, weights, t, as_key, exponents});
}

static void apply_gradient(const weights_head *h, int as_key, la_array x, size_t head, size_t t, size_t rows, const float *features, float *gradient) {
  const weights_work *work = h->work;
  map_gradient m = {.map = &work->args->map,
                    .x_stride = x.row,
                    .features_stride = work->row,
                    .gradient_stride = work->row,
                    .transposed = as_key ? h->w->key_transposed : h->w->query_transposed,
                    .y = h->w->y};
  point_at_sums(&m, &h->sums, as_key, as_key ? h->key_weights : h->query_weights);
  for (size_t r = 0; r < rows; r += GRADIENT_ROWS) {
    m.rows = smaller(GRADIENT_ROWS, rows - r);
    m.x = array_at(x, h->b, head, t + r);
    m.features = features + r * work->row;
    m.gradient = gradient + r * work->row;
    m.position = t + r;
    apply_map_gradient(&m);
  }
}

/* φ of all keys of a head, brought to their largest exponent. */
static void take_keys(const weights_head *h) {
  const weights_work *work = h->work;
  scratch *w = h->w;
  apply_map(h, 1, work->args->k, h->kv_head, h->key_weights, 0, work->n_k, w->keys, w->exponents);
  zero_floats(w->d_keys, work->n_k * work->row);
  if (!work->map->scaled) return;
  float most = span_max(w->exponents, work->n_k, 1.0f);
  for (size_t j = 0; j < work->n_k; j++) {
    float factor = exp_of(w->exponents[j] - most);
    for (size_t i = 0; i < work->d_f; i++) w->keys[j * work->row + i] *= factor;
  }
}

static pair_block block_of(const weights_work *work, size_t t, size_t at, size_t queries) {
  pair_block b;
  pair_block_set(&b, t, smaller(PAIR_KEYS, work->n_k - t), at, queries, work->args->causal);
  return b;
}

/* Scores of softmax, and s, of the block's pairs. */
static void score_block(const weights_head *h, size_t t, const pair_block *b) {
  const weights_work *work = h->work;
  scratch *w = h->w;
  pack_panels(w->k, array_at(work->args->k, h->b, h->kv_head, t), work->args->k.row, b->keys, work->d, 4, 1.0f);
  pack_panels(w->key_panels, w->keys + t * work->row, work->row, b->keys, work->d_f, 4, 1.0f);
  for (size_t j = 0; j < b->keys; j += 4) {
    for (size_t i = first_panel(b, j); i < b->queries; i += 8) {
      tile_store(w->p + j * PAIR_ROW + i, PAIR_ROW, tile_outer_panels(tile_zero(), work->d, w->k + j * work->d, w->q + i * work->d));
      tile_store(w->s + j * PAIR_ROW + i, PAIR_ROW, tile_outer_panels(tile_zero(), work->d_f, w->key_panels + j * work->d_f, w->query_panels + i * work->d_f));
    }
  }
}

/* Takes a block's pairs into the rows' maxima and sums. */
static void sum_pairs(const scratch *w, const pair_block *b) {
  for (size_t i = 0; i < b->queries; i++) {
    float most = w->most[i], total = 0.0f, z = 0.0f;
    for (size_t j = 0; j < b->seen[i]; j++) most = larger_float(most, w->p[j * PAIR_ROW + i]);
    for (size_t j = 0; j < b->seen[i]; j++) {
      total += exp_of(w->p[j * PAIR_ROW + i] - most);
      z += w->s[j * PAIR_ROW + i];
    }
    if (b->seen[i] == 0) continue;
    w->total[i] = w->total[i] * exp_of(w->most[i] - most) + total;
    w->most[i] = most;
    w->z[i] += z;
  }
}

/* Pairs become the gradient by s; returns what they add to −Σ p log a, where that is wanted. 0·log 0 is 0, and so is its slope. */
static double change_pairs(const scratch *w, const pair_block *b, float factor, int wants_loss) {
  double loss = 0.0;
  for (size_t j = 0; j < b->keys; j++) {
    float *p = w->p + j * PAIR_ROW, *s = w->s + j * PAIR_ROW;
    for (size_t i = b->first[j]; i < b->queries; i++) {
      float weight = exp_of(p[i] - w->most[i]) / w->total[i];
      if (wants_loss && weight != 0.0f) loss -= (double)weight * (double)logf(s[i] / w->z[i]);
      s[i] = factor * (1.0f / w->z[i] - (weight == 0.0f ? 0.0f : weight / s[i]));
    }
  }
  return loss;
}

static double query_block(const weights_head *h, size_t at, size_t queries) {
  const weights_work *work = h->work;
  const la_weights_gradient_args *a = work->args;
  scratch *w = h->w;
  size_t keys = a->causal ? smaller(work->n_k, at + queries) : work->n_k;
  float factor = (float)(1.0 / work->queries);
  double loss = 0.0;
  pack_panels(w->q, array_at(a->q, h->b, h->head, at), a->q.row, queries, work->d, 8, a->softmax_scale);
  apply_map(h, 0, a->q, h->head, h->query_weights, at, queries, w->features, w->query_exponents);
  pack_panels(w->query_panels, w->features, work->row, queries, work->d_f, 8, 1.0f);
  zero_floats(w->d_features, queries * work->row);
  for (size_t i = 0; i < queries; i++) {
    w->most[i] = -INFINITY;
    w->total[i] = w->z[i] = 0.0f;
  }
  for (size_t t = 0; t < keys; t += PAIR_KEYS) {
    show_life(h->slot);
    pair_block b = block_of(work, t, at, queries);
    score_block(h, t, &b);
    sum_pairs(w, &b);
  }
  for (size_t t = 0; t < keys; t += PAIR_KEYS) {
    show_life(h->slot);
    pair_block b = block_of(work, t, at, queries);
    if (keys > PAIR_KEYS) score_block(h, t, &b);
    loss += change_pairs(w, &b, factor, work->losses != NULL);
    pairs_to_keys(&b, w->s, w->features, work->row, w->d_keys + t * work->row, work->row, work->d_f);
    pairs_to_queries(&b, w->s, w->keys + t * work->row, work->row, w->d_features, work->row, work->d_f);
  }
  apply_gradient(h, 0, a->q, h->head, at, queries, w->features, w->d_features);
  return loss;
}

/* A batch with one head of keys and the heads of queries that share it. */
static void run_item(void *context, size_t slot, size_t item) {
  const weights_work *work = context;
  const la_weights_gradient_args *a = work->args;
  size_t kv_heads = (size_t)a->kv_heads, heads = (size_t)a->heads, group = heads / kv_heads;
  scratch w;
  scratch_layout(work, &w, work->scratch + slot * work->floats);
  weights_head h = {.work = work, .w = &w, .b = item / kv_heads, .kv_head = item % kv_heads, .slot = slot};
  h.key_weights = weights_of_head(h.kv_head, kv_heads, a->map.key_heads);
  h.sums = weight_sums_of(&work->sums, item, h.kv_head * group, h.kv_head);
  take_keys(&h);
  transpose_weights(&a->map, 1, h.key_weights, w.key_transposed);
  for (h.head = h.kv_head * group; h.head < (h.kv_head + 1) * group; h.head++) {
    double loss = 0.0;
    h.query_weights = weights_of_head(h.head, heads, a->map.query_heads);
    transpose_weights(&a->map, 0, h.query_weights, w.query_transposed);
    for (size_t at = 0; at < work->n_q; at += PAIR_QUERIES) loss += query_block(&h, at, smaller(PAIR_QUERIES, work->n_q - at));
    if (work->losses) work->losses[h.b * heads + h.head] = loss;
  }
  apply_gradient(&h, 1, a->k, h.kv_head, 0, work->n_k, w.keys, w.d_keys);
}

static int is_valid(const la_weights_gradient_args *a) {
  if (!sizes_are_valid(a->batch, a->heads, a->kv_heads, a->n_q, a->n_k, a->dim, 1) || !isfinite(a->softmax_scale)) return 0;
  if ((a->n_q > 0 && !a->q.data) || (a->n_k > 0 && !a->k.data)) return 0;
  const map_entry *map = map_find(&a->map);
  /* Weights that heads of different items share are added up by weight_sums only where items follow them. */
  return map && map->columns && !map->random && a->map.dim == a->dim && a->kv_heads % a->map.key_heads == 0 &&
         (a->map.query_heads == 1 || a->map.query_heads % a->kv_heads == 0);
}

/* The loss of each head, a mean over the batch and its queries. */
static void mean_losses(const weights_work *work) {
  size_t batch = (size_t)work->args->batch, heads = (size_t)work->args->heads;
  for (size_t h = 0; h < heads; h++) {
    double sum = 0.0;
    for (size_t b = 0; b < batch; b++) sum += work->losses[b * heads + h];
    work->args->loss[h] = work->queries == 0.0 ? 0.0 : sum / work->queries * (double)heads;
  }
}

static int32_t run(weights_work *work) {
  const la_weights_gradient_args *a = work->args;
  size_t items = (size_t)a->batch * (size_t)a->kv_heads, losses = (size_t)a->batch * (size_t)a->heads;
  size_t slots = parallel_slots((uint64_t)losses * work->n_q * work->n_k * (work->d + 3 * work->d_f));
  scratch w;
  work->floats = (scratch_layout(work, &w, NULL) + 15) / 16 * 16;
  work->scratch = alloc_floats(slots * work->floats);
  if (a->loss) work->losses = la_alloc(losses * sizeof *work->losses);
  int32_t status = work->scratch && (!a->loss || work->losses) ? LA_OK : LA_OUT_OF_MEMORY;
  if (status == LA_OK) {
    zero_floats(work->scratch, (size_t)(slots * work->floats));
    for (size_t i = 0; work->losses && i < losses; i++) work->losses[i] = 0.0;
    if (work->queries > 0.0) status = in_parallel(slots, 0, items, run_item, work);
  }
  if (status == LA_OK && a->loss) mean_losses(work);
  la_free(work->losses);
  la_free(work->scratch);
  return status;
}

int32_t la_weights_gradient(const la_weights_gradient_args *args) {
  if (!args || !is_valid(args)) return LA_INVALID_ARGUMENT;
  weights_work work = {.args = args, .map = map_find(&args->map), .n_q = (size_t)args->n_q, .n_k = (size_t)args->n_k, .d = (size_t)args->dim};
  work.d_f = (size_t)work.map->features(&args->map);
  work.row = round_up(work.d_f, 8) + 8;
  work.columns = map_columns(&args->map);
  work.queries = work.n_k == 0 ? 0.0 : (double)args->batch * args->heads * args->n_q;
  size_t items = (size_t)args->batch * (size_t)args->kv_heads;
  int32_t status = weight_sums_start(&work.sums, &args->map, &args->d_map, (size_t)args->kv_heads, items, (size_t)args->heads, (size_t)args->kv_heads);
  if (status == LA_OK) status = run(&work);
  weight_sums_end(&work.sums, status == LA_OK);
  return status;
}
