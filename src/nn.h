/* linear-attention-wasm: dense layers around attention, enough to run a small transformer and no more.
 *
 * The rules are those of linear_attention.h: float32, row-major, LA_OK or nothing has changed. Sizes: rows ≥ 0,
 * 1 ≤ inputs, outputs, width, classes ≤ LA_MAX_WIDTH. Numbers follow IEEE arithmetic: infinities stay infinities.
 * Each result is summed in one order, so that rows computed alone or together have the same bits. */
#ifndef LA_NN_H
#define LA_NN_H

#include "linear_attention.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LA_MAX_WIDTH 65536

/* Outputs of a dense layer that lie beside each other in its packed weights: one cache line. */
#define LA_DENSE_PANEL 16

typedef enum {
  LA_ACTIVATION_NONE = 0,
  LA_ACTIVATION_RELU = 1, /* max(y, 0) */
} la_activation;

/* Packs weight [outputs, inputs] and bias [outputs] (NULL: 0) for la_dense: panels [⌈outputs/16⌉][1 + inputs][16],
 * the bias before the weights, lanes past the last output 0. */
int32_t LA_API(la_dense_pack)(int32_t outputs, int32_t inputs, const float *weight, const float *bias, float *packed);

/* out = activation(x Wᵀ + b) + residual */
typedef struct {
  int32_t rows, inputs, outputs;
  int32_t activation;    /* la_activation */
  const float *x;        /* [rows, inputs] */
  const float *packed;   /* of la_dense_pack; a panel further in, the layer's outputs from 16 on */
  const float *residual; /* [rows, outputs]; may be out itself; NULL: 0 */
  float *out;            /* [rows, outputs] */
} la_dense_args;

int32_t LA_API(la_dense)(const la_dense_args *args);

/* Each row of x less its mean, divided by √(variance + eps), times weight, plus bias (Ba, Kiros & Hinton 2016);
 * the variance is the mean square, without Bessel's correction. */
typedef struct {
  int32_t rows, width;
  float eps;           /* finite, ≥ 0 */
  const float *x;      /* [rows, width] */
  const float *weight; /* [width] */
  const float *bias;   /* [width] */
  float *out;          /* [rows, width]; may be x itself */
} la_layer_norm_args;

int32_t LA_API(la_layer_norm)(const la_layer_norm_args *args);

/* A random generator: PCG XSH-RR 64/32 (O'Neill 2014), the same numbers in every build. */
typedef struct {
  uint64_t state, increment;
} la_generator;

/* Generator i < count is stream first + i of the seed: streams of one seed are independent of each other. */
int32_t LA_API(la_generator_seed)(la_generator *generators, int32_t count, uint32_t seed, uint32_t first);

/* Draws one class for each row from softmax(logits / temperature); at temperature 0 the first of the largest.
 * A logit of −inf is never drawn. One number of each generator is used up, at temperature 0 too. */
typedef struct {
  int32_t rows, classes;
  float temperature;        /* finite, ≥ 0 */
  const float *logits;      /* [rows, classes] */
  la_generator *generators; /* [rows] */
  int32_t *out;             /* [rows]; all −1, and no generator touched, when a row has a NaN, a +inf or nothing but −inf */
} la_sample_args;

int32_t LA_API(la_sample)(const la_sample_args *args);

#if defined(__wasm32__) && !defined(__cplusplus)
_Static_assert(sizeof(la_dense_args) == 32, "la_dense_args");
_Static_assert(sizeof(la_layer_norm_args) == 28, "la_layer_norm_args");
_Static_assert(sizeof(la_generator) == 16, "la_generator");
_Static_assert(sizeof(la_sample_args) == 24, "la_sample_args");
#endif

#ifdef __cplusplus
}
#endif

#endif
