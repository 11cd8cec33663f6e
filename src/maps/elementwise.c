/* Feature maps that take each element by itself. */
#include "base/exp.h"
#include "base/span.h"
#include "maps/feature_map.h"

/* max(x, 0) + exp(min(x, 0)) is x + 1 or exp(x); elu(x) + 1 would lose all digits of exp(x) below −10. */
static inline v4 elu(v4 x) { return v4_add(relu(x), v4_exp(v4_min(x, v4_splat(0.0f)))); }

static inline v4 identity(v4 x) { return x; }

static inline void map_each(const la_feature_map *map, map_rows m, v4 (*f)(v4)) {
  for (size_t r = 0; r < m.rows; r++) span_map(m.out + r * m.out_stride, m.x + r * m.x_stride, (size_t)map->dim, f);
}

void apply_elu(const la_feature_map *map, map_rows rows) { map_each(map, rows, elu); }
void apply_relu(const la_feature_map *map, map_rows rows) { map_each(map, rows, relu); }
void apply_identity(const la_feature_map *map, map_rows rows) { map_each(map, rows, identity); }
