/* Linear attention, causal, whole sequence: the recurrence over blocks of tokens, a panel of S at a time.
 *
 * Blocks of 16 to 256 tokens measure alike. Values are read and results written in place: 12 % faster than through
 * copies. Query heads of one group each run the recurrence on their own copy of S.
 *
 * Reading a line's float of all that a block is about to use, in one go, is 20 % faster where that comes from memory
 * (T 4096, 8 heads, elu; Sapphire Rapids) and 0.5 % slower in the L2 cache; without the results, 12 % faster. The next
 * block's instead, every second line, or a few rows between rows to map: no better.
 *
 * Several threads share one stream by features where each feature comes from one element: nothing is computed twice,
 * and the parts of the results are added up (shared.h). Else, and for the delta rule, whose writes need all features, and
 * for ratios, whose queries do, by columns of S, which never meet: each thread maps the tokens for itself. A scan over parts of the sequence would run
 * half of the matrix work again; tokens mapped by another core cost as much to fetch as to map. */
#include "linear/causal.h"

#include "base/arguments.h"
#include "base/rows.h"
#include "base/scratch.h"
#include "linear/recurrence.h"
#include "linear/shared.h"
#include "linear/streams.h"
#include "linear/tokens.h"
#include "threads/parallel.h"

enum {
  MAX_BLOCK = 32,
  BLOCK_FLOATS = 32768,
  LINE = CACHE_LINE / STATE_PANEL, /* panels of a cache line of results: no two threads write one */
};

typedef struct {
  size_t block;  /* tokens prepared at once */
  size_t d_vp;   /* value_dim rounded up to whole panels */
  int in_place;  /* values are whole panels: no copies */
  size_t slot;   /* of the thread */
  panel_state state;
  token_block tokens;
  float *v, *out; /* [block][d_vp] when copies are needed */
  float *kept;    /* of shared.h: results are parts of sums */
} scratch;

static uint64_t scratch_layout(const linear_call *call, int by_features, scratch *w, float *base) {
  size_t fitting = BLOCK_FLOATS / (2 * call->d_fp);
  w->block = by_features ? SHARED_BLOCK : smaller(fitting < 2 ? 2 : smaller(fitting, MAX_BLOCK), round_up(call->n_q, 4));
  w->d_vp = round_up(call->d_v, STATE_PANEL);
  w->in_place = w->d_vp == call->d_v && !call->args->key_lengths;
  w->state.width = STATE_PANEL;
  w->state.first = 0;
  w->state.panels = w->d_vp / STATE_PANEL;
  uint64_t d_fp = call->d_fp, copies = w->in_place ? 0 : w->block * w->d_vp, of_parts = by_features ? 1 : 0;
  uint64_t sizes[] = {d_fp * w->d_vp, d_fp, token_block_layout(call, w->block, NULL, NULL), copies, (1 - of_parts) * copies,
                      of_parts * SHARED_DEPTH * shared_floats(w->d_vp), ratio_floats(call, &w->state, NULL)};
  float *own, *powers = NULL, **places[] = {&w->state.s, &w->state.z, &own, &w->v, &w->out, &w->kept, &powers};
  uint64_t floats = carve(base, places, sizes, sizeof sizes / sizeof *sizes);
  if (base) token_block_layout(call, w->block, &w->tokens, own);
  ratio_floats(call, &w->state, powers);
  return floats;
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
    recur(r, stride, 2, STATE_PANEL / 4, gated, 1);
    r.rows += 2 * next;
    r.v += 2 * r.v_stride;
    r.out += 2 * r.out_stride;
    r.factors += 2;
  }
  if (u < run->tokens) recur(r, stride, 1, STATE_PANEL / 4, gated, 1);
}

static inline void run_delta(const block_run *run, recurrence r, const size_t stride, const int gated) {
  size_t next = token_floats(run->call);
  pending_write pending = nothing_pending(r.rows - next);
  for (size_t u = 0; u < run->tokens; u++) {
    recur_delta(r, stride, &pending, run->w->tokens.beta[u], run->w->tokens.k_dot_q[u], STATE_PANEL / 4, gated);
    r.rows += next;
    r.v += r.v_stride;
    r.out += r.out_stride;
    r.factors++;
  }
  write_pending(r.s, r.s_stride, r.features, &pending, STATE_PANEL / 4);
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
  const float *v, *factors;
  float *out;
  size_t v_stride, out_stride;
} block;

static void copy_values(block *k) {
  const linear_call *call = k->call;
  size_t keys = keys_in(call->args->key_lengths, k->b, call->n_k), seen = k->t < keys ? smaller(k->tokens, keys - k->t) : 0, d_vp = k->w->d_vp;
  copy_rows(k->w->v, d_vp, k->v, k->v_stride, seen, call->d_v);
  zero_floats(k->w->v + seen * d_vp, (k->tokens - seen) * d_vp);
  k->v = k->w->v;
  k->v_stride = d_vp;
}

static void run_panels(const block *k) {
  const linear_call *call = k->call;
  block_run run = {call, k->w, k->tokens};
  float recall = recall_factor(call, &k->w->state);
  for (size_t n = 0; n < k->w->state.panels; n++) {
    size_t column = (k->w->state.first + n) * STATE_PANEL;
    recurrence r = {.s = k->w->state.s + n * call->d_fp * STATE_PANEL,
                    .s_stride = STATE_PANEL,
                    .features = call->d_f,
                    .rows = token_rows(call, &k->w->tokens, 0),
                    .v = k->v + column,
                    .v_stride = k->v_stride,
                    .factors = k->factors,
                    .recall = recall,
                    .out = k->out + column,
                    .out_stride = k->out_stride};
    panel_loops[call->delta][call->gated](&run, r);
  }
}

/* Has the cache take in the block: its tokens, columns c … c + width − 1 of its values, and of its results, whose lines
 * must be there before they can be written, unless they are in scratch. */
static void touch_block(const block *k, size_t c, size_t width, int in_scratch) {
  const la_linear_args *a = k->call->args;
  row_span spans[] = {{array_at(a->q, k->b, k->q_head, k->t), a->q.row, k->call->d},
                      {array_at(a->k, k->b, k->kv_head, k->t), a->k.row, k->call->d},
                      {k->v + c, k->v_stride, width},
                      {k->out + c, k->out_stride, width}};
  touch_rows(spans, in_scratch ? 3 : 4, k->tokens);
}

/* One query head on the panels of the state. */
static void sequence(const linear_call *call, scratch *w, size_t b, size_t kv_head, size_t q_head) {
  const la_linear_args *a = call->args;
  size_t column = w->state.first * STATE_PANEL, columns = smaller(w->state.panels * STATE_PANEL, call->d_v - column);
  settle_exponent(call, (feature_rows){token_rows(call, &w->tokens, 0), token_floats(call), w->tokens.exponents}, w->block, &w->state, w->slot, b, kv_head);
  for (size_t t = 0, tokens; t < call->n_q; t += tokens) {
    float *out = array_at(a->out, b, q_head, t);
    block k = {call, w, b, kv_head, q_head, t, smaller(w->block, call->n_q - t), array_at(a->v, b, kv_head, t), w->tokens.sums, out, a->v.row, a->out.row};
    show_life(w->slot);
    touch_block(&k, column, columns, 0);
    k.tokens = tokens = prepare_tokens(call, &w->tokens, &w->state, b, kv_head, q_head, t, k.tokens);
    if (!w->in_place) {
      copy_values(&k);
      k.out = w->out;
      k.out_stride = w->d_vp;
    }
    run_panels(&k);
    for (size_t u = 0; !w->in_place && u < tokens; u++)
      memcpy(out + u * a->out.row + column, w->out + u * w->d_vp + column, columns * sizeof(float));
  }
}

/* One query head on the features of one part; 0 when a thread failed. */
static int shared_sequence(const linear_call *call, scratch *w, shared_stream *p, size_t q_head) {
  const la_linear_args *a = call->args;
  size_t b = p->b, kv_head = p->kv_head;
  for (size_t t = 0, tokens; t < call->n_q; t += tokens) {
    tokens = smaller(w->block, call->n_q - t);
    float *out = shared_room(p);
    if (!out) return 0;
    block k = {call, w, b, kv_head, q_head, t, tokens, array_at(a->v, b, kv_head, t), w->tokens.sums, out, a->v.row, w->d_vp};
    show_life(w->slot);
    touch_block(&k, 0, call->d_v, 1);
    map_tokens(call, &w->tokens, &w->state, b, kv_head, q_head, t, tokens);
    normalizers(call, &w->tokens, &w->state, out + SHARED_BLOCK * w->d_vp, tokens);
    if (!w->in_place) copy_values(&k);
    run_panels(&k);
    if (!shared_ready(p)) return 0;
  }
  return 1;
}

/* What the threads that share a stream have to say to one another. */
static part_place *places_of(const linear_work *work, size_t b, size_t kv_head) {
  return (part_place *)work->shared + (b * work->call->kv_heads + kv_head) * work->parts;
}

static void run_columns(const linear_work *work, size_t slot, size_t b, size_t kv_head, size_t part) {
  const linear_call *call = work->call;
  scratch w;
  scratch_layout(call, 0, &w, work->scratch + slot * work->floats);
  /* Of S it takes in its own panels alone: those of another part may be stored while this one begins. */
  size_t lines = (w.state.panels + LINE - 1) / LINE, end = smaller((part + 1) * lines / work->parts * LINE, w.state.panels);
  w.slot = slot;
  w.state.first = part * lines / work->parts * LINE;
  w.state.panels = end - w.state.first;
  for (size_t g = 0; g < call->group; g++) {
    state_load(call, &w.state, b, kv_head);
    if (work->parts > 1 && g + 1 == call->group) set_count(&places_of(work, b, kv_head)[part].ready, 1);
    sequence(call, &w, b, kv_head, kv_head * call->group + g);
  }
  state_store_panels(call, &w.state, b, kv_head);
  if (part > 0) return;
  for (size_t other = 1; other < work->parts; other++)
    if (!await_count(&places_of(work, b, kv_head)[other].ready, 1, slot)) return;
  state_store_sum(call, &w.state, b, kv_head);
}

/* The call as the thread sees it that has one part of the features. */
static linear_call call_of_part(const linear_call *whole, la_linear_args *args, size_t part, size_t parts) {
  linear_call call = *whole;
  size_t vectors = whole->d_fp / 4; /* as even as they go: no part is without features */
  call.first = part * vectors / parts * 4;
  call.d_f = smaller((part + 1) * vectors / parts * 4, whole->d_f) - call.first;
  call.d_fp = round_up(call.d_f, 4);
  call.d = call.d_f;
  *args = *whole->args;
  args->map.dim = (int32_t)call.d_f;
  args->q.data += call.first;
  args->k.data += call.first;
  if (args->decay.channel) args->decay.data += call.first;
  call.args = args;
  return call;
}

static void run_features(const linear_work *work, size_t slot, size_t b, size_t kv_head, size_t part) {
  la_linear_args args;
  linear_call call = call_of_part(work->call, &args, part, work->parts);
  scratch w;
  scratch_layout(&call, 1, &w, work->scratch + slot * work->floats);
  w.slot = slot;
  for (size_t u = 0; u < w.block; u++) w.tokens.sums[u] = 1.0f; /* what parts are multiplied by */
  shared_stream p = {work->call, b, kv_head, slot, part, work->parts, places_of(work, b, kv_head), w.d_vp, 0};
  p.places[part].kept = w.kept;
  for (size_t g = 0; g < call.group; g++) {
    state_load(&call, &w.state, b, kv_head);
    if (!shared_sequence(&call, &w, &p, kv_head * call.group + g)) return;
  }
  if (shared_end(&p)) state_store(&call, &w.state, b, kv_head);
}

int32_t linear_causal(const linear_call *call) {
  scratch w;
  int by_features = call->map->elementwise && !call->delta && !call->ratio;
  size_t most = by_features ? call->d_f / FEWEST_FEATURES : round_up(call->d_v, LINE * STATE_PANEL) / (LINE * STATE_PANEL), parts = 1;
  uint64_t streams = (uint64_t)call->batch * call->kv_heads;
  size_t crew = most == 1 || fills_slots(streams, call->slots) ? 1 : parallel_crew(call->slots);
  while (parts < smaller(most, crew) && !fills_slots(streams * parts, crew)) parts++;
  int partial = by_features && parts > 1;
  linear_work work = {.call = call, .run = partial ? run_features : run_columns, .across = call->slots, .parts = parts};
  work.floats = scratch_layout(call, partial, &w, NULL);
  if (parts > 1) {
    work.shared = part_places(streams * parts);
    if (!work.shared) return LA_OUT_OF_MEMORY;
  }
  int32_t status = linear_each_stream(&work);
  la_free(work.shared);
  return status;
}
