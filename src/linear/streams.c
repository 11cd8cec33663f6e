#include "linear/streams.h"

#include "base/arguments.h"
#include "base/scratch.h"
#include "threads/parallel.h"

static void run_item(void *context, size_t slot, size_t item) {
  const linear_work *work = context;
  size_t stream = item / work->parts, heads = work->call->state_heads;
  work->run(work, slot, stream / heads, stream % heads, item % work->parts);
}

/* Between the scratch of two threads: what one reads ahead of its end must not be lines that the other writes. */
enum { APART = 4096 };

int32_t linear_each_stream(const linear_work *given) {
  linear_work work = *given;
  if (work.across > 1) work.floats = (work.floats + 15) / 16 * 16 + APART;
  work.scratch = alloc_floats(work.across * work.floats);
  if (!work.scratch) return LA_OUT_OF_MEMORY;
  const la_linear_args *a = work.call->args;
  size_t streams = items_asked(a->first, a->count, work.call->batch * work.call->state_heads), first = a->count ? a->first : 0;
  int32_t status = in_parallel(work.across, first * work.parts, streams * work.parts, run_item, &work);
  la_free(work.scratch);
  return status;
}
