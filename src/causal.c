/* Linear attention, causal, whole sequence: the recurrence over blocks of tokens, a panel of S at a time.
 *
 * Blocks of 32 to 256 tokens measure alike. Values are read and results written in place: 12 % faster than through
 * copies. Query heads of one group each run the recurrence on their own copy of S.
 *
 * Several threads share one stream by columns of S, which never meet: the same bits, for every rule, and nothing is
 * computed twice, where a scan over parts of the sequence runs half of the matrix work again. Before that they map the
 * tokens of a block, a larger one for fewer meetings, by chunks; only the key sum runs on one thread. */
#include "recurrence.h"
#include "tokens.h"

enum {
  MAX_BLOCK = 64,
  BLOCK_FLOATS = 32768,
  SHARED_BLOCKS = 8, /* a shared stream's block is this many times as large */
  CHUNK = 32,        /* tokens that a thread maps at a time */
  LINE = 16 / PANEL, /* panels that a thread runs at a time: a cache line of results, so that no two threads write one */
};

typedef struct {
  size_t block;  /* tokens prepared at once */
  size_t d_vp;   /* value_dim rounded up to whole panels */
  int in_place;  /* values and results are whole panels: no copies */
  panel_state state;
  token_block tokens;
  float *v, *out; /* [block][d_vp] when copies are needed */
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  size_t fitting = BLOCK_FLOATS / (2 * call->d_fp);
  w->block = smaller(fitting < 2 ? 2 : smaller(fitting, MAX_BLOCK), round_up(call->n_q, 4));
  if (call->within > 1) w->block = smaller(w->block * SHARED_BLOCKS, round_up(call->n_q, 4));
  w->d_vp = round_up(call->d_v, PANEL);
  w->in_place = w->d_vp == call->d_v && !call->args->key_lengths;
  w->state.width = PANEL;
  w->state.panels = w->d_vp / PANEL;
  uint64_t d_fp = call->d_fp, rows = (w->block + 1) * (uint64_t)token_floats(call), copies = w->in_place ? 0 : w->block * w->d_vp;
  uint64_t sizes[] = {d_fp * w->d_vp, d_fp, rows, w->block, w->block, w->block, w->block, copies, copies};
  float **parts[] = {&w->state.s, &w->state.z, &w->tokens.rows, &w->tokens.exponents, &w->tokens.sums, &w->tokens.k_dot_q, &w->tokens.beta, &w->v, &w->out};
  return carve(base, parts, sizes, sizeof sizes / sizeof *sizes);
}

/* A block of tokens on one panel of S: what the loops below run on. */
typedef struct {
  const linear_call *call;
  const scratch *w;
  size_t tokens;
} block_run;

static inline void run_linear(const block_run *run, recurrence r, const size_t stride, const int gated) {
  size_t next = token_floats(run->call), u = 0;
  for (; u + 2 <= run->tokens; u += 2) {
    recur(r, stride, 2, PANEL / 4, gated, 1);
    r.rows += 2 * next;
    r.v += 2 * r.v_stride;
    r.out += 2 * r.out_stride;
    r.factors += 2;
  }
  if (u < run->tokens) recur(r, stride, 1, PANEL / 4, gated, 1);
}

static inline void run_delta(const block_run *run, recurrence r, const size_t stride, const int gated) {
  size_t next = token_floats(run->call);
  pending_write pending = nothing_pending(r.rows - next);
  for (size_t u = 0; u < run->tokens; u++) {
    recur_delta(r, stride, &pending, run->w->tokens.beta[u], run->w->tokens.k_dot_q[u], PANEL / 4, gated);
    r.rows += next;
    r.v += r.v_stride;
    r.out += r.out_stride;
    r.factors++;
  }
  write_pending(r.s, r.s_stride, r.features, &pending, PANEL / 4);
}

/* One function a rule and gate, so that each gets all registers of the engine's compiler: 4 % faster than one for all. */
#define PANEL_LOOP(name, rule, gated)                                              \
  static __attribute__((noinline)) void name(const block_run *run, recurrence r) { \
    if (run->call->stride == SHORT_STRIDE) rule(run, r, SHORT_STRIDE, gated);      \
    else rule(run, r, run->call->stride, gated);                                   \
  }

PANEL_LOOP(panel_linear, run_linear, 0)
PANEL_LOOP(panel_linear_gated, run_linear, 1)
PANEL_LOOP(panel_delta, run_delta, 0)
PANEL_LOOP(panel_delta_gated, run_delta, 1)

static void (*const panel_loops[2][2])(const block_run *, recurrence) = {{panel_linear, panel_linear_gated}, {panel_delta, panel_delta_gated}};

/* A block of tokens from t of one query head. Row u of columns c … of its values and results is at + u·stride + c. */
typedef struct {
  const linear_call *call;
  scratch *w;
  size_t b, kv_head, q_head, t, tokens;
  const float *v;
  float *out;
  size_t v_stride, out_stride;
} block;

static void map_chunk(void *context, size_t slot, size_t item) {
  const block *k = context;
  const token_block *all = &k->w->tokens;
  size_t first = item * CHUNK;
  token_block chunk = {all->rows + first * token_floats(k->call), all->exponents + first, all->sums + first, all->k_dot_q + first, all->beta + first};
  (void)slot;
  map_tokens(k->call, &chunk, &k->w->state, k->b, k->kv_head, k->q_head, k->t + first, smaller(CHUNK, k->tokens - first));
}

/* Prepares the block's tokens, which may turn out fewer. */
static void prepare(block *k) {
  const linear_call *call = k->call;
  if (call->within > 1) {
    in_parallel(call->within, (k->tokens + CHUNK - 1) / CHUNK, map_chunk, k);
    normalize_tokens(call, &k->w->tokens, &k->w->state, k->tokens);
  } else {
    k->tokens = prepare_tokens(call, &k->w->tokens, &k->w->state, k->b, k->kv_head, k->q_head, k->t, k->tokens);
  }
}

static void copy_values(block *k) {
  const linear_call *call = k->call;
  size_t keys = keys_in(call->args->key_lengths, k->b, call->n_k), seen = k->t < keys ? smaller(k->tokens, keys - k->t) : 0, d_vp = k->w->d_vp;
  copy_rows(k->w->v, d_vp, k->v, k->v_stride, seen, call->d_v);
  zero_floats(k->w->v + seen * d_vp, (k->tokens - seen) * d_vp);
  k->v = k->w->v;
  k->out = k->w->out;
  k->v_stride = k->out_stride = d_vp;
}

static void run_panels(void *context, size_t slot, size_t item) {
  const block *k = context;
  const linear_call *call = k->call;
  block_run run = {call, k->w, k->tokens};
  (void)slot;
  for (size_t column = item * LINE * PANEL; column < smaller((item + 1) * LINE * PANEL, k->w->d_vp); column += PANEL) {
    recurrence r = {.s = k->w->state.s + column * call->d_fp,
                    .s_stride = PANEL,
                    .features = call->d_f,
                    .rows = token_rows(call, &k->w->tokens, 0),
                    .v = k->v + column,
                    .v_stride = k->v_stride,
                    .factors = k->w->tokens.sums,
                    .out = k->out + column,
                    .out_stride = k->out_stride};
    panel_loops[call->delta][call->gated](&run, r);
  }
}

static void sequence(const linear_call *call, scratch *w, size_t b, size_t kv_head, size_t q_head) {
  const la_linear_args *a = call->args;
  size_t tokens;
  settle_exponent(call, (feature_rows){token_rows(call, &w->tokens, 0), token_floats(call), w->tokens.exponents}, w->block, &w->state, b, kv_head);
  for (size_t t = 0; t < call->n_q; t += tokens) {
    float *out = array_at(a->out, b, q_head, t);
    block k = {call, w, b, kv_head, q_head, t, smaller(w->block, call->n_q - t), array_at(a->v, b, kv_head, t), out, a->v.row, a->out.row};
    prepare(&k);
    tokens = k.tokens;
    if (!w->in_place) copy_values(&k);
    in_parallel(call->within, (w->state.panels + LINE - 1) / LINE, run_panels, &k);
    for (size_t u = 0; !w->in_place && u < tokens; u++) memcpy(out + u * a->out.row, w->out + u * w->d_vp, call->d_v * sizeof(float));
  }
}

static void run_stream(const linear_call *call, float *base, size_t b, size_t kv_head) {
  scratch w;
  scratch_layout(call, &w, base);
  for (size_t g = 0; g < call->group; g++) {
    state_load(call, &w.state, b, kv_head);
    sequence(call, &w, b, kv_head, kv_head * call->group + g);
  }
  state_store(call, &w.state, b, kv_head);
}

int32_t linear_causal(const linear_call *call) {
  scratch w;
  return linear_each_stream(call, scratch_layout(call, &w, NULL), run_stream);
}
