/* Gradients of linear and of softmax attention. */
#include <math.h>
#include <string.h>

#include "linear_backwards.h"
#include "linear_choices.h"
#include "outputs.h"
#include "recurrence.h"
#include "softmax_choices.h"
#include "targets.h"

/* The forward call first: what looks at its arguments finds it there. */
static struct {
  la_linear_args forward;
  la_linear_gradient_args gradient;
} linear;

static struct {
  la_softmax_args forward;
  la_softmax_gradient_args gradient;
} softmax;

static int32_t run_linear(const core *c, const call *k) {
  (void)k;
  return c->la_linear_gradient(&linear.gradient);
}

static int32_t run_softmax(const core *c, const call *k) {
  (void)k;
  return c->la_softmax_gradient(&softmax.gradient);
}

enum { LINEAR_WAYS = 10, SOFTMAX_WAYS = 11 };

static void spoil_linear(const call *k, uint32_t how) {
  (void)k;
  static float some[] = {0.0f};
  static const la_gate gate = {.data = some, .heads = 1};
  la_linear_args *a = &linear.forward;
  a->decay = a->beta = (la_gate){0}; /* whose numbers may be refused for themselves */
  linear.gradient.d_decay = linear.gradient.d_beta = NULL;
  if (how == 0) linear.gradient.forward = NULL;
  if (how == 1) a->first = 1;
  if (how == 2) a->count = 1;
  if (how == 3) a->causal = 1, a->n_q = a->n_k = 0, a->key_lengths = NULL, a->write_gate = gate;
  if (how == 4) linear.gradient.out_gradient.data = NULL, a->n_q += a->n_q == 0, a->causal = 0;
  if (how == 5) linear.gradient.d_beta = some;
  if (how == 6) linear.gradient.d_decay = some;
  if (how == 7) a->map = (la_feature_map){.kind = LA_MAP_ELU, .dim = a->dim, .query_heads = 1, .key_heads = 1}, linear.gradient.d_map.key_bias = some;
  if (how == 8) a->map.epsilon = 1.0f, linear.gradient.d_state = some; /* that a map has one or not */
  if (how == 9) a->heads = -1;
}

static void spoil_softmax(const call *k, uint32_t how) {
  (void)k;
  static float some[] = {0.0f};
  la_softmax_args *a = &softmax.forward;
  if (how == 0) softmax.gradient.forward = NULL;
  if (how == 1) a->first = 1;
  if (how == 2) a->count = 1;
  if (how == 3) softmax.gradient.out_gradient.data = NULL, a->n_q += a->n_q == 0;
  if (how == 4) a->scale = NAN;
  if (how == 5) a->n_k = -1;
  if (how == 6) a->window = -1;
  if (how == 7) a->softcap = -1.0f;
  if (how == 8) a->sum = some;
  if (how == 9) a->bias.data = NULL, softmax.gradient.d_bias.data = some;
  if (how == 10) a->slopes = NULL, softmax.gradient.d_slopes = some;
}

static int is_any(const field *f, const char *a, const char *b) { return strcmp(f->name, a) == 0 || strcmp(f->name, b) == 0; }

/* dq of a row depends on its own q and do and on the keys it sees; dk and dv on the queries that see them. dv depends on no
 * value, and column by column on do. What normalises, or recalls, takes k and v to every dk. */
static int reaches(const call *k, const field *from, size_t row, size_t column, const field *to, size_t to_row, size_t to_column) {
  int of_value = is_any(to, "dv", "dv"), by_row = from->size[2] > 1 && to->size[2] > 1;
  if (of_value && is_any(from, "v", "v")) return 0;
  if (of_value && is_any(from, "do", "do") && column != to_column) return 0;
  if (from->rows == QUERY_ROWS && to->rows == QUERY_ROWS) return row == to_row;
  if (!k->causal || !by_row || k->looks_ahead) return 1;
  if (from->rows == QUERY_ROWS && to->rows == KEY_ROWS) return row + (size_t)k->causal_offset >= to_row;
  if (from->rows == KEY_ROWS && to->rows == QUERY_ROWS) return to_row + (size_t)k->causal_offset >= row;
  return 1;
}

/* The same of softmax, whose call says what is hidden. */
static int softmax_reaches(const call *k, const field *from, size_t row, size_t column, const field *to, size_t to_row, size_t to_column) {
  (void)k;
  if (is_any(to, "dv", "dv") && (is_any(from, "v", "v") || (is_any(from, "do", "do") && column != to_column))) return 0;
  return from->rows != QUERY_ROWS || to->rows != QUERY_ROWS || row == to_row;
}

static float *add_input(input *in, call *k, field f, int calm) {
  float *values = add_field(k, f);
  if (calm) choose_between(in, values, field_words(&f), -1.0f, 1.0f);
  else choose_values(in, values, field_words(&f));
  return values;
}

static void add_state_gradients(input *in, call *k, linear_choice c, uint64_t *wanted) {
  la_linear_gradient_args *g = &linear.gradient;
  size_t sums = c.sizes.batch, heads = c.sizes.state_heads, features = c.sizes.features;
  field state = {.name = "state gradient", .place = &g->state_gradient, .size = {sums, heads, 1, features * c.sizes.value_dim}, .of_head = 1};
  field sum = {.name = "sum gradient", .place = &g->sum_gradient, .size = {sums, heads, 1, features}, .of_head = 1};
  if (rarely(in, 3)) add_input(in, k, state, c.calm);
  if (linear.forward.normalize && rarely(in, 3)) add_input(in, k, sum, c.calm);
  state.name = "d_state", state.place = &g->d_state;
  sum.name = "d_sum", sum.place = &g->d_sum;
  add_output(k, wanted, state);
  add_output(k, wanted, sum);
}

static void add_gate_gradients(call *k, linear_choice c, uint64_t *wanted) {
  field f = {.name = "d_decay", .place = &linear.gradient.d_decay, .size = {c.sizes.batch, c.sizes.state_heads, c.sizes.n_k, 1}, .rows = KEY_ROWS, .of_head = 1};
  for (size_t i = 0; i < k->count; i++) {
    const field *gate = &k->fields[i];
    if (gate->kind != GATE) continue;
    int of_decay = gate->place == &linear.forward.decay;
    f.name = of_decay ? "d_decay" : "d_beta";
    f.place = of_decay ? &linear.gradient.d_decay : &linear.gradient.d_beta;
    f.size[2] = gate->size[2];
    f.size[3] = gate->size[3];
    add_output(k, wanted, f);
  }
}

void target_linear_gradient(input *in) {
  memset(&linear, 0, sizeof linear);
  call k = {.name = "la_linear_gradient", .run = run_linear, .spoil = spoil_linear, .ways = LINEAR_WAYS, .args = &linear, .args_size = sizeof linear, .pooled = 1, .reaches = reaches};
  la_linear_gradient_args *g = &linear.gradient;
  g->forward = &linear.forward;
  linear_choice c = choose_linear(in, &k, &linear.forward, (linear_limits){.features = 150, .of_state = 15000, .of_tokens = 40000, .most_width = LA_MAX_DIM});
  linear_sizes s = c.sizes;
  choose_starts(in, &k, &linear.forward, s);
  int forged = linear.forward.map.epsilon == 0.0f && rarely(in, 2) && add_state(in, &k, &linear.forward, s, READ);
  uint64_t wanted = choose_wanted(in);
  add_input(in, &k, (field){"do", READ, ARRAY, &g->out_gradient, {s.batch, s.heads, s.n_q, s.value_dim}, 1, NULL, QUERY_ROWS, 1, 1}, c.calm);
  add_output(&k, &wanted, (field){"dq", WRITTEN, ARRAY, &g->dq, {s.batch, s.q_heads, s.n_q, s.dim}, 1, NULL, QUERY_ROWS, 1, 0});
  add_output(&k, &wanted, (field){"dk", WRITTEN, ARRAY, &g->dk, {s.batch, s.k_heads, s.n_k, s.dim}, 1, NULL, KEY_ROWS, 1, 0});
  add_output(&k, &wanted, (field){"dv", WRITTEN, ARRAY, &g->dv, {s.batch, s.v_heads, s.n_k, s.value_dim}, 1, NULL, KEY_ROWS, 1, 0});
  if (linear.forward.map.epsilon == 0.0f) add_state_gradients(in, &k, c, &wanted);
  add_gate_gradients(&k, c, &wanted);
  add_weight_gradients(&k, &wanted, &linear.forward.map, &g->d_map);
  outcome whole = check_call(&k, in);
  if (!forged && linear_is_tame(&linear.forward, &k)) check_backwards(&k, whole);
  if (!forged) check_poison(&k, in, whole);
  outcome_free(&k, whole);
  call_free(&k);
}

void target_softmax_gradient(input *in) {
  memset(&softmax, 0, sizeof softmax);
  call k = {.name = "la_softmax_gradient", .run = run_softmax, .spoil = spoil_softmax, .ways = SOFTMAX_WAYS, .args = &softmax, .args_size = sizeof softmax, .pooled = 1, .reaches = softmax_reaches};
  la_softmax_gradient_args *g = &softmax.gradient;
  la_softmax_args *a = &softmax.forward;
  g->forward = a;
  choose_softmax(in, &k, a, 100000);
  choose_sight(in, &k, a);
  choose_terms(in, &k, a);
  size_t batch = (size_t)a->batch, heads = (size_t)a->heads, kv_heads = (size_t)a->kv_heads, n_q = (size_t)a->n_q, n_k = (size_t)a->n_k;
  uint64_t wanted = choose_wanted(in);
  add_input(in, &k, (field){"do", READ, ARRAY, &g->out_gradient, {batch, heads, n_q, (size_t)a->value_dim}, 1, NULL, QUERY_ROWS, 1, 1}, 0);
  add_output(&k, &wanted, (field){"dq", WRITTEN, ARRAY, &g->dq, {batch, heads, n_q, (size_t)a->dim}, 1, NULL, QUERY_ROWS, 1, 0});
  add_output(&k, &wanted, (field){"dk", WRITTEN, ARRAY, &g->dk, {batch, kv_heads, n_k, (size_t)a->dim}, 1, NULL, KEY_ROWS, 1, 0});
  add_output(&k, &wanted, (field){"dv", WRITTEN, ARRAY, &g->dv, {batch, kv_heads, n_k, (size_t)a->value_dim}, 1, NULL, KEY_ROWS, 1, 0});
  /* Of a bias that rows or heads share the sum over them. */
  size_t rows = rarely(in, 2) ? 1 : batch, of = rarely(in, 2) ? 1 : heads;
  int is_own = rows == batch && of == heads;
  if (a->bias.data) add_output(&k, &wanted, (field){"d_bias", WRITTEN, SUM, &g->d_bias, {rows, of, n_q, n_k}, 1, NULL, is_own ? QUERY_ROWS : NO_ROWS, is_own, 0});
  if (a->slopes) add_output(&k, &wanted, (field){"d_slopes", WRITTEN, PLAIN, &g->d_slopes, {batch, heads, 1, 1}, 1, NULL, NO_ROWS, 1, 0});
  outcome whole = check_call(&k, in);
  check_poison(&k, in, whole);
  outcome_free(&k, whole);
  call_free(&k);
}
