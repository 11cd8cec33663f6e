/* linear-attention-wasm: gradients, for learning. The module that has them also has all of linear_attention.h.
 *
 * Each function gives the derivatives of sum(out ∘ out_gradient), and of the state after the call where that is asked for,
 * with respect to its inputs. Rules of linear_attention.h hold: checked first, then allocated, then written; arrays of
 * gradients have the strides of an la_array, are written whole, and must not overlap one another or an input. Nothing of
 * n_q × n_k is stored, and no state a token. */
#ifndef LEARN_H
#define LEARN_H

#include "linear_attention.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Gradients of a map's weights, plain and not packed: W and b of query heads and of key heads, [heads][dim][columns] and
 * [heads][columns], summed over the batch and all heads that share them. NULL: not wanted. */
typedef struct {
  float *query_weights, *query_bias, *key_weights, *key_bias;
} la_map_gradient;

/* Of la_linear (Katharopoulos et al. 2020, eq. 13 to 15, for every decay and write rule). The state is read, never updated.
 * Not written: the gradient of write_gate, which must not be there. With a map's epsilon the maxima that it is relative to
 * count as constants, as in performer-pytorch, and there must be no state. Where a normaliser is 0 or underflows, and so the
 * result is 0, gradients are 0. */
typedef struct {
  const la_linear_args *forward; /* its `out` is not looked at; first and count must be 0 */
  la_array out_gradient;         /* [batch, heads, n_q, value_dim] */
  const float *state_gradient;   /* [batch, state_heads, features, value_dim]: of S after the call; NULL: 0 */
  const float *sum_gradient;     /* [batch, state_heads, features]: of z after the call, which there is where normalised; NULL: 0 */
  la_array dq, dk, dv;           /* of the shapes of q, k and v; data NULL: not wanted */
  float *d_decay; /* [batch, state_heads, n_k or 1, features or 1]: 1 where the decay has a stride of 0; NULL: not wanted */
  float *d_beta;  /* [batch, state_heads, n_k or 1]; NULL: not wanted */
  float *d_state; /* [batch, state_heads, features, value_dim]: of S before the call; NULL: not wanted */
  float *d_sum;   /* [batch, state_heads, features]: of z before the call; NULL: not wanted */
  la_map_gradient d_map;
} la_linear_gradient_args;

int32_t LA_API(la_linear_gradient)(const la_linear_gradient_args *args);

/* Of la_softmax: weights are computed again from each row's maximum and sum (Dao et al. 2022, algorithm 4). */
typedef struct {
  const la_softmax_args *forward; /* its `out` is not looked at; maximum, sum, first and count must be 0 or NULL */
  la_array out_gradient;          /* [batch, heads, n_q, value_dim] */
  la_array dq, dk, dv;            /* data NULL: not wanted */
  la_array d_bias;                /* [batch, heads, n_q, n_k], 0 where the bias is −∞; where a stride is 0 the sum along that axis, which one
                                     thread then makes. data NULL: not wanted */
  float *d_slopes;                /* [batch, heads]; NULL: not wanted */
} la_softmax_gradient_args;

int32_t LA_API(la_softmax_gradient)(const la_softmax_gradient_args *args);

/* The cross-entropy between the weights of softmax and those of linear attention (Zhang et al. 2024, eq. 5), −Σ_j p_j log a_j,
 * a mean over all queries that see a key, and its gradient. */
typedef struct {
  int32_t batch, heads, kv_heads, n_q, n_k, dim;
  int32_t causal;      /* query i sees keys 0 … i */
  float softmax_scale; /* finite */
  la_feature_map map;  /* without epsilon */
  la_array q;          /* [batch, heads, n_q, dim] */
  la_array k;          /* [batch, kv_heads, n_k, dim] */
  la_map_gradient d_map;
  double *loss;        /* [heads]: of each; their mean is the loss that d_map belongs to. NULL: not wanted */
} la_weights_gradient_args;

int32_t LA_API(la_weights_gradient)(const la_weights_gradient_args *args);

/* A step of distilling: how far normalised linear attention L (scale 1, no gates) is from a target S, and how that depends on
 * the map, in one pass over features that are made once. */
typedef struct {
  int32_t heads, kv_heads, n_q, n_k, dim, value_dim; /* each at least 1 */
  int32_t causal;       /* query i sees keys 0 … i */
  float eps;
  la_feature_map map;   /* of learned weights, for 1 head or kv_heads */
  la_array q, target;   /* [heads, n_q, dim], [heads, n_q, value_dim] */
  la_array k, v;        /* [kv_heads, n_k, dim], [kv_heads, n_k, value_dim] */
  const float *weights; /* [kv_heads]: d_map is the gradient of Σ weights·squares */
  double *squares;      /* [kv_heads]: ‖L − S‖² */
  la_map_gradient d_map; /* all NULL: squares alone */
} la_distill_args;

int32_t LA_API(la_distill)(const la_distill_args *args);

/* One step of Adam (Kingma & Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov & Hutter 2019). */
typedef struct {
  uint32_t count, step;    /* step: from 1 on */
  float *parameters, *first, *second; /* [count]; the moments are 0 before the first step */
  const float *gradient;   /* [count] */
  float learning_rate, beta1, beta2, epsilon, weight_decay; /* 0 ≤ beta < 1 */
} la_adam_args;

int32_t LA_API(la_adam)(const la_adam_args *args);

#if defined(__wasm32__) && !defined(__cplusplus)
_Static_assert(sizeof(la_map_gradient) == 16, "part of arguments");
_Static_assert(sizeof(la_linear_gradient_args) == 108, "la_linear_gradient_args");
_Static_assert(sizeof(la_softmax_gradient_args) == 88, "la_softmax_gradient_args");
_Static_assert(sizeof(la_weights_gradient_args) == 128, "la_weights_gradient_args");
_Static_assert(sizeof(la_distill_args) == 164, "la_distill_args");
_Static_assert(sizeof(la_adam_args) == 44, "la_adam_args");
#endif

#ifdef __cplusplus
}
#endif

#endif
