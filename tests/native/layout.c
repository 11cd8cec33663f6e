#include "layout.h"

#include <stdlib.h>
#include <string.h>

/* Axes in order of their strides: [batch, head, row] as in 'bhtd', or any other, as in 'bthd'. */
static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {2, 0, 1}, {1, 2, 0}, {2, 1, 0}};

static void choose_strides(const field *f, placed *p, uint64_t *seed) {
  int varied = *seed != 0 && f->kind != PLAIN;
  const int *order = orders[varied ? random_bits(seed) % 6 : 0];
  size_t step = f->size[3];
  int shares = f->kind == GATE || f->kind == SUM;
  p->stride[3] = f->size[3] == 1 && f->kind == GATE ? 0 : 1;
  for (int i = 2; i >= 0; i--) {
    int axis = order[i];
    if (varied && random_bits(seed) % 4 == 0) step += random_bits(seed) % 20;
    /* Rows that compete for the same cache sets are copied by some kernels. */
    if (varied && axis == 2 && random_bits(seed) % 16 == 0) step = (step + 255) / 256 * 256;
    p->stride[axis] = f->size[axis] == 1 && shares ? 0 : step;
    step *= f->size[axis];
  }
}

/* Calls `body` with every element's index and its place in the block. */
#define EACH_ELEMENT(f, p, index, word)                                                                                       \
  for (size_t b_ = 0, index = 0; b_ < (f)->size[0]; b_++)                                                                     \
    for (size_t h_ = 0; h_ < (f)->size[1]; h_++)                                                                              \
      for (size_t t_ = 0; t_ < (f)->size[2]; t_++)                                                                            \
        for (uint32_t *word = (p)->data + b_ * (p)->stride[0] + h_ * (p)->stride[1] + t_ * (p)->stride[2],                    \
                      *end_ = word + (f)->size[3];                                                                            \
             word < end_; word++, index++)

static void point(const field *f, const placed *p) {
  float *data = (float *)p->data;
  if (f->kind == ARRAY || f->kind == SUM) {
    *(la_array *)f->place = (la_array){data, (uint32_t)p->stride[0], (uint32_t)p->stride[1], (uint32_t)p->stride[2]};
  } else if (f->kind == GATE) {
    *(la_gate *)f->place = (la_gate){data, (uint32_t)f->size[1], (uint32_t)p->stride[0], (uint32_t)p->stride[1], (uint32_t)p->stride[2], (uint32_t)p->stride[3]};
  } else {
    *(float **)f->place = data;
  }
}

placed place_field(const field *f, uint64_t *seed) {
  placed p = {0};
  choose_strides(f, &p, seed);
  size_t offset = *seed && random_bits(seed) % 2 ? random_bits(seed) % 16 / f->align * f->align : 0;
  p.words = offset;
  if (field_words(f) > 0) {
    for (int axis = 0; axis < 3; axis++) p.words += (f->size[axis] - 1) * p.stride[axis];
    p.words += f->size[3];
  }
  p.block = malloc(p.words * sizeof *p.block);
  p.data = p.block + offset;
  if (!NATIVE_MSAN)
    for (size_t i = 0; i < p.words; i++) p.block[i] = UNWRITTEN;
  if (f->role != WRITTEN) EACH_ELEMENT(f, &p, i, word) memcpy(word, &f->values[i], sizeof *word);
  point(f, &p);
  return p;
}

void take_field(const call *k, const field *f, placed *p, int done, float *values) {
  EACH_ELEMENT(f, p, i, word) {
#if NATIVE_MSAN
    if (done) __msan_check_mem_is_initialized(word, sizeof *word);
#else
    if (done && f->role == WRITTEN && *word == UNWRITTEN) fail(k->name, "%s[%zu] was not written", f->name, i);
#endif
    if (NATIVE_MSAN && !done && f->role == WRITTEN) values[i] = 0.0f;
    else memcpy(&values[i], word, sizeof *word);
    *word = UNWRITTEN;
  }
  for (size_t i = 0; !NATIVE_MSAN && i < p->words; i++)
    if (p->block[i] != UNWRITTEN) fail(k->name, "word %zu of %zu of the block of %s is not an element of it, and was written", i, p->words, f->name);
  free(p->block);
}
