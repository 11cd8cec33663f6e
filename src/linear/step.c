/* Linear attention, one token. S is read and not written: the token's key and what it writes wait beside it with those of
 * the tokens before, up to WAITING of them, and are then added on the tile and settled. That takes half of the memory
 * traffic of writing S each time, and less than keeping both halves of the pair at hand (d 128: 23 µs against 30).
 * The heads of a layer settle at different tokens, so that no step takes much longer than others. */
#include "linear/step.h"

#include "base/outer.h"
#include "base/scratch.h"
#include "linear/ratio.h"
#include "linear/tokens.h"

typedef struct {
  token_block token;
  panel_state state; /* no panels: S stays where it is kept */
  kept_state kept;   /* of the head */
  float *scores;     /* [WAITING] */
  float *read;       /* [d_vp]: Sᵀ times a row */
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  float *of_token, *of_state, **arrays[] = {&of_token, &of_state, &w->scores, &w->read};
  uint64_t sizes[] = {token_block_layout(call, 1, NULL, NULL), panels_layout(call, &w->state, 0, 0, 1, NULL), WAITING, call->d_vp};
  uint64_t floats = carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
  if (!base) return floats;
  token_block_layout(call, 1, &w->token, of_token);
  panels_layout(call, &w->state, 0, 0, 1, of_state);
  return floats;
}

/* The state of one head as take_tokens knows it: fold and powers are the kept ones. */
static void open_head(const linear_call *call, scratch *w) {
  panel_state *p = &w->state;
  p->exponent = call->map->scaled ? exponent_of_kept(&w->kept) : 0.0f;
  p->powers = w->kept.powers;
  p->fold = w->kept.fold;
  p->wide = 1;
  p->since = tokens_waiting(&w->kept);
  if (!call->ratio) return;
  memcpy(p->z, w->kept.z, call->d_fp * sizeof *p->z);
  memcpy(p->z + call->d_fp, w->kept.z_rest, call->d_fp * sizeof *p->z);
  for (size_t t = 0; t < p->since; t++) add_to(p->z + call->d_fp, w->kept.keys + t * call->d_fp, call->d_fp);
}

/* After how many tokens that wait the head settles before the next. Where positions are not told, all settle together. */
static size_t settle_after(const linear_call *call, const scratch *w, size_t b, size_t state_head) {
  if (call->ratio && !ratio_is_plain(call, &w->state)) return 0;
  size_t turn = call->args->positions ? position_of(call, b) + state_head * WAITING / call->state_heads : 1;
  return turn % WAITING == 0 ? 1 : WAITING;
}

/* Adds what waits to S and z, and takes them along by what is due. */
static void settle_head(const linear_call *call, scratch *w) {
  const kept_state *k = &w->kept;
  panel_state *p = &w->state;
  size_t waiting = tokens_waiting(k), d_fp = k->d_fp;
  panels_coefficients(call, p);
  for (size_t c = 0; c < k->d_vp; c += STATE_PANEL) {
    strip at = strip_of(k, c);
    for (size_t i = 0; i < d_fp; i += 4) {
      tile4x8 added = tile_outer(tile_zero(), waiting, k->keys + i, 1, d_fp, k->writes + c, k->d_vp);
      for (size_t r = 0; r < 4; r++) {
        size_t place = at.at + (i + r) * at.width + c % STRIP;
        settling how = {v4_load_splat(p->keep + i + r), v4_load_splat(p->move + i + r)};
        settle(k->s + place, k->s_rest + place, how, added.row[r][0]);
        settle(k->s + place + 4, k->s_rest + place + 4, how, added.row[r][1]);
      }
    }
  }
  for (size_t i = 0; i < d_fp; i += 4) {
    v4 added = v4_splat(0.0f);
    for (size_t t = 0; t < waiting; t++) added = v4_add(added, v4_load(k->keys + t * d_fp + i));
    settle(k->z + i, k->z_rest + i, (settling){v4_load(p->keep + i), v4_load(p->move + i)}, added);
  }
  *k->waiting = 0.0f;
}

LA_INLINE void read_columns(const float *s, size_t stride, const float *x, size_t features, float *out, const int vectors) {
  v4 o[STRIP / 4];
  for (int c = 0; c < vectors; c++) o[c] = v4_splat(0.0f);
  for (const float *end = x + features; x != end; x++, s += stride) {
    v4 factor = v4_load_splat(x);
    for (int c = 0; c < vectors; c++) o[c] = v4_madd(factor, v4_load(s + 4 * c), o[c]);
  }
  for (int c = 0; c < vectors; c++) v4_store(out + 4 * c, o[c]);
}

/* w->read = Sᵀx, of what is settled: the remainder is below its last bit. */
static void read_state(const linear_call *call, const scratch *w, const float *x) {
  const kept_state *k = &w->kept;
  for (size_t c = 0, width; c < k->d_vp; c += width) {
    strip at = strip_of(k, c);
    width = at.width == STRIP ? STRIP : STATE_PANEL;
    if (width == STRIP) read_columns(k->s + at.at, STRIP, x, call->d_f, w->read + c, STRIP / 4);
    else read_columns(k->s + at.at + c % STRIP, at.width, x, call->d_f, w->read + c, STATE_PANEL / 4);
  }
}

/* Products of a row with the keys that wait, four at a time; those past `count` mean nothing. */
static void score_keys(const linear_call *call, const scratch *w, const float *x, size_t count) {
  size_t d_fp = call->d_fp;
  for (size_t t = 0; t < count; t += 4) {
    const float *key = w->kept.keys + t * d_fp;
    v4 sum[4];
    for (int u = 0; u < 4; u++) sum[u] = v4_splat(0.0f);
    for (size_t i = 0; i < d_fp; i += 4)
      for (size_t u = 0; u < 4; u++) sum[u] = v4_madd(v4_load(x + i), v4_load(key + u * d_fp + i), sum[u]);
    v4_store(w->scores + t, v4_sums(sum[0], sum[1], sum[2], sum[3]));
  }
}

LA_INLINE void add_columns(const scratch *w, size_t count, size_t c, const int vectors) {
  v4 sum[4];
  for (int i = 0; i < vectors; i++) sum[i] = v4_load(w->read + c + 4 * i);
  const float *write = w->kept.writes + c;
  for (size_t t = 0; t < count; t++, write += w->kept.d_vp) {
    v4 score = v4_load_splat(w->scores + t);
    for (int i = 0; i < vectors; i++) sum[i] = v4_madd(score, v4_load(write + 4 * i), sum[i]);
  }
  for (int i = 0; i < vectors; i++) v4_store(w->read + c + 4 * i, sum[i]);
}

/* w->read = Sᵀx with what waits. */
static void read_all(const linear_call *call, const scratch *w, const float *x, size_t count) {
  size_t c = 0;
  read_state(call, w, x);
  score_keys(call, w, x, count);
  for (; c + 16 <= w->kept.d_vp; c += 16) add_columns(w, count, c, 4);
  for (; c < w->kept.d_vp; c += 8) add_columns(w, count, c, 2);
}

/* What the token writes: v, or beta·(v − Sᵀk). */
static void take_write(const linear_call *call, scratch *w, size_t b, size_t state_head, size_t at, const float *key) {
  float *write = w->kept.writes + at * w->kept.d_vp;
  copy_rows(write, w->kept.d_vp, token_at(call, call->args->v, b, v_head_of(call, state_head), 0), 0, 1, call->d_v);
  if (!call->delta) return;
  v4 recall = v4_splat(recall_factor(call, &w->state)), beta = v4_load_splat(w->token.beta);
  read_all(call, w, key, at);
  for (size_t c = 0; c < w->kept.d_vp; c += 4)
    v4_store(write + c, v4_mul(beta, v4_nmadd(v4_mul(v4_load(w->read + c), recall), recall, v4_load(write + c))));
}

static void answer(const linear_call *call, scratch *w, size_t b, size_t head, size_t count) {
  const la_linear_args *a = call->args;
  finish_queries(call, &w->token, &w->state, b, head, 0, 1);
  const float *q = token_rows(call, &w->token, 0) + call->stride;
  read_all(call, w, q, count);
  float q_dot_z = a->normalize ? dot(q, w->kept.z, call->d_fp) : 0.0f;
  for (size_t t = 0; a->normalize && t < count; t++) q_dot_z += w->scores[t];
  v4 factor = v4_splat(output_factor(call, q_dot_z, w->state.exponent, w->token.exponents[0]));
  float *out = token_at(call, a->out, b, head, 0);
  for (size_t c = 0; c < call->d_v; c += 4) {
    v4 o = v4_mul(v4_load(w->read + c), factor);
    o = v4_add(o, v4_poison(o));
    if (c + 4 <= call->d_v) v4_store(out + c, o);
    else v4_store_first(out + c, o, call->d_v - c);
  }
}

static void step_head(const linear_call *call, scratch *w, size_t b, size_t state_head) {
  int due;
  open_head(call, w);
  if (call->ratio) ratio_hold(call, &w->state);
  take_tokens(call, &w->token, &w->state, b, state_head, 0, 1, settle_after(call, w, b, state_head), &due);
  if (*w->kept.shifted != 0.0f && panels_leftovers(call, &w->state)) due = 1;
  if (due) settle_head(call, w);
  finish_keys(call, &w->token, &w->state, b, state_head, 0, 1);
  const float *rows = token_rows(call, &w->token, 0);
  size_t at = tokens_waiting(&w->kept);
  take_write(call, w, b, state_head, at, rows + recalled_row(call));
  memcpy(w->kept.keys + at * call->d_fp, rows, call->d_fp * sizeof *rows);
  *w->kept.waiting = (float)(at + 1);
  *w->kept.shifted = call->gated || call->ratio ? 1.0f : 0.0f;
  keep_exponent(&w->kept, w->state.exponent);
  for (size_t g = 0; call->args->out.data && g < call->group; g++) answer(call, w, b, state_head * call->group + g, at + 1);
}

int32_t linear_step(const linear_call *call) {
  scratch w;
  float *block = alloc_floats(scratch_layout(call, &w, NULL));
  if (!block) return LA_OUT_OF_MEMORY;
  scratch_layout(call, &w, block);
  w.kept = kept_of(call, 0, 0);
  size_t floats = la_state_floats((int32_t)call->features, (int32_t)call->d_v);
  for (size_t b = 0; b < call->batch; b++) {
    int counts = tokens_of(call, b) > 0;
    for (size_t h = 0; h < call->state_heads; h++) {
      if (counts) step_head(call, &w, b, h);
      move_kept(&w.kept, floats);
    }
  }
  la_free(block);
  return LA_OK;
}
