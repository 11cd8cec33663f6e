/* One stream of a gradient: a state head of one batch with its heads of the result, block by block. What the forms of
 * linear attention have in common backwards is here. With S for the state and R for its gradient:
 *
 *   S ← S + φ(k)uᵀ        forwards
 *   R ← R + φ(q)·f·doᵀ    backwards, f what multiplies Sᵀφ(q) in the result, do the gradient of the result
 *   dφ(q) = f·(S do + h·z), h = −f·φ(q)·(S do) where normalised, else 0 (Katharopoulos et al. 2020, eq. 13)
 *   dφ(k) = R u + r,        r ← r + h·f·φ(q) backwards as R   (eq. 14)
 *   du    = Rᵀφ(k)         (eq. 15)
 *
 * The result itself is not needed: its product with do is f·φ(q)·(S do). Keys and queries are brought to the state's
 * exponent and decay as in linear/tokens.h, S and R are those of such keys and queries, and both are multiplied by what
 * is due between blocks.
 *
 * f may be near the largest float where exponents of queries and keys are far apart. Then f², or f·z_i of a feature in which
 * the query has next to nothing, are beyond it, though f·φ(q) is not: of scaled maps it is φ(q) that is multiplied by f, and
 * its gradient is not. R and r, sums of many such rows, are kept times `unit`. */
#ifndef LA_STREAM_H
#define LA_STREAM_H

#include "learn.h"
#include "learn/block.h"
#include "learn/running.h"
#include "learn/weight_sums.h"
#include "linear/tokens.h"

typedef struct {
  const linear_call *call;
  const la_linear_gradient_args *args;
  size_t b, state_head, slot;
  size_t block;       /* tokens at once */
  int wants_values, wants_maps_q, wants_maps_k; /* whether anybody asks for du, for dφ(q), for dφ(k) */
  panel_state p;      /* of which exponent, fold and due are used */
  token_block tokens; /* rows k, q and, of a gated delta rule, k as it is recalled */
  running s, r;
  float unit;         /* what R and r, and gradients that come of them, are kept times: below 1 of normalised sums of scaled maps */
  const float *values, *out;      /* rows of u and, of one head, of do: the caller's own where they are whole tiles, or copies */
  size_t values_row, out_row;     /* floats from one to the next */
  float *values_copy, *out_copy;  /* [BLOCK][width] */
  float *value_panels; /* [BLOCK/8][d_v][8] */
  float *key_panels;   /* [BLOCK/8][d_f][8] */
  float *scores, *more_scores; /* [BLOCK][SCORE_ROW] */
  float *d_features;   /* [BLOCK][row] */
  float *own;          /* [BLOCK][row]: with decay, which changes nothing of it, what a token does with itself */
  float *d_recalled;   /* [BLOCK][row], of delta rules */
  float *d_values;     /* [BLOCK][width] */
  float *sum;          /* [row] */
  float *loaded;       /* [d_f][d_v + 1]: S and z of the state before the call */
  float *y;            /* of map_gradient */
  float *query_transposed, *key_transposed; /* Wᵀ of one head */
  size_t query_weights, key_weights; /* the numbers of the heads whose those are */
  item_sums sums;
} gradient_stream;

/* Points at the parts from base on; returns the floats. */
uint64_t stream_layout(const linear_call *call, gradient_stream *s, float *base);

/* Takes on the state before the call. */
void stream_start(gradient_stream *s);

/* The next block from t: keys, brought to the state, which is moved by what is due; the tokens in it. */
size_t stream_keys(gradient_stream *s, size_t t);
/* The same keys again, on the way back: p.exponent must be what it was then, and the state stays. */
size_t stream_keys_again(gradient_stream *s, size_t t);

/* u = v of the block; rows of keys that do not count are 0. */
void stream_values(gradient_stream *s, size_t t, size_t tokens);

/* Whether queries, and not their gradients, are multiplied by f: maps without exponents need features as they are. */
int stream_scales_queries(const gradient_stream *s);

/* φ(q) of a head, and do. */
void stream_queries(gradient_stream *s, size_t head, size_t t, size_t tokens);

/* Adds the block to S and z. */
void stream_write(gradient_stream *s, size_t tokens);

/* R before the last token: gradients of the state after the call. */
void stream_turn(gradient_stream *s);

/* From d_features, gradients of rows as they were brought, to those of x and the weights. */
void stream_query_gradient(gradient_stream *s, size_t head, size_t t, size_t tokens);
/* And of d_recalled of delta rules. */
void stream_key_gradient(gradient_stream *s, size_t t, size_t tokens);
/* Of u, which of the linear rule is v. */
void stream_value_gradient(gradient_stream *s, float *d_values, size_t t, size_t tokens);

/* Writes the gradient of the state before the call; `exponent`: that of the state then. */
void stream_end(gradient_stream *s, float exponent);

/* Has the cache take in what a block is about to read: see linear/causal.c. */
void stream_touch(const gradient_stream *s, size_t t, size_t tokens);

/* Keys that count, of `tokens` tokens from t. */
size_t stream_seen(const gradient_stream *s, size_t t, size_t tokens);

/* Keys of the row of the batch, which are from its start on where it has one. */
static inline size_t stream_length(const gradient_stream *s) { return s->call->args->starts ? tokens_of(s->call, s->b) : s->call->n_k; }

static inline float *stream_row(const gradient_stream *s, size_t u) { return token_rows(s->call, &s->tokens, u); }

#endif
