/* How a call is asked for a part of its items. */
#ifndef NATIVE_SLICES_H
#define NATIVE_SLICES_H

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
