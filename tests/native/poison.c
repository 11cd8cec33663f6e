#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

typedef struct {
  const field *field;
  size_t b, h, t, c;
} element;

/* Whether two heads are of one stream: of fields with other numbers of heads, the one is a part of the other. */
static int heads_meet(element a, element b) {
  size_t of_a = a.field->size[1], of_b = b.field->size[1];
  return a.h * of_b < (b.h + 1) * of_a && b.h * of_a < (a.h + 1) * of_b;
}

/* Whether a query of the poisoned key's head and batch sees it. */
static int sees(const call *k, element poisoned, element result) {
  size_t query = result.t;
  if (k->hides) return !k->hides(result.b, result.h, query, poisoned.t);
  return !k->causal || poisoned.field->size[2] == 1 || query + (size_t)k->causal_offset >= poisoned.t;
}

/* Whether one of them is a query and the other a key that it does not see. */
static int is_out_of_sight(const call *k, element poisoned, element result) {
  if (!k->hides) return 0;
  if (poisoned.field->rows == KEY_ROWS && result.field->rows == QUERY_ROWS) return k->hides(result.b, result.h, result.t, poisoned.t);
  return poisoned.field->rows == QUERY_ROWS && result.field->rows == KEY_ROWS && k->hides(poisoned.b, poisoned.h, poisoned.t, result.t);
}

static int may_depend(const call *k, element poisoned, element result) {
  const field *p = poisoned.field;
  if (p->size[0] > 1 && poisoned.b != result.b) return 0;
  if (!heads_meet(poisoned, result)) return 0;
  if (k->reaches) {
    size_t start = k->starts ? (size_t)k->starts[result.b] : 0;
    int is_row = p->rows == KEY_ROWS || (p->rows == QUERY_ROWS && k->starts);
    int counts = !is_row || !k->key_lengths || (poisoned.t >= start && poisoned.t < start + (size_t)k->key_lengths[result.b]);
    return counts && !is_out_of_sight(k, poisoned, result) && k->reaches(k, p, poisoned.t, poisoned.c, result.field, result.t, result.c);
  }
  if (p->rows == QUERY_ROWS) return result.field->rows == QUERY_ROWS && poisoned.t == result.t;
  size_t start = k->starts ? (size_t)k->starts[result.b] : 0;
  if (k->key_lengths && (poisoned.t < start || poisoned.t >= start + (size_t)k->key_lengths[result.b])) return 0;
  return result.field->rows != QUERY_ROWS || k->looks_ahead || sees(k, poisoned, result);
}

/* A result that is 0 in every column may come of no key at all. */
static int is_zero(const float *row, size_t width) {
  for (size_t c = 0; c < width; c++)
    if (row[c] != 0.0f) return 0;
  return 1;
}

static void compare(const call *k, element poisoned, const field *f, const float *before, const float *after) {
  size_t width = f->size[3], rows = f->size[0] * f->size[1] * f->size[2];
  int is_value = strcmp(poisoned.field->name, "v") == 0;
  for (size_t r = 0; r < rows; r++, before += width, after += width) {
    element result = {f, r / f->size[2] / f->size[1], r / f->size[2] % f->size[1], r % f->size[2], 0};
    int depends = may_depend(k, poisoned, result), must = !k->reaches && depends && f->rows == QUERY_ROWS && !is_zero(before, width);
    if (must && poisoned.field->rows == KEY_ROWS && !sees(k, poisoned, result)) must = 0;
    for (size_t c = 0; c < width; c++) {
      result.c = c;
      if (k->reaches) depends = may_depend(k, poisoned, result);
      int here = k->reaches || !is_value || f->rows != QUERY_ROWS || c == poisoned.c;
      if (must && here && !isnan(after[c]))
        fail(k->name, "%s[%zu %zu %zu %zu] is not finite, and %s[%zu %zu %zu %zu] is %g", poisoned.field->name, poisoned.b, poisoned.h, poisoned.t,
             poisoned.c, f->name, result.b, result.h, result.t, c, (double)after[c]);
      if (!(depends && here) && !same_value(before[c], after[c]))
        fail(k->name, "%s[%zu %zu %zu %zu] is not finite, and %s[%zu %zu %zu %zu] is %.9g instead of %.9g", poisoned.field->name, poisoned.b,
             poisoned.h, poisoned.t, poisoned.c, f->name, result.b, result.h, result.t, c, (double)after[c], (double)before[c]);
    }
  }
}

void check_poison(call *k, input *in, outcome whole) {
  static const float poisons[] = {NAN, INFINITY, -INFINITY};
  size_t count = 0;
  field *candidates[MOST_FIELDS];
  for (size_t i = 0; i < k->count; i++)
    if (k->fields[i].may_poison && field_words(&k->fields[i]) > 0) candidates[count++] = &k->fields[i];
  if (count == 0 || whole.status != LA_OK) return;
  field *f = candidates[choose(in, (uint32_t)count)];
  element at = {f, choose(in, (uint32_t)f->size[0]), choose(in, (uint32_t)f->size[1]), choose(in, (uint32_t)f->size[2]), choose(in, (uint32_t)f->size[3])};
  float *value = &f->values[((at.b * f->size[1] + at.h) * f->size[2] + at.t) * f->size[3] + at.c], kept = *value;
  *value = f->kind == GATE ? NAN : CHOOSE_FROM(in, poisons);
  outcome poisoned = trial(k, (trial_options){.core = &vector_core, .layout = 1 + choose(in, 65535)});
  /* A gate that is not a number is refused, unless its token does not count. */
  int refused = f->kind == GATE && poisoned.status == LA_INVALID_GATE;
  if (poisoned.status != LA_OK && !refused) fail(k->name, "status %d where %s is not finite", poisoned.status, f->name);
  for (size_t i = 0; !refused && i < k->count; i++)
    if (k->fields[i].role != READ && k->fields[i].of_head) compare(k, at, &k->fields[i], whole.values[i], poisoned.values[i]);
  outcome_free(k, poisoned);
  *value = kept;
}
