/* Sizes and numbers that the targets share. */
#ifndef NATIVE_CHOICES_H
#define NATIVE_CHOICES_H

#include "../call.h"

/* Lengths of sequences around the sizes of the kernels' blocks, and sizes of rows, `most` at most. */
int32_t choose_length(input *in);
int32_t choose_width(input *in, int32_t most);

/* Numbers of one magnitude; a few of them zeros, large or tiny, now and then. */
void choose_values(input *in, float *values, size_t count);

/* Gates: numbers from low to high. */
void choose_between(input *in, float *values, size_t count, float low, float high);

/* Batch, heads, rows, and numbers a row. */
typedef struct {
  size_t batch, heads, rows, width;
} row_size;

/* Rows that the call reads, among its fields: from −1 to 1 where `calm`, and any values otherwise. */
void add_input_rows(input *in, call *k, const char *name, la_array *place, row_size size, int calm);

/* Any valid map from vectors of `dim`, of at most `most` features, with its weights among the call's fields. */
void choose_map(input *in, call *k, la_feature_map *map, int32_t dim, int32_t most);

/* The same of one kind. */
void choose_map_of(input *in, call *k, la_feature_map *map, int32_t kind, int32_t dim, int32_t most);

/* Its weights alone, for the functions that pack them: [heads] of them. 0 where the map has none. */
size_t weight_columns(const la_feature_map *map);

#endif
