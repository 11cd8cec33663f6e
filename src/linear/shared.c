#include "linear/shared.h"

#include "base/rows.h"
#include "base/scratch.h"
#include "linear/exponents.h"
#include "threads/parallel.h"

part_place *part_places(uint64_t count) {
  part_place *places = (part_place *)alloc_floats(count * sizeof *places / sizeof(float));
  if (places) memset(places, 0, (size_t)count * sizeof *places);
  return places;
}

static const float *kept(const shared_stream *p, size_t part, size_t n) {
  return p->places[part].kept + n % SHARED_DEPTH * shared_floats(p->d_vp);
}

/* One token's result: the parts in order, so that every run gives the same bits. */
static void add_token(const shared_stream *p, const float *const blocks[], size_t u, float *out) {
  float q_dot_z = 0.0f;
  for (size_t part = 0; part < p->parts; part++) q_dot_z += blocks[part][SHARED_BLOCK * p->d_vp + u];
  v4 factor = v4_splat(output_factor(p->call, q_dot_z, 0.0f, 0.0f));
  for (size_t c = 0; c < p->call->d_v; c += 4) {
    size_t at = u * p->d_vp + c;
    v4 sum = v4_add(v4_load(blocks[0] + at), v4_load(blocks[1] + at));
    for (size_t part = 2; part < p->parts; part++) sum = v4_add(sum, v4_load(blocks[part] + at));
    sum = v4_mul(sum, factor);
    sum = v4_add(sum, v4_poison(sum));
    if (c + 4 <= p->call->d_v)
      v4_store(out + c, sum);
    else
      v4_store_first(out + c, sum, p->call->d_v - c);
  }
}

static int add_block(const shared_stream *p, size_t n) {
  const linear_call *call = p->call;
  const float *blocks[MOST_PARTS];
  for (size_t part = 0; part < p->parts; part++) {
    if (!await_count(&p->places[part].ready, (int32_t)(n + 1), p->slot)) return 0;
    blocks[part] = kept(p, part, n);
  }
  size_t count = queries_of(call, p->b), in_head = (count + SHARED_BLOCK - 1) / SHARED_BLOCK, head = p->state_head * call->group + n / in_head, t = n % in_head * SHARED_BLOCK;
  size_t tokens = smaller(SHARED_BLOCK, count - t), end = (p->part + 1) * tokens / p->parts;
  for (size_t u = p->part * tokens / p->parts; u < end; u++) add_token(p, blocks, u, token_at(call, call->args->out, p->b, head, t + u));
  set_count(&p->places[p->part].added, (int32_t)(n + 1));
  return 1;
}

/* Waits until every part has added `count` blocks up. */
static int await_added(const shared_stream *p, size_t count) {
  for (size_t part = 0; part < p->parts; part++)
    if (!await_count(&p->places[part].added, (int32_t)count, p->slot)) return 0;
  return 1;
}

float *shared_room(const shared_stream *p) {
  if (p->at >= SHARED_DEPTH && !await_added(p, p->at - SHARED_DEPTH + 1)) return NULL;
  return (float *)kept(p, p->part, p->at);
}

int shared_ready(shared_stream *p) {
  set_count(&p->places[p->part].ready, (int32_t)++p->at);
  return p->at <= SHARED_LAG || add_block(p, p->at - 1 - SHARED_LAG);
}

int shared_end(shared_stream *p) {
  for (size_t n = p->at - smaller(p->at, SHARED_LAG); n < p->at; n++)
    if (!add_block(p, n)) return 0;
  return await_added(p, p->at);
}
