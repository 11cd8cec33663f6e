#include <math.h>
#include <string.h>

#include "linear_choices.h"
#include "recurrence.h"
#include "slices.h"
#include "targets.h"

static la_linear_args args;
static int is_without_queries; /* q is NULL, as it may be where out is */

static int32_t run(const core *c, const call *k) {
  (void)k;
  if (is_without_queries) args.q.data = NULL;
  return c->la_linear(&args);
}

SLICED_CALL(la_linear)

enum { WAYS = 26 };

static void spoil(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.batch = INT32_MIN;
  if (how == 1) args.heads = 7, args.q_heads = 1, args.k_heads = 2, args.v_heads = 1;
  if (how == 2) args.k_heads = -1;
  if (how == 3) args.n_q = -1;
  if (how == 4) args.n_q = 1, args.n_k = 2, args.causal = 1;
  if (how == 5) args.map.dim = args.dim + 1;
  if (how == 6) args.value_dim = LA_MAX_VALUE_DIM + 1;
  static const int32_t before[] = {-1};
  if (how == 7) args.positions = before, args.batch = 1;
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
  static const int32_t past[] = {INT32_MAX}, none[] = {0};
  if (how == 21) args.starts = past, args.key_lengths = none, args.positions = NULL, args.batch = 1;
  if (how == 22) args.starts = none, args.key_lengths = NULL;
  if (how == 23) args.packed = 2, args.starts = NULL;
  if (how == 24) args.packed = -1;
  static const int32_t two[] = {2, 2}, behind[] = {0, 2};
  if (how == 25) args.positions = NULL, args.batch = args.packed = 2, args.n_q = args.n_k = 5, args.key_lengths = two, args.starts = behind; /* the last token is in none */
  if (how == 20) args.heads = 6, args.q_heads = 1, args.k_heads = 3, args.v_heads = 2;
}

static int has_field(const call *k, const char *name) {
  for (size_t i = 0; i < k->count; i++)
    if (strcmp(k->fields[i].name, name) == 0) return 1;
  return 0;
}

static const int32_t *first_tokens, *token_counts; /* of packed rows */

static int is_hidden(size_t batch, size_t head, size_t query, size_t key) {
  (void)head;
  for (size_t b = batch * (size_t)args.packed; b < (batch + 1) * (size_t)args.packed; b++) {
    size_t start = (size_t)first_tokens[b], end = start + (size_t)token_counts[b];
    if (query >= start && query < end) return key < start || key >= end || (args.causal && key > query);
  }
  return 1;
}

/* Rows of the batch packed into each row of the arrays. */
static void pack_rows(input *in, call *k, linear_sizes s) {
  size_t packed = 2 + choose(in, 3), rows = s.batch * packed;
  int32_t *lengths = (int32_t *)add_field(k, (field){.name = "key_lengths", .place = &args.key_lengths, .size = {1, 1, 1, rows}});
  int32_t *starts = (int32_t *)add_field(k, (field){.name = "starts", .place = &args.starts, .size = {1, 1, 1, rows}});
  for (size_t b = 0; b < rows; b++) {
    starts[b] = b % packed == 0 ? 0 : starts[b - 1] + lengths[b - 1];
    int32_t left = (int32_t)s.n_k - starts[b];
    lengths[b] = (b + 1) % packed == 0 ? left : (int32_t)choose(in, (uint32_t)left + 1);
  }
  args.batch = (int32_t)rows, args.packed = (int32_t)packed;
  first_tokens = starts, token_counts = lengths;
  k->hides = is_hidden;
}

void target_linear(input *in) {
  call k = {.name = "la_linear", .run = run, .items = items, .window = window, .spoil = spoil, .ways = WAYS, .args = &args, .args_size = sizeof args, .pooled = 1};
  linear_choice c = choose_linear(in, &k, &args, (linear_limits){.features = 600, .of_state = 250000, .of_tokens = 500000, .most_width = LA_MAX_DIM});
  if (args.causal && rarely(in, 4)) choose_write_gate(in, &k, &args, c.sizes);
  int has_state = rarely(in, 2), forged = has_state && add_state(in, &k, &args, c.sizes, UPDATED), absorbs = has_state && rarely(in, 3);
  is_without_queries = absorbs && rarely(in, 2);
  if (!absorbs) add_field(&k, (field){"out", WRITTEN, ARRAY, &args.out, {c.sizes.batch, c.sizes.heads, c.sizes.n_q, c.sizes.value_dim}, 1, NULL, QUERY_ROWS, 1, 0});
  choose_starts(in, &k, &args, c.sizes);
  int is_plain = !has_field(&k, "key_lengths") && !has_field(&k, "positions") && !has_field(&k, "state");
  if (is_plain && c.sizes.n_q == c.sizes.n_k && rarely(in, 2)) pack_rows(in, &k, c.sizes);
  int tame = !forged && linear_is_tame(&args, &k);
  k.tolerance = tame ? 1e-4 : -1.0;
  outcome whole = check_call(&k, in);
  check_recurrence(in, &k, whole, tame);
  if (!forged) check_poison(&k, in, whole);
  outcome_free(&k, whole);
  call_free(&k);
}
