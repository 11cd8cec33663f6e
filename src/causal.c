/* Linear attention, causal, whole sequence: the fused recurrence over blocks of tokens, sixteen columns of S at a time.
 *
 * Long blocks let the hardware prefetch run: at T = 4096, blocks of 256 tokens are 8 % faster than blocks of 32 that
 * fit the first-level cache, and reading V and writing out in place 12 % faster than through copies.
 * Query heads of one group each run the recurrence on their own copy of S.
 *
 * Several threads share one stream by columns of S, which never meet: nothing is computed twice, where a scan over parts
 * of the sequence runs half of the matrix work again. They take larger blocks, for fewer meetings, and prepare them by
 * chunks, each with a key sum from 0 to which the sums of the chunks before it are added. */
#include "linear.h"
#include "recurrence.h"

enum { MAP_ROWS = 16, CHUNK = 64, MAX_BLOCK = 256, BLOCK_FLOATS = 32768, SHARED_BLOCKS = 4 };

typedef struct {
  size_t block;      /* tokens whose features are kept at once */
  size_t chunk;      /* tokens that one thread prepares at a time */
  size_t d_vp;       /* value_dim rounded up to whole vectors */
  int in_place;      /* values and results are whole vectors: no copies */
  panel_state state; /* panels of STRIP columns */
  float *k_f, *q_f;  /* [within][MAP_ROWS][d_fp] */
  float *pairs;      /* [block][d_fp][2]: φ(k), φ(q) */
  float *sums;       /* [chunks][2·d_fp]: of keys within a chunk, then what came before it as pairs 0, z */
  float *factors;    /* [block]: φ(q)·z, then what multiplies the output */
  float *v, *out;    /* [block][d_vp] when copies are needed */
} scratch;

static uint64_t scratch_layout(const linear_call *call, scratch *w, float *base) {
  size_t fitting = BLOCK_FLOATS / (2 * call->d_fp), share = call->within > 1 ? SHARED_BLOCKS : 1;
  w->block = smaller(share * (fitting < 1 ? 1 : smaller(fitting, MAX_BLOCK)), round_up(call->n_q, 4));
  w->chunk = call->within > 1 ? CHUNK : w->block;
  w->d_vp = round_up(call->d_v, 4);
  w->in_place = w->d_vp == call->d_v && !call->args->key_lengths;
  w->state.width = STRIP;
  w->state.panels = round_up(call->d_v, STRIP) / STRIP;
  uint64_t d_fp = call->d_fp, copies = w->in_place ? 0 : w->block * w->d_vp;
  uint64_t mapped = call->within * MAP_ROWS * d_fp, sums = round_up(w->block, w->chunk) / w->chunk * 2 * d_fp;
  uint64_t sizes[] = {d_fp * w->state.panels * STRIP, d_fp, mapped, mapped, 2 * w->block * d_fp, sums, w->block, copies, copies};
  float **parts[] = {&w->state.s, &w->state.z, &w->k_f, &w->q_f, &w->pairs, &w->sums, &w->factors, &w->v, &w->out};
  return carve(base, parts, sizes, sizeof sizes / sizeof *sizes);
}

/* Interleaves one token's features; runs z along and returns φ(q)·z. */
static inline float pack_token(float *pairs, float *z, const float *k_f, const float *q_f, size_t d_fp) {
  v4 sum = v4_splat(0.0f);
  for (size_t i = 0; i < d_fp; i += 4) {
    v4 k_i = v4_load(k_f + i), q_i = v4_load(q_f + i), z_i = v4_add(v4_load(z + i), k_i);
    interleave_four(pairs + 2 * i, k_i, q_i);
    v4_store(z + i, z_i);
    sum = v4_madd(q_i, z_i, sum);
  }
  return v4_sum(sum);
}

/* A block of tokens from t, of which the first `seen` have keys that count. Row u of columns c … of its values and
 * results is at + u·stride + c. */
typedef struct {
  const linear_call *call;
  const scratch *w;
  size_t b, kv_head, q_head, t, tokens, seen;
  const float *v;
  float *out;
  size_t v_stride, out_stride;
} block;

/* Features, values and φ(q)·z of one chunk; z starts from the sum before the block in the first and from 0 in others. */
static void prepare_chunk(void *context, size_t slot, size_t item) {
  const block *k = context;
  const linear_call *call = k->call;
  const la_linear_args *a = call->args;
  const scratch *w = k->w;
  float *z = w->sums + item * 2 * call->d_fp, *k_f = w->k_f + slot * MAP_ROWS * call->d_fp, *q_f = w->q_f + slot * MAP_ROWS * call->d_fp;
  size_t start = item * w->chunk, end = smaller(start + w->chunk, k->tokens);
  if (item == 0) memcpy(z, w->state.z, call->d_fp * sizeof *z);
  else zero_floats(z, call->d_fp);
  for (size_t first = start; first < end; first += MAP_ROWS) {
    size_t rows = smaller(MAP_ROWS, end - first), keys = first < k->seen ? smaller(rows, k->seen - first) : 0;
    map_apply(call, array_at(a->k, k->b, k->kv_head, k->t + first), a->k.row, keys, k_f);
    zero_floats(k_f + keys * call->d_fp, (rows - keys) * call->d_fp);
    map_apply(call, array_at(a->q, k->b, k->q_head, k->t + first), a->q.row, rows, q_f);
    for (size_t u = 0; u < rows; u++)
      w->factors[first + u] = pack_token(w->pairs + 2 * (first + u) * call->d_fp, z, k_f + u * call->d_fp, q_f + u * call->d_fp, call->d_fp);
    if (w->in_place) continue;
    copy_rows(w->v + first * w->d_vp, w->d_vp, array_at(a->v, k->b, k->kv_head, k->t + first), a->v.row, keys, call->d_v);
    zero_floats(w->v + (first + keys) * w->d_vp, (rows - keys) * w->d_vp);
  }
}

/* From φ(q)·z within the chunk to what multiplies the output, after scan_sums. */
static void finish_chunk(void *context, size_t slot, size_t item) {
  const block *k = context;
  const linear_call *call = k->call;
  const scratch *w = k->w;
  (void)slot;
  for (size_t u = item * w->chunk; u < smaller((item + 1) * w->chunk, k->tokens); u++) {
    float before = item > 0 && call->args->normalize ? dot(w->pairs + 2 * u * call->d_fp, w->sums + item * 2 * call->d_fp, 2 * call->d_fp) : 0.0f;
    w->factors[u] = output_factor(call, w->factors[u] + before);
  }
}

/* Turns the sum of each chunk but the first into what came before it; the last total becomes z. */
static void scan_sums(const linear_call *call, const scratch *w, size_t chunks) {
  float *z = w->state.z;
  memcpy(z, w->sums, call->d_fp * sizeof *z);
  for (size_t i = 1; i < chunks; i++) {
    float *sum = w->sums + i * 2 * call->d_fp;
    /* From the end, because pairs overwrite the sums that lie before them. */
    for (size_t c = call->d_fp; c > 0; c -= 4) {
      v4 before = v4_load(z + c - 4), here = v4_load(sum + c - 4);
      v4_store(z + c - 4, v4_add(before, here));
      interleave_four(sum + 2 * (c - 4), v4_splat(0.0f), before);
    }
  }
}

static inline void run_strip(const block *k, size_t column, const int vectors) {
  const scratch *w = k->w;
  size_t d_f = k->call->d_f, d_fp = k->call->d_fp;
  for (size_t u = 0; u < k->tokens; u++)
    recur(w->state.s + column * d_fp, STRIP, d_f, w->pairs + 2 * u * d_fp, k->v + u * k->v_stride + column, w->factors[u],
          k->out + u * k->out_stride + column, vectors, 1);
}

static void strip(void *context, size_t slot, size_t item) {
  const block *k = context;
  size_t column = item * STRIP;
  (void)slot;
  switch (smaller(k->w->d_vp - column, STRIP) / 4) {
    case 4: run_strip(k, column, 4); break;
    case 3: run_strip(k, column, 3); break;
    case 2: run_strip(k, column, 2); break;
    case 1: run_strip(k, column, 1); break;
  }
}

static void sequence(const linear_call *call, const scratch *w, size_t b, size_t kv_head, size_t q_head) {
  const la_linear_args *a = call->args;
  size_t keys = keys_in(a->key_lengths, b, call->n_k);
  for (size_t t = 0; t < call->n_q; t += w->block) {
    size_t tokens = smaller(w->block, call->n_q - t), seen = t < keys ? smaller(tokens, keys - t) : 0;
    size_t chunks = (tokens + w->chunk - 1) / w->chunk;
    float *out = array_at(a->out, b, q_head, t);
    block k = {call, w, b, kv_head, q_head, t, tokens, seen, w->v, w->out, w->d_vp, w->d_vp};
    if (w->in_place) {
      k.v = array_at(a->v, b, kv_head, t);
      k.out = out;
      k.v_stride = a->v.row;
      k.out_stride = a->out.row;
    }
    in_parallel(call->within, chunks, prepare_chunk, &k);
    scan_sums(call, w, chunks);
    in_parallel(call->within, chunks, finish_chunk, &k);
    in_parallel(call->within, w->state.panels, strip, &k);
    for (size_t u = 0; !w->in_place && u < tokens; u++) memcpy(out + u * a->out.row, w->out + u * w->d_vp, call->d_v * sizeof(float));
  }
}

static void run_stream(const linear_call *call, float *base, size_t b, size_t kv_head) {
  scratch w;
  scratch_layout(call, &w, base);
  for (size_t g = 0; g < call->group; g++) {
    state_load(call, w.state, b, kv_head);
    sequence(call, &w, b, kv_head, kv_head * call->group + g);
  }
  state_store(call, w.state, b, kv_head);
}

int32_t linear_causal(const linear_call *call) {
  scratch w;
  if (call->n_q == 0) return LA_OK;
  return linear_each_stream(call, scratch_layout(call, &w, NULL), run_stream);
}
