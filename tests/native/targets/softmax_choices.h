/* Calls of la_softmax, for the targets of it and of its gradient. */
#ifndef NATIVE_SOFTMAX_CHOICES_H
#define NATIVE_SOFTMAX_CHOICES_H

#include "choices.h"

/* Sizes, q, k, v and key lengths; pairs times what a pair multiplies are `most` at most. */
void choose_softmax(input *in, call *k, la_softmax_args *args, int64_t most);

/* And which keys its queries see: offset, window, sinks and spans. */
void choose_sight(input *in, call *k, la_softmax_args *args);

/* And what makes a score beside the product; after choose_sight. */
void choose_terms(input *in, call *k, la_softmax_args *args);

#endif
