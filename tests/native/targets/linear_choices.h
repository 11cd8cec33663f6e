/* Calls of la_linear, for the targets of it and of its gradient. */
#ifndef NATIVE_LINEAR_CHOICES_H
#define NATIVE_LINEAR_CHOICES_H

#include "choices.h"

typedef struct {
  size_t batch, heads, q_heads, k_heads, v_heads, state_heads, n_q, n_k, dim, value_dim, features;
} linear_sizes;

/* How large: features of a map, elements of all states, those times tokens, and of a row of x. */
typedef struct {
  int32_t features;
  size_t of_state, of_tokens;
  int32_t most_width;
} linear_limits;

typedef struct {
  linear_sizes sizes;
  int calm; /* can be compared with sums in another order */
} linear_choice;

/* Sizes, map, q, k, v, gates, positions and key lengths. */
linear_choice choose_linear(input *in, call *k, la_linear_args *args, linear_limits most);

void choose_write_gate(input *in, call *k, la_linear_args *args, linear_sizes s);

/* A state; whether it is forged. */
int add_state(input *in, call *k, la_linear_args *args, linear_sizes s, field_role role);

/* Where rows begin that have key lengths, in half of such calls. */
void choose_starts(input *in, call *k, la_linear_args *args, linear_sizes s);

#endif
