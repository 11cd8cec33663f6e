#include "softmax_choices.h"

void choose_softmax(input *in, call *k, la_softmax_args *args, int64_t most) {
  static const float scales[] = {1.0f, 0.125f, 0.0f, -0.5f, 3.0f};
  int32_t batch = rarely(in, 16) ? 0 : 1 + (int32_t)choose(in, 2), kv_heads = 1 + (int32_t)choose(in, 3), group = rarely(in, 16) ? 0 : 1 + (int32_t)choose(in, 3);
  int32_t n_q = choose_length(in), n_k = rarely(in, 3) ? choose_length(in) : n_q, dim = choose_width(in, LA_MAX_DIM), value_dim = choose_width(in, LA_MAX_VALUE_DIM);
  while ((int64_t)batch * kv_heads * group * n_q * n_k * (dim + value_dim) > most) n_q > n_k ? (n_q /= 2) : (n_k /= 2);
  la_softmax_args a = {.batch = batch, .heads = group * kv_heads, .kv_heads = kv_heads, .n_q = n_q, .n_k = n_k, .dim = dim, .value_dim = value_dim};
  a.causal = (int32_t)choose(in, 2);
  a.causal_offset = a.causal ? (int32_t)choose(in, 6) : 0;
  a.scale = CHOOSE_FROM(in, scales);
  *args = a;
  k->causal = a.causal;
  k->causal_offset = a.causal_offset;
  size_t b = (size_t)batch, h = (size_t)a.heads, kv = (size_t)kv_heads, q = (size_t)n_q, n = (size_t)n_k;
  struct {
    const char *name;
    la_array *place;
    size_t heads, rows, width;
    field_rows of;
  } inputs[] = {{"q", &args->q, h, q, (size_t)dim, QUERY_ROWS}, {"k", &args->k, kv, n, (size_t)dim, KEY_ROWS}, {"v", &args->v, kv, n, (size_t)value_dim, KEY_ROWS}};
  for (size_t i = 0; i < 3; i++) {
    field f = {inputs[i].name, READ, ARRAY, inputs[i].place, {b, inputs[i].heads, inputs[i].rows, inputs[i].width}, 1, NULL, inputs[i].of, 1, 1};
    choose_values(in, add_field(k, f), b * inputs[i].heads * inputs[i].rows * inputs[i].width);
  }
  if (rarely(in, 3)) {
    int32_t *lengths = (int32_t *)add_field(k, (field){.name = "key_lengths", .place = &args->key_lengths, .size = {1, 1, 1, b}});
    for (size_t i = 0; i < b; i++) lengths[i] = (int32_t)choose(in, (uint32_t)n_k + 1);
    k->key_lengths = lengths;
  }
}
