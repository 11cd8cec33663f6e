/* A call of the core as its arguments' values, which are then laid out in memory as often as it is tried: in blocks without
 * slack, at other alignments and strides, for one build or another. What comes out must not depend on any of that. */
#ifndef NATIVE_CALL_H
#define NATIVE_CALL_H

#include "core.h"
#include "heap.h"
#include "input.h"

typedef enum { READ, WRITTEN, UPDATED } field_role;

typedef enum {
  PLAIN, /* a pointer to elements that follow one another */
  ARRAY, /* la_array */
  SUM,   /* la_array with a stride of 0 along an axis of size 1, whose sum it is */
  GATE,  /* la_gate: size 1 along an axis that shares one number */
} field_kind;

/* What a row belongs to. */
typedef enum { NO_ROWS, QUERY_ROWS, KEY_ROWS } field_rows;

/* An array that the arguments point to. Its elements are words of 32 bits, floats most of all. */
typedef struct {
  const char *name;
  field_role role;
  field_kind kind;
  void *place;    /* the pointer, la_array or la_gate in the arguments */
  size_t size[4]; /* batch, head, row, width */
  size_t align;   /* in words */
  float *values;  /* [size]: before the call */
  field_rows rows;
  int of_head;    /* batch and head are the call's: element (b, h, …) and the results of other heads do not meet */
  int may_poison; /* numbers that are not finite are allowed, and make NaN of all that depends on them */
} field;

enum { MOST_FIELDS = 32 };

typedef struct call call;
struct call {
  const char *name;
  int32_t (*run)(const core *c, const call *k);
  uint32_t (*items)(const core *c, const call *k); /* NULL: cannot be sliced */
  void (*window)(const core *c, const call *k, uint32_t first, uint32_t count);
  void (*spoil)(const call *k, uint32_t how); /* makes the arguments invalid in one of `ways` ways */
  uint32_t ways;
  void *args; /* what the functions above work on */
  size_t args_size;
  int causal, causal_offset; /* query i sees keys 0 … i + causal_offset */
  int (*hides)(size_t batch, size_t head, size_t query, size_t key); /* or what this does not hide, where it is given */
  int looks_ahead;           /* and yet later keys may change its bits */
  const int32_t *key_lengths, *starts;
  /* Of a call that is no forward pass: whether element (row, column) of the one field may change that of the other, batch and
   * head aside; nothing has to become NaN then. */
  int (*reaches)(const call *k, const field *from, size_t row, size_t column, const field *to, size_t to_row, size_t to_column);
  int pooled;       /* threads take part: results are the same in every run */
  double tolerance; /* and those of one thread: to the bit where it is 0, relative to the largest; not where it is negative */
  field fields[MOST_FIELDS];
  size_t count;
};

/* Adds a field of zeros and returns its values. */
float *add_field(call *k, field f);
size_t field_words(const field *f);

/* What a call gave: its status, and the values of all fields after it. */
typedef struct {
  int32_t status;
  float *values[MOST_FIELDS];
  long allocations;
} outcome;

typedef struct {
  const core *core;
  heap_fill fill;
  int may_fail; /* then allocation number `failing` does */
  long failing;
  uint64_t layout;  /* seed of alignments and strides; 0: none */
  uint64_t slices;  /* seed of a split into slices; 0: whole */
  uint32_t spoiled; /* 1 + how; 0: not */
} trial_options;

outcome trial(const call *k, trial_options options);
void outcome_free(const call *k, outcome o);

/* All that holds for every call: the same bits in plain C and in vectors, wherever its arrays lie, whatever its scratch holds,
 * in slices and on threads; refusal of what is not valid, and of want of memory, changes nothing. Returns the outcome. */
outcome check_call(const call *k, input *in);

/* A number that is not finite, put into one element, changes what depends on it to NaN, and no bit of the rest. */
void check_poison(call *k, input *in, outcome whole);

void call_free(call *k);

/* The same bits, or NaN both. */
int same_value(float a, float b);
void same_outcome(const call *k, outcome a, outcome b, const char *what);

/* Says what failed, and ends. */
__attribute__((noreturn, format(printf, 2, 3))) void fail(const char *name, const char *format, ...);

#endif
