/* How a call is asked for a part of its items. */
#ifndef NATIVE_SLICES_H
#define NATIVE_SLICES_H

#ifdef SLICES_BY_CALL
#define SLICED_CALL(function)                                                                                          \
  static uint32_t items(const core *c, const call *k) {                                                                \
    c->la_slice(0, 0);                                                                                                 \
    if (!is_step()) k->run(c, k);                                                                                      \
    uint32_t count = c->la_slice_items();                                                                              \
    c->la_slice(0, UINT32_MAX);                                                                                        \
    return count;                                                                                                      \
  }                                                                                                                    \
  static void window(const core *c, const call *k, uint32_t first, uint32_t count) {                                   \
    (void)k;                                                                                                           \
    c->la_slice(first, count ? count : UINT32_MAX);                                                                    \
  }
#else
#define SLICED_CALL(function)                                                                                          \
  static uint32_t items(const core *c, const call *k) {                                                                \
    (void)k;                                                                                                           \
    return c->function##_items(&args);                                                                                 \
  }                                                                                                                    \
  static void window(const core *c, const call *k, uint32_t first, uint32_t count) {                                   \
    (void)c, (void)k;                                                                                                  \
    args.first = first;                                                                                                \
    args.count = count;                                                                                                \
  }
#endif

#endif
