/* Linear attention, causal, whole sequence: the recurrence over blocks of tokens, a panel of S at a time.
 *
 * Blocks of 16 to 256 tokens measure alike. Values are read and results written in place: 12 % faster than through
 * copies. Heads of one group each run the recurrence on their own copy of S.
 *
 * Reading a line's float of all that a block is about to read, in one go, is 12 % faster where that comes from memory
 * (T 4096, 8 heads, elu) on Sapphire Rapids and as fast on Zen 4; reading the lines of its results as well 20 % faster on the
 * one and 4 % slower on the other. The next block's instead, every second line, or a few rows between rows to map: no better.
 *
 * Threads take whole streams, or, where those are too few, parts of one:
 *
 *   plan         a part has                 it loads and stores of the state   its results are
 *   BY_STREAMS   the stream                 all                                results
 *   BY_COLUMNS   columns of S, all tokens   its panels; the first part z       columns of results
 *                mapped by each                and the rest
 *   BY_FEATURES  features, of maps where    its rows of S and z; the first     parts of sums, added up in order (shared.h)
 *                each comes from one           the rest
 *                element
 *
 * By features nothing is computed twice. The delta rule, whose writes need all features, and ratios, whose queries do, go by
 * columns, which never meet. A scan over parts of the sequence would run half of the matrix work again; tokens mapped by
 * another core cost as much to fetch as to map. */
#include "linear/causal.h"

#include "base/arguments.h"
#include "base/rows.h"
#include "base/scratch.h"
#include "linear/block_run.h"
#include "linear/ratio.h"
#include "linear/shared.h"
#include "linear/streams.h"
#include "linear/tokens.h"
#include "threads/parallel.h"

enum {
  MAX_BLOCK = 32, /* even: a block follows another within SETTLE_EVERY tokens */
  BLOCK_FLOATS = 32768,
  LARGE_S = 65536, /* floats, from which on values whose rows collide are copied: a third faster at 256 × 512, no gain at 256 × 256 */
  LINE = CACHE_LINE / STATE_PANEL, /* panels of a cache line of results: no two threads write one */
};

typedef struct {
  size_t block; /* tokens prepared at once */
  size_t d_vp;  /* value_dim rounded up to whole panels */
  int in_place; /* values are whole panels: no copies */
  size_t slot;  /* of the thread */
  panel_state state;
  token_block tokens;
  float *v, *out; /* [block][d_vp] when copies are needed */
  float *spare;   /* [2·STATE_PANEL] of block_run.h */
  float *kept, *products; /* of shared.h: results are parts of sums; [block] of them */
} scratch;

/* Panels from `first` on. */
static uint64_t scratch_layout(const linear_call *call, int by_features, size_t first, size_t panels, scratch *w, float *base) {
  size_t fitting = BLOCK_FLOATS / (2 * call->d_fp) / 2 * 2;
  w->block = by_features ? SHARED_BLOCK : smaller(fitting < 2 ? 2 : smaller(fitting, MAX_BLOCK), round_up(call->n_q, 4));
  w->d_vp = call->d_vp;
  w->in_place = w->d_vp == call->d_v && (!call->args->key_lengths || call->args->starts) && !(rows_collide(call->args->v.row) && call->d_fp * call->d_vp > LARGE_S);
  uint64_t copies = w->in_place ? 0 : w->block * w->d_vp, of_parts = by_features ? 1 : 0;
  uint64_t sizes[] = {panels_layout(call, &w->state, first, panels, 1, NULL), token_block_layout(call, w->block, NULL, NULL), copies, (1 - of_parts) * copies,
                      2 * STATE_PANEL, of_parts * SHARED_DEPTH * shared_floats(w->d_vp), of_parts * w->block};
  float *of_state, *of_tokens, **places[] = {&of_state, &of_tokens, &w->v, &w->out, &w->spare, &w->kept, &w->products};
  uint64_t floats = carve(base, places, sizes, sizeof sizes / sizeof *sizes);
  if (!base) return floats;
  panels_layout(call, &w->state, first, panels, 1, of_state);
  token_block_layout(call, w->block, &w->tokens, of_tokens);
  zero_floats(w->spare, 2 * STATE_PANEL);
  return floats;
}

/* A block of tokens from t of one head of the result. Row u of columns c … of its values and results is at + u·stride + c. */
typedef struct {
  const linear_call *call;
  scratch *w;
  size_t b, state_head, head, t, tokens;
  const float *v, *factors;
  float *out;
  size_t v_stride, out_stride;
  float recall; /* of the delta rule */
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
  const scratch *w = k->w;
  for (size_t n = 0; n < w->state.panels; n++) {
    size_t column = (w->state.first + n) * STATE_PANEL;
    block_run run = {.call = call,
                     .tokens = k->tokens,
                     .r = {.s = w->state.s + n * call->d_fp * w->state.row,
                           .features = call->d_f,
                           .rows = token_rows(call, &w->tokens, 0),
                           .scores = w->tokens.scores,
                           .v = k->v + column,
                           .factors = k->factors,
                           .beta = w->tokens.beta,
                           .recall = k->recall,
                           .out = k->out + column},
                     .v_stride = k->v_stride,
                     .out_stride = k->out_stride,
                     .spare = w->spare};
    run_block(&run);
  }
}

/* Has the cache take in the block: its tokens, and columns c … c + width − 1 of its values. */
static void touch_block(const block *k, size_t c, size_t width) {
  const la_linear_args *a = k->call->args;
  row_span spans[] = {{token_at(k->call, a->q, k->b, q_head_of(k->call, k->head), k->t), a->q.row, k->call->d},
                      {token_at(k->call, a->k, k->b, k_head_of(k->call, k->state_head), k->t), a->k.row, k->call->d},
                      {k->v + c, k->v_stride, width}};
  touch_rows(spans, sizeof spans / sizeof *spans, k->tokens);
}

/* Takes up to k->tokens tokens: their keys, decay and queries, S settled where that is due. */
static void prepare(block *k) {
  const linear_call *call = k->call;
  scratch *w = k->w;
  panel_state *p = &w->state;
  int must_settle;
  if (call->ratio) ratio_hold(call, p);
  k->tokens = take_tokens(call, &w->tokens, p, k->b, k->state_head, k->t, k->tokens, SETTLE_EVERY, &must_settle);
  if (must_settle) panels_settle(call, p);
  p->since += k->tokens;
  finish_keys(call, &w->tokens, p, k->b, k->state_head, k->t, k->tokens);
  finish_queries(call, &w->tokens, p, k->b, k->head, k->t, k->tokens);
  if (call->delta) k->recall = recall_factor(call, p);
}

/* One head of the result on the panels of its state. */
static void sequence(const linear_call *call, scratch *w, size_t b, size_t state_head, size_t head) {
  const la_linear_args *a = call->args;
  size_t column = w->state.first * STATE_PANEL, columns = smaller(w->state.panels * STATE_PANEL, call->d_v - column);
  settle_exponent(call, (feature_rows){token_rows(call, &w->tokens, 0), token_floats(call), w->tokens.exponents}, w->block, &w->state, w->slot, b, state_head);
  for (size_t t = 0, tokens, count = queries_of(call, b); t < count; t += tokens) {
    float *out = token_at(call, a->out, b, head, t);
    block k = {call, w, b, state_head, head, t, smaller(w->block, count - t), token_at(call, a->v, b, v_head_of(call, state_head), t), w->tokens.sums, out, a->v.row, a->out.row, 1.0f};
    show_life(w->slot);
    touch_block(&k, column, columns);
    prepare(&k);
    tokens = k.tokens;
    token_products(call, &w->tokens, &w->state, w->tokens.sums, tokens);
    for (size_t u = 0; u < tokens; u++) w->tokens.sums[u] = output_factor(call, w->tokens.sums[u], w->state.exponent, w->tokens.exponents[u]);
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

/* One head of the result on the features of one part; 0 when a thread failed. Decay may cut a block short. */
static int shared_sequence(const linear_call *call, scratch *w, shared_stream *p, size_t head) {
  const la_linear_args *a = call->args;
  size_t b = p->b, state_head = p->state_head;
  for (size_t t = 0, tokens, count = queries_of(call, b); t < count; t += tokens) {
    tokens = smaller(w->block, count - t);
    float *out = shared_room(p);
    if (!out) return 0;
    float *sums = out + SHARED_BLOCK * w->d_vp;
    show_life(w->slot);
    for (size_t done = 0; done < tokens;) {
      block k = {call, w, b, state_head, head, t + done, tokens - done, token_at(call, a->v, b, v_head_of(call, state_head), t + done), w->tokens.sums, out + done * w->d_vp, a->v.row, w->d_vp, 1.0f};
      if (done == 0) touch_block(&k, 0, call->d_v);
      prepare(&k);
      token_products(call, &w->tokens, &w->state, w->products, k.tokens);
      memcpy(sums + done, w->products, k.tokens * sizeof *sums);
      if (!w->in_place) copy_values(&k);
      run_panels(&k);
      done += k.tokens;
    }
    if (!shared_ready(p)) return 0;
  }
  return 1;
}

/* What the threads that share a stream have to say to one another. */
static part_place *places_of(const linear_work *work, size_t b, size_t state_head) {
  return (part_place *)work->shared + (b * work->call->state_heads + state_head) * work->parts;
}

static void run_columns(const linear_work *work, size_t slot, size_t b, size_t state_head, size_t part) {
  const linear_call *call = work->call;
  scratch w;
  /* Of S it takes in its own panels alone: those of another part may be stored while this one begins. */
  size_t panels = call->d_vp / STATE_PANEL, lines = (panels + LINE - 1) / LINE, first = part * lines / work->parts * LINE;
  scratch_layout(call, 0, first, smaller((part + 1) * lines / work->parts * LINE, panels) - first, &w, work->scratch + slot * work->floats);
  w.slot = slot;
  for (size_t g = 0; g < call->group; g++) {
    panels_load(call, &w.state, b, state_head);
    if (work->parts > 1 && g + 1 == call->group) set_count(&places_of(work, b, state_head)[part].ready, 1);
    sequence(call, &w, b, state_head, state_head * call->group + g);
  }
  panels_store(call, &w.state, b, state_head);
  if (part > 0) return;
  for (size_t other = 1; other < work->parts; other++)
    if (!await_count(&places_of(work, b, state_head)[other].ready, 1, slot)) return;
  panels_store_sum(call, &w.state, b, state_head);
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

static void run_features(const linear_work *work, size_t slot, size_t b, size_t state_head, size_t part) {
  la_linear_args args;
  linear_call call = call_of_part(work->call, &args, part, work->parts);
  scratch w;
  scratch_layout(&call, 1, 0, call.d_vp / STATE_PANEL, &w, work->scratch + slot * work->floats);
  w.slot = slot;
  for (size_t u = 0; u < w.block; u++) w.tokens.sums[u] = 1.0f; /* what parts are multiplied by */
  shared_stream p = {work->call, b, state_head, slot, part, work->parts, places_of(work, b, state_head), w.d_vp, 0};
  p.places[part].kept = w.kept;
  for (size_t g = 0; g < call.group; g++) {
    panels_load(&call, &w.state, b, state_head);
    if (!shared_sequence(&call, &w, &p, state_head * call.group + g)) return;
  }
  if (!shared_end(&p)) return;
  panels_store(&call, &w.state, b, state_head);
  panels_store_sum(&call, &w.state, b, state_head);
}

typedef enum { BY_STREAMS, BY_COLUMNS, BY_FEATURES } stream_plan;

static stream_plan plan_of(const linear_call *call, size_t *parts) {
  int by_features = call->map->elementwise && !call->delta && !call->ratio;
  size_t most = by_features ? call->d_f / FEWEST_FEATURES : (call->d_vp / STATE_PANEL + LINE - 1) / LINE;
  uint64_t streams = (uint64_t)call->batch * call->state_heads;
  size_t crew = most <= 1 || fills_slots(streams, call->slots) ? 1 : parallel_crew(call->slots);
  *parts = 1;
  while (*parts < smaller(most, crew) && !fills_slots(streams * *parts, crew)) ++*parts;
  return *parts == 1 ? BY_STREAMS : by_features ? BY_FEATURES : BY_COLUMNS;
}

int32_t linear_causal(const linear_call *call) {
  scratch w;
  size_t parts;
  stream_plan plan = plan_of(call, &parts);
  linear_work work = {.call = call, .run = plan == BY_FEATURES ? run_features : run_columns, .across = call->slots, .parts = parts};
  work.floats = scratch_layout(call, plan == BY_FEATURES, 0, call->d_vp / STATE_PANEL, &w, NULL);
  if (plan != BY_STREAMS) {
    work.shared = part_places((uint64_t)call->batch * call->state_heads * parts);
    if (!work.shared) return LA_OUT_OF_MEMORY;
  }
  int32_t status = linear_each_stream(&work);
  la_free(work.shared);
  return status;
}
