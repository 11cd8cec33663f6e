#include "learn/decay_gradient.h"

float *gate_gradient(const gradient_stream *s, float *all, la_gate gate, size_t width, size_t t) {
  size_t rows = gate.row ? s->call->n_k : 1, state = s->b * s->call->state_heads + s->state_head;
  return all ? all + (state * rows + (gate.row ? start_of(s->call, s->b) + t : 0)) * width : NULL;
}

void add_decay(const walk *w, size_t t, const float *q, const float *gradient) {
  const linear_call *call = w->s->call;
  float *sum = w->m->d_decay + (t - w->first) * decay_width(call);
  if (decay_width(call) == 1) {
    *sum += dot(q, gradient, call->d_f);
    return;
  }
  for (size_t i = 0; i < call->d_f; i++) sum[i] += q[i] * gradient[i];
}

/* Takes off a token's share what its key contributes: as it wrote and, of a delta rule, as it recalls. */
static void subtract_key(const gradient_stream *s, float *share, const float *k, size_t u) {
  const linear_call *call = s->call;
  const float *written = s->d_features + u * s->s.row, *recalled = s->d_recalled + u * s->s.row, *recalling = k + recalled_row(call);
  if (decay_width(call) == 1) {
    *share -= dot(k, written, call->d_f);
    if (call->delta) *share += dot(recalling, recalled, call->d_f);
    return;
  }
  for (size_t i = 0; i < call->d_f; i++) {
    share[i] -= k[i] * written[i];
    if (call->delta) share[i] += recalling[i] * recalled[i];
  }
}

/* x [d_f], or its sum where the decay has one number a token. */
static void take_share(const linear_call *call, float *share, const float *x) {
  size_t width = decay_width(call);
  zero_floats(share, width);
  for (size_t i = 0; i < call->d_f; i++) share[width == 1 ? 0 : i] += x[i];
}

/* That of the first token is the share of the state before, to fewer roundings. */
void decay_gradient(const walk *w, size_t t, size_t tokens) {
  gradient_stream *s = w->s;
  const linear_call *call = s->call;
  size_t width = decay_width(call), seen = stream_seen(s, t, tokens);
  float *sum = w->m->next;
  take_share(call, sum, w->m->from);
  for (size_t u = tokens; u-- > 0;) {
    float *share = w->m->d_decay + (t + u - w->first) * width, *out = gate_gradient(s, s->args->d_decay, call->args->decay, width, t + u);
    if (u < seen) subtract_key(s, share, stream_row(s, u), u);
    for (size_t i = 0; i < width; i++) sum[i] += share[i];
    if (u >= seen) continue;
    if (u == 0) take_share(call, sum, w->m->to);
    for (size_t i = 0; i < width; i++) out[i] = call->args->decay.row ? sum[i] : out[i] + sum[i];
  }
}
