/* Which keys a query sees: the spans of a call, and the window, sinks and causal mask within one. */
#ifndef LA_SPANS_H
#define LA_SPANS_H

#include "base/arguments.h"

static inline size_t span_count(const la_softmax_args *a) { return (size_t)(a->spans ? a->span_count : a->batch); }

/* Span s of the call: one of those that it gives, or the whole of batch s. */
la_softmax_span span_at(const la_softmax_args *a, size_t s);

typedef struct {
  size_t first, end;
} span_range;

/* Spans of the call that are of this batch. */
span_range spans_of(const la_softmax_args *a, size_t batch);

/* Whether window, sinks and spans are such as the header allows; sizes are valid already. */
int spans_are_valid(const la_softmax_args *a);

/* Keys first … end − 1 of a span. */
typedef struct {
  size_t first, end;
} key_range;

/* Keys that query i of the span sees, but for the sinks in front of them. */
key_range keys_of(const la_softmax_args *a, const la_softmax_span *span, size_t i);

/* How many products of a query and a key the call has, about. */
uint64_t span_products(const la_softmax_args *a);

/* Writes what queries have that are in no span: zeros, and as a part −∞ and 0. */
void clear_unspanned(const la_softmax_args *a);

#endif
