#include "linear/shared.h"

partial_place *partial_places(uint64_t count) {
  partial_place *places = (partial_place *)alloc_floats(count * sizeof *places / sizeof(float));
  if (places) memset(places, 0, (size_t)count * sizeof *places);
  return places;
}

static const float *kept(const partials *p, size_t part, size_t n) {
  return p->places[part].kept + n % PARTIAL_DEPTH * partial_floats(p->d_vp);
}

/* One token's result: the parts in order, so that every run gives the same bits. */
static void add_token(const partials *p, const float *const blocks[], size_t u, float *out) {
  static const panel_state plain;
  float q_dot_z = 0.0f;
  for (size_t part = 0; part < p->parts; part++) q_dot_z += blocks[part][PARTIAL_BLOCK * p->d_vp + u];
  v4 factor = v4_splat(output_factor(p->call, q_dot_z, &plain, 0.0f));
  for (size_t c = 0; c < p->call->d_v; c += 4) {
    size_t at = u * p->d_vp + c;
    v4 sum = v4_add(v4_load(blocks[0] + at), v4_load(blocks[1] + at));
    for (size_t part = 2; part < p->parts; part++) sum = v4_add(sum, v4_load(blocks[part] + at));
    sum = v4_mul(sum, factor);
    sum = v4_add(sum, v4_poison(sum));
    if (c + 4 <= p->call->d_v)
      v4_store(out + c, sum);
    else
      v4_store_part(out + c, sum, p->call->d_v - c);
  }
}

static int add_block(const partials *p, size_t n) {
  const linear_call *call = p->call;
  const float *blocks[MOST_PARTS];
  for (size_t part = 0; part < p->parts; part++) {
    if (!await_count(&p->places[part].ready, (int32_t)(n + 1), p->slot)) return 0;
    blocks[part] = kept(p, part, n);
  }
  size_t in_head = (call->n_q + PARTIAL_BLOCK - 1) / PARTIAL_BLOCK, q_head = p->kv_head * call->group + n / in_head, t = n % in_head * PARTIAL_BLOCK;
  size_t tokens = smaller(PARTIAL_BLOCK, call->n_q - t), end = (p->part + 1) * tokens / p->parts;
  for (size_t u = p->part * tokens / p->parts; u < end; u++) add_token(p, blocks, u, array_at(call->args->out, p->b, q_head, t + u));
  set_count(&p->places[p->part].added, (int32_t)(n + 1));
  return 1;
}

/* Waits until every part has added `count` blocks up. */
static int await_added(const partials *p, size_t count) {
  for (size_t part = 0; part < p->parts; part++)
    if (!await_count(&p->places[part].added, (int32_t)count, p->slot)) return 0;
  return 1;
}

float *partials_room(const partials *p) {
  if (p->at >= PARTIAL_DEPTH && !await_added(p, p->at - PARTIAL_DEPTH + 1)) return NULL;
  return (float *)kept(p, p->part, p->at);
}

int partials_ready(partials *p) {
  set_count(&p->places[p->part].ready, (int32_t)++p->at);
  return p->at <= PARTIAL_LAG || add_block(p, p->at - 1 - PARTIAL_LAG);
}

int partials_end(partials *p) {
  for (size_t n = p->at - smaller(p->at, PARTIAL_LAG); n < p->at; n++)
    if (!add_block(p, n)) return 0;
  return await_added(p, p->at);
}
