/* Streams: a state head of one batch with its heads of the result. They are independent of one another, and threads take them one
 * after the other, or in parts. */
#ifndef LA_STREAMS_H
#define LA_STREAMS_H

#include "linear/call.h"

/* What every stream is put through: `run`, once for each of its parts, on `across` threads with scratch of `floats` each. */
typedef struct linear_work linear_work;
struct linear_work {
  const linear_call *call;
  void (*run)(const linear_work *work, size_t slot, size_t batch, size_t state_head, size_t part);
  uint64_t floats;
  float *scratch; /* [across][floats] */
  size_t across, parts;
  void *shared; /* what the parts of a stream tell one another, of the form that has several */
};

/* LA_OK, LA_THREAD_FAILED, or LA_OUT_OF_MEMORY, and then nothing is written. */
int32_t linear_each_stream(const linear_work *work);

#endif
