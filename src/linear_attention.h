/* linear-attention-wasm: the public C interface.
 *
 * Everything is float32 and row-major. A call describes its work in one struct, checks it, allocates all scratch
 * memory, and only then writes: a call that does not return LA_OK has changed nothing.
 *
 * Sizes: batch, heads, n_q, n_k ≥ 0 (any of them 0 makes an empty result); heads of q, of k and of v ≥ 1 divide heads;
 * 1 ≤ dim ≤ LA_MAX_DIM, 1 ≤ value_dim ≤ LA_MAX_VALUE_DIM; query_heads, key_heads ≥ 1 of a map.
 * A field of 0 is its off: no mask, no normaliser, eps 0, the map elu, no key lengths, no gate, no state, all items. A
 * zeroed struct is refused, since the other heads, dim, value_dim and the heads of a map must be set; scale 0 gives zeros.
 * Pointers: NULL is allowed where a comment says what it means, and for arrays without elements. They are aligned as
 * their type is; 64 bytes, as la_alloc gives, is fastest. Nothing of the caller's is kept after a call.
 * Non-finite values: outputs that depend on one are NaN; other rows, heads and batches keep their bits.
 * Finite values: results are those of float32 sums, and NaN where such a sum, or a product of two features, is beyond the
 * largest float (3.4e38): elements of q and k of 1e18 with elu, say, or a scale of 1e38. A sum that decay brings below
 * 1e-38 is nothing; of a ratio of two such sums, without eps, see the exponents of la_linear_args.
 * Outputs must not overlap inputs. Not reentrant on one memory. src/README.md has an example and how to compile it. */
#ifndef LINEAR_ATTENTION_H
#define LINEAR_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LA_MAX_DIM 1024
#define LA_MAX_VALUE_DIM 8192
#define LA_MAX_FEATURES 65536
#define LA_MAX_GROWTH 88.0f
#define LA_MAX_THREADS 256

#ifdef __wasm__
#define LA_API(name) __attribute__((export_name(#name))) name
#else
#define LA_API(name) name
#endif

typedef enum {
  LA_OK = 0,
  LA_OUT_OF_MEMORY = 1,
  LA_INVALID_ARGUMENT = 2,
  LA_INVALID_GATE = 3,   /* a decay above 0 or, where growth is allowed, above LA_MAX_GROWTH; a gate that is not a number */
  LA_THREAD_FAILED = 4,  /* a worker trapped or was lost: nothing in this memory can be relied on any more */
} la_status;

/* A [batch, heads, length, width] array: element (b, h, t, c) is data[b·batch + h·head + t·row + c], strides in floats. */
typedef struct {
  float *data;
  uint32_t batch, head, row;
} la_array;

typedef enum {
  LA_MAP_ELU = 0,       /* x > 0 ? x + 1 : exp(x)                       Katharopoulos et al. 2020, eq. 7 */
  LA_MAP_RELU = 1,      /* max(x, 0) */
  LA_MAP_IDENTITY = 2,  /* x */
  LA_MAP_FAVOR = 3,     /* positive random features                     Choromanski et al. 2021 */
  LA_MAP_RFF = 4,       /* random Fourier features                      Rahimi & Recht 2007; Peng et al. 2021 */
  LA_MAP_DPFP = 5,      /* deterministic parameter-free projection      Schlag et al. 2021, eq. 37 */
  LA_MAP_TAYLOR = 6,    /* second-order Taylor series of exp            Arora et al. 2024 */
  LA_MAP_HEDGEHOG = 7,  /* softmax of ±(xW + b)                         Zhang et al. 2024 */
  LA_MAP_LEARNED = 8,   /* relu(xW + b), or exp(xW + b)                 Kasai et al. 2021 */
  LA_MAP_COSFORMER = 9, /* relu(x) by sin and cos of the position       Qin et al. 2022 */
} la_map_kind;

typedef enum {
  LA_MAP_HYPERBOLIC = 1,   /* favor: size/2 rows ω, features exp(±ωᵀx − ‖x‖²/2) */
  LA_MAP_NO_NORM_TERM = 2, /* favor: −‖x‖²/2 is left out */
  LA_MAP_GAUSSIAN = 4,     /* rff: exp(‖x‖²/2) is left out: the Gaussian kernel */
  LA_MAP_JOINT = 8,        /* hedgehog: one softmax over [2y, −2y] instead of one each over y and −y */
  LA_MAP_EXP = 16,         /* learned: exp(xW + b) instead of relu(xW + b) */
} la_map_options;

/* A feature map φ: R^dim → R^features. Weights may differ between heads: head h of the result's H asks by those
 * numbered h·query_heads/H, key head h of H uses those numbered h·key_heads/H. */
typedef struct {
  int32_t kind; /* la_map_kind */
  int32_t dim;
  int32_t size;    /* favor, rff: features; learned, hedgehog: columns of W (hedgehog, 0: dim); dpfp: ν; cosformer: longest
                      sequence; else 0 */
  int32_t options; /* la_map_options */
  float epsilon;   /* favor: added to exp(ωᵀx − ‖x‖²/2 − max ωᵀx) before m^(−1/2); ≥ 0; else 0 */
  int32_t query_heads, key_heads;
  const float *query_weights, *key_weights; /* from la_feature_map_pack, [heads] of them; NULL where the map has none, or, of
                                               hedgehog with dim columns, for the identity */
  const float *query_bias, *key_bias;       /* [heads][columns of W]; NULL: 0 */
} la_feature_map;

/* Length of φ(x), at most LA_MAX_FEATURES; 0 when the map is not valid. Weights are not looked at. */
int32_t LA_API(la_feature_map_features)(const la_feature_map *map);

/* out[i, :] = φ(x[i, :]) for i < rows, the consecutive vectors of one sequence from `position` (counted from 0) on, with
 * the weights numbered `head` of queries or of keys. x: rows × dim; out: rows × features, both contiguous.
 * With epsilon > 0 the maximum that epsilon is relative to is left out of φ: that of the row for queries, of all rows
 * for keys. */
int32_t LA_API(la_feature_map_apply)(const la_feature_map *map, int32_t head, int32_t position, int32_t as_key, int32_t rows,
                                     const float *x, float *out);

/* Floats that la_feature_map_pack writes for one head; 0 when the map has no weights or is not valid. */
int32_t LA_API(la_feature_map_packed)(const la_feature_map *map);

/* The weights of `heads` heads as the maps read them. weights: favor, rff: rows ω, [heads][rows][dim]; hedgehog, learned:
 * W, [heads][dim][columns]. */
int32_t LA_API(la_feature_map_pack)(const la_feature_map *map, int32_t heads, const float *weights, float *out);

/* Rows ω ~ N(0, I) of favor and rff, out: [heads][rows][dim]. orthogonal: in blocks of dim rows they are orthogonal, with
 * the norms of independent normal vectors (Choromanski et al. 2021). The same seed gives the same bits in every build. */
int32_t LA_API(la_random_features)(uint32_t seed_low, uint32_t seed_high, int32_t heads, int32_t rows, int32_t dim, int32_t orthogonal,
                                   float *out);

/* Queries and keys of one batch that see each other, and none outside. */
typedef struct {
  int32_t batch;
  int32_t first_query, queries; /* its queries are first_query … first_query + queries − 1 of the batch */
  int32_t first_key, keys;
  int32_t offset;               /* query i of the span, counted from 0, stands at key i + offset of the span; any number */
  int32_t gap;                  /* ≥ 0: positions between the sinks, which lie in front, and the keys behind them */
} la_softmax_span;

/* softmax(scale·q kᵀ) v, exactly (Milakov & Gimelshein 2018: online maximum; Dao et al. 2022: tiles).
 * No n_q × n_k array is stored, and blocks of keys that no query sees are not computed. A query that sees no key gives
 * zeros. A score is scale·q·k, then capped, then biased: softcap·tanh(score/softcap) − slope·distance + bias. */
typedef struct {
  int32_t batch, heads, kv_heads, n_q, n_k, dim, value_dim;
  int32_t causal;             /* query i sees keys 0 … i + causal_offset */
  int32_t causal_offset;      /* any number: keys that precede the first query's own */
  int32_t window;             /* needs causal: of those, the last `window` and the first `sinks`; 0: all */
  int32_t sinks;              /* ≥ 0; needs window */
  float scale;                /* finite */
  float softcap;              /* finite, > 0; 0: none (Gemma 2) */
  const int32_t *key_lengths; /* [batch], each 0 … n_k: leading keys that count; NULL: all */
  const la_softmax_span *spans; /* [span_count], by batch and then first_query, no query in two of them: what sees what, in
                                   place of causal_offset and key_lengths, which is then NULL; queries in none give zeros.
                                   NULL: a span for each batch */
  int32_t span_count;
  la_array q;                 /* [batch, heads, n_q, dim]; q and out may be NULL when n_q is 0, k and v when n_k is */
  la_array k;                 /* [batch, kv_heads, n_k, dim] */
  la_array v;                 /* [batch, kv_heads, n_k, value_dim] */
  la_array out;               /* [batch, heads, n_q, value_dim] */
  la_array bias;              /* [batch, heads, n_q, n_k], added to scores; −∞ hides a key; data NULL: none */
  const float *slopes;        /* [heads], finite: slope·|i − j| is subtracted from the score of a query at position i and a
                                 key at j (ALiBi, Press et al. 2022); NULL: none */
  float *maximum, *sum;       /* [batch, heads, n_q]: the largest score m and Σ exp(score − m); −∞ and 0 where no key is
                                 seen; NULL: not wanted */
  uint32_t first, count;      /* run these items of the call's work alone; count 0: all, whatever first is */
} la_softmax_args;

int32_t LA_API(la_softmax)(const la_softmax_args *args);

/* How many items the call consists of: one for each block of queries of each head; 0 when it is empty or not valid.
 * All items in order, in however many calls, are the whole call, bit for bit. first and count are not looked at. */
uint32_t LA_API(la_softmax_items)(const la_softmax_args *args);

/* A number a head, a head and token, or a head, token and feature: element (b, g, t, i) is
 * data[b·batch + g·head + t·row + i·channel], strides in floats, 0 along an axis that shares one number. Of n heads head h
 * has g = ⌊h·heads/n⌋. */
typedef struct {
  const float *data; /* NULL: none */
  uint32_t heads;    /* ≥ 1, divides the heads of the state */
  uint32_t batch, head, row, channel;
} la_gate;

/* Linear attention, the one recurrence (Katharopoulos et al. 2020, eq. 16 to 20, with decay and write rule):
 *   S ← diag(exp decay)·S + φ(k)uᵀ,  z ← exp(decay)·z + φ(k),  out = scale·Sᵀφ(q),
 * divided by scale·φ(q)·z + eps when normalised; u = v, or beta·(v − Sᵀφ(k)) on the decayed S where beta is given.
 * Heads: head h of `heads` uses head ⌊h·n/heads⌋ of n heads of q, k or v. There are state_heads = max(k_heads, v_heads)
 * states, numbered alike, of which the smaller number must be a divisor. */
typedef struct {
  int32_t batch, heads, q_heads, k_heads, v_heads, n_q, n_k, dim, value_dim; /* heads: the most of q, k and v */
  int32_t causal;             /* query i sees keys 0 … i and the state; needs n_q == n_k */
  int32_t normalize;
  float scale, eps;           /* finite, eps ≥ 0 */
  la_feature_map map;         /* map.dim == dim */
  const int32_t *positions;   /* [batch], each ≥ 0: tokens that precede the first, for maps that depend on the position; NULL: 0 */
  const int32_t *key_lengths; /* [batch], each 0 … n_k: leading keys that count, the others write and decay nothing; NULL: all */
  const int32_t *starts;      /* [batch], each ≥ 0: row b is its key_lengths[b] tokens from this one on, counted from there, and
                                 nothing else: all else of it is not read and gives 0. Needs key_lengths and n_q == n_k. NULL: 0,
                                 and queries past the keys that count are answered */
  la_array q;                 /* [batch, q_heads, n_q, dim] */
  la_array k;                 /* [batch, k_heads, n_k, dim] */
  la_array v;                 /* [batch, v_heads, n_k, value_dim] */
  la_array out;               /* [batch, heads, n_q, value_dim]; NULL: the state alone is updated, and q is not read */
  la_gate decay;              /* [batch, state_heads, n_k, features], natural logarithm, not NaN; needs causal */
  la_gate beta;               /* [batch, state_heads, n_k], not NaN: the delta rule; needs causal */
  la_gate write_gate;         /* [batch, state_heads, n_k], not NaN: what multiplies φ(k); needs causal */
  int32_t allow_growth;       /* take a decay above 0, up to LA_MAX_GROWTH, instead of refusing it */
  float *state;               /* [batch, state_heads, la_state_floats], all of it 0 at first, read then updated; NULL: start
                                 from nothing, keep nothing */
  uint32_t first, count;      /* run these items of the call's work alone; count 0: all, whatever first is */
} la_linear_args;

int32_t LA_API(la_linear)(const la_linear_args *args);

/* As la_softmax_items: one for each state head of each batch, whose part of the state is updated when its item is done; 1
 * for one token with a state. */
uint32_t LA_API(la_linear_items)(const la_linear_args *args);

/* Floats of one head's state, whose first is at a multiple of 16 bytes; 0 where the sizes are not valid. More than twice
 * those of S and z: each is kept as what is settled and a remainder, so that sums stay right however many tokens come, and
 * the last tokens wait beside them. A state of zeros has seen nothing. Its bytes may be copied and kept, and are the same
 * in every build; its floats mean nothing by themselves. */
uint32_t LA_API(la_state_floats)(int32_t features, int32_t value_dim);

typedef struct {
  int32_t heads, features, value_dim; /* heads: of all rows of the batch */
  float *state;     /* [heads, la_state_floats] */
  float *s, *z;     /* [heads, features, value_dim], [heads, features] */
  float *exponents; /* [heads]: S and z are to be multiplied by exp of it; −∞ of favor, rff and exp(xW + b) while nothing was seen. NULL:
                       is not read, and written as 0 */
  float *powers;    /* [heads, features], whole numbers: row i of S and z_i are to be multiplied by 2^powers[i] as well, which
                       only sums of calls that are normalised without eps need. NULL: read as part of S, z and exponents, and
                       written as 0 */
} la_state_args;

/* s and z are what the state holds, and stay so when the state goes on. z of states that were never normalised is 0. */
int32_t LA_API(la_state_read)(const la_state_args *args);
/* The state is from now on s and z; nothing of what it held before is left. */
int32_t LA_API(la_state_write)(const la_state_args *args);

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
  double weight_difference;    /* Σ_i Σ_j (p_ij − w_ij)² */
  double weight_squared;       /* Σ_i Σ_j p_ij² */
} la_gap_sums;

typedef struct {
  int32_t batch, heads, kv_heads, n_q, n_k, dim, value_dim;
  int32_t causal; /* needs n_q == n_k */
  float scale, eps;    /* of linear, whose weights are scale·φ(q)·φ(k) over their sum + eps; finite, eps ≥ 0 */
  float softmax_scale; /* finite */
  la_feature_map map;
  la_array q, k, v; /* as in la_linear_args */
  la_gap_sums *out; /* [batch, heads] */
} la_gap_args;

int32_t LA_API(la_gap)(const la_gap_args *args);

/* Memory of tensors, states and scratch, 64-byte aligned. NULL when it cannot be had. */
void *LA_API(la_alloc)(size_t bytes);
void LA_API(la_free)(void *pointer);
/* Bytes handed out by la_alloc and not yet freed. */
size_t LA_API(la_memory_used)(void);

/* Builds with threads only: several instances of the module over one memory, one of which makes all calls.
 * It says how many there are, itself included, at most LA_MAX_THREADS, whether it may sleep (a page's main thread must
 * not), and from how many multiply-adds on a call is worth splitting. */
void LA_API(la_threads_set)(int32_t threads, int32_t may_wait, uint32_t worth);
/* So many of them are left, the caller's included: the others are not waited for. Threads that are lost without this
 * being said are waited for too, but not for ever: two seconds before a call, ten inside one, which then fails. */
void LA_API(la_threads_alive)(int32_t threads);
/* The life of a further instance, with a stack of its own, in slot 1 … threads − 1: returns after la_threads_quit. */
void LA_API(la_thread_run)(int32_t slot);
/* For a further instance whose la_thread_run trapped: the call under way, and all after it, fail. */
void LA_API(la_thread_fail)(void);
void LA_API(la_threads_quit)(void);

/* 0 scalar, 1 SIMD128, 2 SIMD128 with relaxed multiply-add. */
int32_t LA_API(la_build)(void);

/* The binding writes these structs field by field. */
#if defined(__wasm32__) && !defined(__cplusplus)
_Static_assert(sizeof(la_array) == 16 && sizeof(la_gate) == 24 && sizeof(la_feature_map) == 44 && sizeof(la_gap_sums) == 80, "parts of arguments");
_Static_assert(sizeof(la_softmax_span) == 28 && sizeof(la_softmax_args) == 164, "la_softmax_args");
_Static_assert(sizeof(la_linear_args) == 260, "la_linear_args");
_Static_assert(sizeof(la_state_args) == 32, "la_state_args");
_Static_assert(sizeof(la_weights_args) == 116, "la_weights_args");
_Static_assert(sizeof(la_gap_args) == 140, "la_gap_args");
#endif

#ifdef __cplusplus
}
#endif

#endif
