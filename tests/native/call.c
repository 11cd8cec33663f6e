#include "call.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

void fail(const char *name, const char *format, ...) {
  va_list words;
  va_start(words, format);
  fprintf(stderr, "FAILED %s: ", name);
  vfprintf(stderr, format, words);
  fprintf(stderr, "\n");
  va_end(words);
  abort();
}

size_t field_words(const field *f) { return f->size[0] * f->size[1] * f->size[2] * f->size[3]; }

float *add_field(call *k, field f) {
  if (k->count == MOST_FIELDS) fail(k->name, "too many fields");
  if (f.align == 0) f.align = 1;
  f.values = calloc(field_words(&f) + 1, sizeof *f.values);
  k->fields[k->count++] = f;
  return f.values;
}

void call_free(call *k) {
  for (size_t i = 0; i < k->count; i++) free(k->fields[i].values);
  k->count = 0;
}

void outcome_free(const call *k, outcome o) {
  for (size_t i = 0; i < k->count; i++) free(o.values[i]);
}

int same_value(float a, float b) { return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0; }

void same_outcome(const call *k, outcome a, outcome b, const char *what) {
  if (a.status != b.status) fail(k->name, "%s: status %d, then %d", what, a.status, b.status);
  for (size_t i = 0; i < k->count; i++)
    for (size_t j = 0; j < field_words(&k->fields[i]); j++)
      if (k->fields[i].role != READ && !same_value(a.values[i][j], b.values[i][j]))
        fail(k->name, "%s: %s[%zu] is %.9g, then %.9g", what, k->fields[i].name, j, (double)a.values[i][j], (double)b.values[i][j]);
}

static int32_t run_slices(const core *c, const call *k, uint64_t seed) {
  int32_t status = LA_OK;
  uint32_t items = k->items(c, k);
  if (items < 2) return k->run(c, k);
  for (uint32_t first = 0, count; first < items && status == LA_OK; first += count) {
    count = random_bits(&seed) % 3 == 0 ? 1 : 1 + random_bits(&seed) % (items - first);
    k->window(c, k, first, count);
    status = k->run(c, k);
  }
  k->window(c, k, 0, 0);
  return status;
}

outcome trial(const call *k, trial_options o) {
  placed places[MOST_FIELDS];
  outcome result = {0};
  char kept[1024];
  if (k->args_size > sizeof kept) fail(k->name, "arguments of %zu bytes", k->args_size);
  memcpy(kept, k->args, k->args_size);
  uint64_t layout = o.layout;
  for (size_t i = 0; i < k->count; i++) places[i] = place_field(&k->fields[i], &layout);
  if (o.spoiled) k->spoil(k, o.spoiled - 1);
  size_t used = o.core->la_memory_used();
  heap_prepare(o.fill, o.may_fail ? o.failing : -1);
  result.status = o.slices && k->items ? run_slices(o.core, k, o.slices) : k->run(o.core, k);
  result.allocations = heap_allocations();
  heap_prepare(FILL_NAN, -1);
  memcpy(k->args, kept, k->args_size);
  if (o.core->la_memory_used() != used) fail(k->name, "%zu bytes in use before, %zu after", used, o.core->la_memory_used());
  for (size_t i = 0; i < k->count; i++) {
    const field *f = &k->fields[i];
    result.values[i] = malloc((field_words(f) + 1) * sizeof(float));
    take_field(k, f, &places[i], result.status == LA_OK, result.values[i]);
    if (f->role == READ && memcmp(f->values, result.values[i], field_words(f) * sizeof(float)) != 0) fail(k->name, "%s was written", f->name);
  }
  return result;
}

/* A call that did not return LA_OK has changed nothing. The pattern of what was to be written is checked through its bits. */
static void nothing_changed(const call *k, outcome o, const char *what) {
  const uint32_t pattern = UNWRITTEN;
  for (size_t i = 0; i < k->count; i++) {
    const field *f = &k->fields[i];
    if (f->role == READ || (NATIVE_MSAN && f->role == WRITTEN)) continue;
    for (size_t j = 0; j < field_words(f); j++)
      if (memcmp(&o.values[i][j], f->role == WRITTEN ? (const void *)&pattern : &f->values[j], sizeof(float)) != 0)
        fail(k->name, "%s: status %d, and yet %s[%zu] was written", what, o.status, f->name, j);
  }
}

static void close_outcome(const call *k, outcome a, outcome b, const char *what) {
  if (a.status != b.status) fail(k->name, "%s: status %d, then %d", what, a.status, b.status);
  for (size_t i = 0; i < k->count; i++) {
    double most = 0.0;
    if (k->fields[i].role == READ) continue;
    for (size_t j = 0; j < field_words(&k->fields[i]); j++)
      if (isfinite(a.values[i][j])) most = fmax(most, fabs((double)a.values[i][j]));
    for (size_t j = 0; j < field_words(&k->fields[i]); j++)
      if (!same_value(a.values[i][j], b.values[i][j]) && !(fabs((double)a.values[i][j] - b.values[i][j]) <= k->tolerance * most))
        fail(k->name, "%s: %s[%zu] is %.9g, then %.9g", what, k->fields[i].name, j, (double)a.values[i][j], (double)b.values[i][j]);
  }
}

static void check_threads(const call *k, input *in, outcome whole) {
  if (!k->pooled || !pooled_core.library) return;
  outcome first = trial(k, (trial_options){.core = &pooled_core, .layout = 1 + choose(in, 65535)});
  outcome again = trial(k, (trial_options){.core = &pooled_core, .layout = 1 + choose(in, 65535)});
  same_outcome(k, first, again, "threads, once more");
  if (k->tolerance > 0.0 && whole.status == LA_OK) close_outcome(k, whole, first, "one thread and several");
  else if (k->tolerance == 0.0) same_outcome(k, whole, first, "one thread and several");
  outcome_free(k, first);
  outcome_free(k, again);
}

outcome check_call(const call *k, input *in) {
  uint64_t layout = 1 + choose(in, 65535), slices = 1 + choose(in, 65535);
  outcome whole = trial(k, (trial_options){.core = &scalar_core, .layout = layout});
  if (whole.status != LA_OK) nothing_changed(k, whole, "refused");
  struct {
    const char *what;
    trial_options options;
  } others[] = {
      {"plain C and vectors", {.core = &vector_core, .layout = layout}},
      {"scratch of NaN and of zeros, elsewhere in memory", {.core = &vector_core, .fill = FILL_ZERO, .layout = 1 + choose(in, 65535)}},
      {"whole and in slices", {.core = &vector_core, .layout = layout, .slices = slices}},
  };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    outcome other = trial(k, others[i].options);
    same_outcome(k, whole, other, others[i].what);
    outcome_free(k, other);
  }
  if (whole.allocations > 0) {
    outcome failed = trial(k, (trial_options){.core = &vector_core, .layout = layout, .may_fail = 1, .failing = choose(in, (uint32_t)whole.allocations)});
    if (failed.status != LA_OUT_OF_MEMORY) fail(k->name, "status %d where an allocation failed", failed.status);
    nothing_changed(k, failed, "an allocation failed");
    outcome_free(k, failed);
  }
  enum { SPOILT = 6 }; /* of the ways, one after the other: few inputs come upon each of them */
  uint32_t first = k->spoil ? choose(in, k->ways) : 0;
  for (uint32_t i = 0; k->spoil && i < SPOILT && i < k->ways; i++) {
    uint32_t how = (first + i) % k->ways;
    outcome refused = trial(k, (trial_options){.core = &vector_core, .layout = layout, .spoiled = 1 + how});
    if (refused.status != LA_INVALID_ARGUMENT) fail(k->name, "status %d for invalid arguments, number %u", refused.status, how);
    nothing_changed(k, refused, "invalid arguments");
    outcome_free(k, refused);
  }
  check_threads(k, in, whole);
  return whole;
}
