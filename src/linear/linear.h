/* What the forms of linear attention share: sizes worked out once, the state in panels, features in rows. */
#ifndef LA_LINEAR_H
#define LA_LINEAR_H

#include "maps/feature_map.h"
#include "threads/parallel.h"
#include "base/rows.h"

enum {
  PANEL = 8,           /* columns of S that lie together */
  SHORT_STRIDE = 272,  /* floats between rows of up to LA_MAX_DIM features: a constant, so that loops address them by offsets;
                          17 cache lines, so that rows do not compete for the same cache sets */
};

typedef struct {
  const la_linear_args *args;
  const map_entry *map;
  size_t batch, heads, kv_heads, group; /* group: query heads per key head */
  size_t n_q, n_k, d, d_v;
  size_t d_f, d_fp;  /* features, and rounded up to whole vectors */
  size_t features, first; /* of the map, and where these d_f begin: 0 but for threads that share a stream by features */
  size_t stride;     /* floats from one row of features to the next: SHORT_STRIDE where they fit */
  int gated, delta;
  size_t slots;      /* threads that share the call */
  int whole;         /* they take whole streams, a key head of one batch with its query heads: that keeps them busy */
} linear_call;

/* The three forms of the same numbers. LA_OK or LA_OUT_OF_MEMORY, and then nothing is written. */
int32_t linear_full(const linear_call *call);
int32_t linear_causal(const linear_call *call);
int32_t linear_step(const linear_call *call);

/* What every stream is put through: `run`, once for each of its parts, on `across` threads with scratch of `floats` each. */
typedef struct partial_place partial_place;
typedef struct linear_work linear_work;
struct linear_work {
  const linear_call *call;
  void (*run)(const linear_work *work, size_t slot, size_t batch, size_t kv_head, size_t part);
  uint64_t floats;
  float *scratch; /* [across][floats] */
  size_t across, parts;
  partial_place *places; /* [batch·kv_heads][parts], of causal.c alone */
};

int32_t linear_each_stream(const linear_work *work);

/* One head's state: S in panels [panels][d_fp][width], z [d_fp], padding 0, both to be multiplied by exp(exponent),
 * which is −∞ while nothing was seen; 0 for maps that are not scaled. S is a copy, or the caller's own (one panel). */
typedef struct {
  float *s, *z;
  size_t width, panels;
  float exponent;
  float lowered; /* by how much the exponent fell at the first of the tokens mapped last, whose decay makes up for it */
} panel_state;

void state_load(const linear_call *call, panel_state *p, size_t batch, size_t kv_head);
/* Of S panels first … end − 1 alone, the others 0: another thread may be storing them. */
void state_load_panels(const linear_call *call, panel_state *p, size_t batch, size_t kv_head, size_t first, size_t end);
void state_store(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head);
/* The two parts of it: panels first … end − 1 of S, and z with the exponent. */
void state_store_panels(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head, size_t first, size_t end);
void state_store_sum(const linear_call *call, const panel_state *p, size_t batch, size_t kv_head);

static inline float *state_of(const linear_call *call, size_t batch, size_t kv_head) {
  return call->args->state ? call->args->state + (batch * call->kv_heads + kv_head) * call->features * call->d_v + call->first * call->d_v : NULL;
}

static inline float *key_sum_of(const linear_call *call, size_t batch, size_t kv_head) {
  return call->args->key_sum ? call->args->key_sum + (batch * call->kv_heads + kv_head) * call->features + call->first : NULL;
}

/* A token's decay or beta: one number, or one a feature. */
static inline const float *gate_row(la_gate gate, size_t batch, size_t kv_head, size_t t) {
  return gate.data + batch * gate.batch + kv_head * gate.head + t * gate.row;
}

static inline float *exponent_of(const linear_call *call, size_t batch, size_t kv_head) {
  return call->args->exponents ? call->args->exponents + batch * call->kv_heads + kv_head : NULL;
}

/* Rows of features, `stride` floats apart, their padding up to d_fp 0. */
typedef struct {
  float *rows;
  size_t stride;
  float *exponents; /* [rows]; of scaled maps only */
} feature_rows;

/* φ of `count` tokens from t. Keys of scaled maps are brought to the head's exponent, which may have to grow: then S
 * and z are rescaled; or to fall. Returns how many tokens are ready: fewer than count where a later key asks for that. */
size_t map_keys(const linear_call *call, feature_rows f, panel_state *p, size_t batch, size_t kv_head, size_t t, size_t count);
/* After the keys that these queries see. */
void map_queries(const linear_call *call, feature_rows f, const panel_state *p, size_t batch, size_t q_head, size_t t, size_t count);

/* What Sᵀφ(k), both as they are kept, is multiplied by twice to be that of the plain ones. */
float recall_factor(const linear_call *call, const panel_state *p);

/* For maps whose epsilon is relative to the largest exponent of all keys of the call: takes it on before the first. */
void settle_exponent(const linear_call *call, feature_rows f, size_t block, panel_state *p, size_t batch, size_t kv_head);

/* What multiplies Sᵀφ(q), given φ(q)·z as the state has it; 0 where nothing was seen, or all of it underflowed, and eps is 0. */
float output_factor(const linear_call *call, float q_dot_z, const panel_state *p, float query_exponent);

#endif
