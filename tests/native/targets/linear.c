#include <math.h>
#include <string.h>

#include "linear_choices.h"
#include "recurrence.h"
#include "slices.h"
#include "targets.h"

static la_linear_args args;

static int32_t run(const core *c, const call *k) {
  (void)k;
  return c->la_linear(&args);
}

SLICED_CALL(la_linear)

enum { WAYS = 23 };

static void spoil(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.batch = INT32_MIN;
  if (how == 1) args.heads = 7, args.q_heads = 1, args.k_heads = 2, args.v_heads = 1;
  if (how == 2) args.k_heads = -1;
  if (how == 3) args.n_q = -1;
  if (how == 4) args.n_q = 1, args.n_k = 2, args.causal = 1;
  if (how == 5) args.map.dim = args.dim + 1;
  if (how == 6) args.value_dim = LA_MAX_VALUE_DIM + 1;
  static const int32_t before[] = {-1, -1};
  if (how == 7) args.positions = before, args.batch += args.batch == 0; /* a batch of none has no position */
  if (how == 8) args.scale = NAN;
  if (how == 9) args.eps = -1e-9f;
  if (how == 10) args.eps = INFINITY;
  if (how == 11) args.map.kind = 10;
  if (how == 12) args.map.query_heads = 0;
  if (how == 13) args.heads = 6, args.q_heads = 1, args.k_heads = 2, args.v_heads = 3;
  if (how == 14) args.heads = 6, args.q_heads = 4, args.k_heads = args.v_heads = 1;
  if (how == 15) args.v_heads = 0;
  if (how == 16) args.q_heads = 0;
  static const float gate[] = {0.0f};
  if (how == 17) args.decay = (la_gate){.data = gate, .heads = 0};
  if (how == 18) args.beta = (la_gate){.data = gate, .heads = 7};
  if (how == 19) args.causal = 0, args.write_gate = (la_gate){.data = gate, .heads = 1};
  static const int32_t past[] = {INT32_MAX, INT32_MAX}, none[] = {0, 0};
  if (how == 21) args.starts = past, args.key_lengths = none, args.batch += args.batch == 0;
  if (how == 22) args.starts = none, args.key_lengths = NULL;
  if (how == 20) args.heads = 6, args.q_heads = 1, args.k_heads = 3, args.v_heads = 2;
}

void target_linear(input *in) {
  call k = {.name = "la_linear", .run = run, .items = items, .window = window, .spoil = spoil, .ways = WAYS, .args = &args, .args_size = sizeof args, .pooled = 1};
  linear_choice c = choose_linear(in, &k, &args, (linear_limits){.features = 600, .of_state = 250000, .of_tokens = 500000, .most_width = LA_MAX_DIM});
  if (args.causal && rarely(in, 4)) choose_write_gate(in, &k, &args, c.sizes);
  int forged = rarely(in, 2) && add_state(in, &k, &args, c.sizes, UPDATED);
  add_field(&k, (field){"out", WRITTEN, ARRAY, &args.out, {c.sizes.batch, c.sizes.heads, c.sizes.n_q, c.sizes.value_dim}, 1, NULL, QUERY_ROWS, 1, 0});
  if (args.key_lengths && c.sizes.n_q == c.sizes.n_k && rarely(in, 2)) {
    int32_t *starts = (int32_t *)add_field(&k, (field){.name = "starts", .place = &args.starts, .size = {1, 1, 1, c.sizes.batch}});
    for (size_t i = 0; i < c.sizes.batch; i++) starts[i] = (int32_t)choose(in, (uint32_t)c.sizes.n_k - (uint32_t)k.key_lengths[i] + 1);
    k.starts = starts;
  }
  int tame = !forged && linear_is_tame(&args, &k);
  k.tolerance = tame ? 1e-4 : -1.0;
  outcome whole = check_call(&k, in);
  check_recurrence(in, &k, whole, tame);
  if (!forged) check_poison(&k, in, whole);
  outcome_free(&k, whole);
  call_free(&k);
}
