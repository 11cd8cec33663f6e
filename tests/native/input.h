/* Choices read from a fuzzer's bytes: where they run out every choice is the first, and so the smallest. */
#ifndef NATIVE_INPUT_H
#define NATIVE_INPUT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const uint8_t *bytes;
  size_t left;
} input;

/* 0 … count − 1. */
static inline uint32_t choose(input *in, uint32_t count) {
  uint32_t number = 0;
  for (uint32_t reach = 1; reach < count && in->left > 0; reach = reach << 8) {
    number = number << 8 | *in->bytes++;
    in->left--;
    if (reach > UINT32_MAX >> 8) break;
  }
  return count > 0 ? number % count : 0;
}

/* Once in so many. */
static inline int rarely(input *in, uint32_t times) { return choose(in, times) == times - 1; }

#define CHOOSE_FROM(in, list) ((list)[choose(in, sizeof(list) / sizeof *(list))])

/* Numbers without end from a seed: what fills arrays (splitmix64). */
static inline uint32_t random_bits(uint64_t *seed) {
  uint64_t z = *seed += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* Uniform in [−1, 1). */
static inline float random_signed(uint64_t *seed) { return (float)(int32_t)random_bits(seed) * 0x1p-31f; }

#endif
