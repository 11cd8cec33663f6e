#include <math.h>

#include "softmax_choices.h"
#include "slices.h"
#include "targets.h"

static la_softmax_args args;

static int32_t run(const core *c, const call *k) {
  (void)k;
  return c->la_softmax(&args);
}

SLICED_CALL(la_softmax)

enum { WAYS = 15 };

static void spoil(const call *k, uint32_t how) {
  (void)k;
  if (how == 0) args.batch = -1;
  if (how == 1) args.heads = args.heads * 2 + 1, args.kv_heads = 2;
  if (how == 2) args.kv_heads = 0;
  if (how == 3) args.n_q = -1;
  if (how == 4) args.n_k = INT32_MIN;
  if (how == 5) args.dim = LA_MAX_DIM + 1;
  if (how == 6) args.value_dim = 0;
  if (how == 7) args.window = -1;
  if (how == 8) args.scale = NAN;
  if (how == 9) args.scale = INFINITY;
  if (how == 10) args.value_dim = LA_MAX_VALUE_DIM + 1;
  if (how == 11) args.causal = 0, args.window = 3;
  if (how == 12) args.window = 0, args.sinks = 1;
  if (how == 13) args.softcap = -1.0f;
  if (how == 14) args.softcap = INFINITY;
}

void target_softmax(input *in) {
  call k = {.name = "la_softmax", .run = run, .items = items, .window = window, .spoil = spoil, .ways = WAYS, .args = &args, .args_size = sizeof args, .pooled = 1};
  choose_softmax(in, &k, &args, 600000);
  size_t b = (size_t)args.batch, h = (size_t)args.heads, q = (size_t)args.n_q;
  add_field(&k, (field){"out", WRITTEN, ARRAY, &args.out, {b, h, q, (size_t)args.value_dim}, 1, NULL, QUERY_ROWS, 1, 0});
  choose_sight(in, &k, &args);
  choose_terms(in, &k, &args);
  if (rarely(in, 3)) {
    add_field(&k, (field){"maximum", WRITTEN, PLAIN, &args.maximum, {b, h, q, 1}, 1, NULL, NO_ROWS, 0, 0});
    add_field(&k, (field){"sum", WRITTEN, PLAIN, &args.sum, {b, h, q, 1}, 1, NULL, NO_ROWS, 0, 0});
  }
  outcome whole = check_call(&k, in);
  check_poison(&k, in, whole);
  outcome_free(&k, whole);
  call_free(&k);
}
