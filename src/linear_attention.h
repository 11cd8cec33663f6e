/* linear-attention-wasm: the public C interface.
 *
 * Everything is float32 and row-major. A call describes its work in one struct, checks it, allocates all scratch
 * memory, and only then writes: a call that does not return LA_OK has changed nothing.
 *
 * Sizes: batch, heads, n_q, n_k ≥ 0 (any of them 0 makes an empty result); kv_heads divides heads;
 * 1 ≤ dim, value_dim ≤ LA_MAX_DIM.
 * Non-finite values: outputs that depend on one are NaN; other rows, heads and batches keep their bits.
 * Outputs must not overlap inputs. Not reentrant on one memory. */
#ifndef LINEAR_ATTENTION_H
#define LINEAR_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

#define LA_MAX_DIM 256

#ifdef __wasm__
#define LA_API(name) __attribute__((export_name(#name))) name
#else
#define LA_API(name) name
#endif

typedef enum {
  LA_OK = 0,
  LA_OUT_OF_MEMORY = 1,
  LA_INVALID_ARGUMENT = 2,
  LA_THREAD_FAILED = 3, /* a worker trapped: nothing in this memory can be relied on any more */
} la_status;

/* A [batch, heads, length, width] array: element (b, h, t, c) is data[b·batch + h·head + t·row + c], strides in floats. */
typedef struct {
  float *data;
  uint32_t batch, head, row;
} la_array;

typedef enum {
  LA_MAP_ELU = 0,      /* x > 0 ? x + 1 : exp(x)   Katharopoulos et al. 2020, eq. 7 */
  LA_MAP_RELU = 1,     /* max(x, 0) */
  LA_MAP_IDENTITY = 2, /* x */
} la_map_kind;

/* A feature map φ: R^dim → R^features. */
typedef struct {
  int32_t kind; /* la_map_kind */
  int32_t dim;
} la_feature_map;

/* Length of φ(x); 0 when the map is not valid. */
int32_t LA_API(la_feature_map_features)(const la_feature_map *map);

/* out[i, :] = φ(x[i, :]) for i < rows. x: rows × dim; out: rows × features, both contiguous. */
int32_t LA_API(la_feature_map_apply)(const la_feature_map *map, int32_t rows, const float *x, float *out);

/* softmax(scale·q kᵀ) v, exactly (Milakov & Gimelshein 2018: online maximum; Dao et al. 2022: tiles).
 * No n_q × n_k array is stored. A query that sees no key gives zeros. */
typedef struct {
  int32_t batch, heads, kv_heads, n_q, n_k, dim, value_dim;
  int32_t causal;             /* query i sees keys 0 … i + causal_offset */
  int32_t causal_offset;      /* ≥ 0: keys that precede the first query's own */
  float scale;                /* finite */
  const int32_t *key_lengths; /* [batch], each 0 … n_k: leading keys that count; NULL: all */
  la_array q;                 /* [batch, heads, n_q, dim] */
  la_array k;                 /* [batch, kv_heads, n_k, dim] */
  la_array v;                 /* [batch, kv_heads, n_k, value_dim] */
  la_array out;               /* [batch, heads, n_q, value_dim] */
} la_softmax_args;

int32_t LA_API(la_softmax)(const la_softmax_args *args);

/* Linear attention (Katharopoulos et al. 2020, eq. 4 to 12): S = Σ φ(k)vᵀ, z = Σ φ(k),
 * out = scale·Sᵀφ(q), divided by scale·φ(q)·z + eps when normalised. */
typedef struct {
  int32_t batch, heads, kv_heads, n_q, n_k, dim, value_dim;
  int32_t causal;             /* query i sees keys 0 … i and the state; needs n_q == n_k */
  int32_t normalize;
  float scale, eps;           /* finite, eps ≥ 0 */
  la_feature_map map;         /* map.dim == dim */
  const int32_t *key_lengths; /* [batch], each 0 … n_k: leading keys that count; NULL: all */
  la_array q;                 /* [batch, heads, n_q, dim] */
  la_array k;                 /* [batch, kv_heads, n_k, dim] */
  la_array v;                 /* [batch, kv_heads, n_k, value_dim] */
  la_array out;               /* [batch, heads, n_q, value_dim] */
  float *state;               /* S [batch, kv_heads, features, value_dim], read then updated; NULL: start from 0, keep nothing */
  float *key_sum;             /* z [batch, kv_heads, features]; needed with state when normalised */
} la_linear_args;

int32_t LA_API(la_linear)(const la_linear_args *args);

typedef enum {
  LA_WEIGHTS_SOFTMAX = 0,
  LA_WEIGHTS_LINEAR = 1,
} la_weights_kind;

/* Attention weights, rows summing to 1 (a row of zeros where no key is seen or the normaliser is 0). */
typedef struct {
  int32_t batch, heads, kv_heads, n_q, n_k, dim;
  int32_t kind; /* la_weights_kind */
  int32_t causal; /* query i sees keys 0 … i */
  float scale;  /* of softmax */
  la_feature_map map; /* of linear */
  la_array q;   /* [batch, heads, n_q, dim] */
  la_array k;   /* [batch, kv_heads, n_k, dim] */
  float *out;   /* [batch, heads, n_q, n_k] */
} la_weights_args;

int32_t LA_API(la_weights)(const la_weights_args *args);

/* Sums over one head from which the measures of the gap between linear (L) and softmax (S) attention follow;
 * M is the mean of the visible values, p and w the softmax and linear weights. */
typedef struct {
  double linear_minus_softmax; /* ‖L − S‖² */
  double mean_minus_softmax;   /* ‖M − S‖² */
  double softmax_squared;      /* ‖S‖² */
  double linear_squared;       /* ‖L‖² */
  double product;              /* ⟨L, S⟩ */
  double max_error;            /* max |L − S| */
  double kl;                   /* Σ_i KL(p_i ‖ w_i), nats */
  double l1;                   /* Σ_i Σ_j |p_ij − w_ij| */
} la_gap_sums;

typedef struct {
  int32_t batch, heads, kv_heads, n_q, n_k, dim, value_dim;
  int32_t causal; /* needs n_q == n_k */
  la_feature_map map;
  la_array q, k, v; /* as in la_linear_args */
  la_gap_sums *out; /* [batch, heads] */
} la_gap_args;

int32_t LA_API(la_gap)(const la_gap_args *args);

/* Memory of tensors, states and scratch, 16-byte aligned. NULL when it cannot be had. */
void *LA_API(la_alloc)(size_t bytes);
void LA_API(la_free)(void *pointer);
/* Bytes handed out by la_alloc and not yet freed. */
size_t LA_API(la_memory_used)(void);

/* Builds with threads only: several instances of the module over one memory, one of which makes all calls.
 * It says how many there are, itself included, whether it may sleep (a page's main thread must not), and from how many
 * multiply-adds on a call is worth splitting. */
void LA_API(la_threads_set)(int32_t threads, int32_t may_wait, uint32_t worth);
/* The life of a further instance, with a stack of its own, in slot 1 … threads − 1: returns after la_threads_quit. */
void LA_API(la_thread_run)(int32_t slot);
/* For a further instance whose la_thread_run trapped: the call under way, and all after it, fail. */
void LA_API(la_thread_fail)(void);
void LA_API(la_threads_quit)(void);

/* 0 scalar, 1 SIMD128, 2 SIMD128 with relaxed multiply-add. */
int32_t LA_API(la_build)(void);

#endif
