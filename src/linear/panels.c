#include "linear/panels.h"

#include <math.h>

#include "base/outer.h"
#include "base/power.h"
#include "base/scratch.h"

uint64_t panels_layout(const linear_call *call, panel_state *p, size_t first, size_t panels, int interleaved, float *base) {
  uint64_t d_fp = call->d_fp, s = d_fp * STATE_PANEL * panels;
  p->first = first;
  p->panels = panels;
  p->row = interleaved ? 2 * STATE_PANEL : STATE_PANEL;
  p->lately = interleaved ? STATE_PANEL : (size_t)s;
  float **arrays[] = {&p->s, &p->z, &p->powers, &p->fold, &p->due, &p->held, &p->keep, &p->move};
  uint64_t sizes[] = {2 * s, 2 * d_fp, d_fp, d_fp, d_fp, d_fp, d_fp, d_fp};
  return carve(base, arrays, sizes, sizeof sizes / sizeof *sizes);
}

void panels_coefficients(const linear_call *call, panel_state *p) {
  for (size_t i = 0; i < call->d_fp; i += 4) settle_coefficients(p->keep + i, p->move + i, p->due + i);
}

void panels_settle(const linear_call *call, panel_state *p) {
  panels_coefficients(call, p);
  v4 nothing = v4_splat(0.0f);
  for (size_t n = 0; n < p->panels; n++) {
    float *s = p->s + n * call->d_fp * p->row;
    for (size_t i = 0; i < call->d_fp; i++, s += p->row) {
      settling how = {v4_load_splat(p->keep + i), v4_load_splat(p->move + i)};
      settle(s, s + p->lately, how, nothing);
      settle(s + 4, s + 4 + p->lately, how, nothing);
    }
  }
  for (size_t i = 0; i < call->d_fp; i += 4) settle(p->z + i, p->z + call->d_fp + i, (settling){v4_load(p->keep + i), v4_load(p->move + i)}, nothing);
  p->since = 0;
}

/* By the fold, which is 0 afterwards. */
static void panels_settle_fold(const linear_call *call, panel_state *p) {
  for (size_t i = 0; i < call->d_fp; i++) p->due[i] = p->fold[p->wide ? i : 0];
  zero_floats(p->fold, call->d_fp);
  panels_settle(call, p);
}

int panels_leftovers(const linear_call *call, panel_state *p) {
  int any = 0;
  for (size_t i = 0; i < call->d_fp; i++) {
    float left = (call->ratio ? 0.0f : p->powers[i] * LN_2) + (call->gated ? 0.0f : p->fold[i]);
    if (left == 0.0f) continue;
    p->due[i] += left;
    if (!call->ratio) p->powers[i] = 0.0f;
    if (!call->gated) p->fold[i] = 0.0f;
    any = 1;
  }
  return any;
}

/* The kept panel n with what waits added to its remainder: settled in rows of p, lately behind. */
static void load_panel(const linear_call *call, panel_state *p, const kept_state *k, size_t n) {
  size_t column = (p->first + n) * STATE_PANEL, waiting = tokens_waiting(k);
  strip at = strip_of(k, column);
  size_t place = at.at + call->first * at.width + column % STRIP;
  for (size_t i = 0; i < call->d_fp; i += 4) {
    float *s = p->s + (n * call->d_fp + i) * p->row;
    tile4x8 rest = tile_load(k->s_rest + place + i * at.width, at.width);
    if (waiting) rest = tile_add(rest, tile_outer(tile_zero(), waiting, k->keys + call->first + i, 1, k->d_fp, k->writes + column, k->d_vp));
    tile_store(s, p->row, tile_load(k->s + place + i * at.width, at.width));
    tile_store(s + p->lately, p->row, rest);
  }
}

static void load_sum(const linear_call *call, panel_state *p, const kept_state *k) {
  float *z = p->z, *lately = p->z + call->d_fp;
  memcpy(z, k->z + call->first, call->d_fp * sizeof *z);
  memcpy(lately, k->z_rest + call->first, call->d_fp * sizeof *z);
  for (size_t t = 0; t < tokens_waiting(k); t++) add_to(lately, k->keys + t * k->d_fp + call->first, call->d_fp);
}

void panels_load(const linear_call *call, panel_state *p, size_t batch, size_t state_head) {
  kept_state k = kept_of(call, batch, state_head);
  p->exponent = !call->map->scaled ? 0.0f : k.s ? exponent_of_kept(&k) : -INFINITY;
  p->since = 0;
  p->wide = call->args->decay.channel != 0;
  zero_floats(p->fold, call->d_fp);
  if (!k.s) {
    zero_floats(p->s, 2 * call->d_fp * STATE_PANEL * p->panels);
    zero_floats(p->z, 2 * call->d_fp);
    zero_floats(p->powers, call->d_fp);
    return;
  }
  memcpy(p->powers, k.powers + call->first, call->d_fp * sizeof *p->powers);
  memcpy(p->due, k.fold + call->first, call->d_fp * sizeof *p->due);
  if (*k.shifted != 0.0f) panels_leftovers(call, p);
  load_sum(call, p, &k);
  for (size_t n = 0; n < p->panels; n++) load_panel(call, p, &k, n);
  panels_settle(call, p);
}

void panels_store(const linear_call *call, panel_state *p, size_t batch, size_t state_head) {
  kept_state k = kept_of(call, batch, state_head);
  if (!k.s) return;
  panels_settle_fold(call, p);
  for (size_t n = 0; n < p->panels; n++) {
    size_t column = (p->first + n) * STATE_PANEL;
    strip at = strip_of(&k, column);
    size_t place = at.at + call->first * at.width + column % STRIP;
    for (size_t i = 0; i < call->d_fp; i++) {
      const float *s = p->s + (n * call->d_fp + i) * p->row;
      memcpy(k.s + place + i * at.width, s, STATE_PANEL * sizeof *s);
      memcpy(k.s_rest + place + i * at.width, s + p->lately, STATE_PANEL * sizeof *s);
    }
  }
}

void panels_store_sum(const linear_call *call, panel_state *p, size_t batch, size_t state_head) {
  kept_state k = kept_of(call, batch, state_head);
  if (!k.s) return;
  memcpy(k.z + call->first, p->z, call->d_fp * sizeof *p->z);
  memcpy(k.z_rest + call->first, p->z + call->d_fp, call->d_fp * sizeof *p->z);
  memcpy(k.powers + call->first, p->powers, call->d_fp * sizeof *p->powers);
  zero_floats(k.fold + call->first, call->d_fp);
  if (call->first > 0) return;
  *k.waiting = 0.0f;
  *k.shifted = (float)call->ratio;
  keep_exponent(&k, p->exponent);
}
