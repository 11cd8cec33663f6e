/* The pool: threads that sleep in one shared memory until a call has work to split.
 *
 * A job is open while its items are handed out. A worker first counts itself in, then looks whether the job is open;
 * the caller first closes the job, then waits until nobody is counted in: whatever the order, no worker touches a job
 * that is over, and a worker that comes late or not at all is not waited for, but by items that depend on one another. */
#include "threads/parallel.h"

#ifdef __wasm_atomics__

enum {
  SPINS = 4000, /* about 10 µs awake after a job: calls of several steps need no second wake-up */
  PATIENCE = 50000, /* looks at how far another thread is before a nap: it is behind by microseconds, unless it lost its core */
  NAP = 50000,  /* ns; to be woken would cost the other more than this loses */
};

static struct {
  int32_t threads;  /* the caller's included */
  int32_t alive;    /* those of them that have not been lost */
  int32_t may_wait; /* 0 on a page's main thread, which must not sleep */
  uint32_t worth;   /* multiply-adds from which a call is split */
  int32_t generation, open, inside, failed, quit;
  uint32_t next;
  size_t first, count;
  parallel_body body;
  void *call;
} pool = {.threads = 1, .alive = 1};

static int32_t load(const int32_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static void store(int32_t *p, int32_t value) { __atomic_store_n(p, value, __ATOMIC_SEQ_CST); }
static void add(int32_t *p, int32_t n) { __atomic_fetch_add(p, n, __ATOMIC_SEQ_CST); }
static void wake(int32_t *p) { __builtin_wasm_memory_atomic_notify(p, UINT32_MAX); }

/* Returns once *p differs from `value`, or for no reason; looks a while before it sleeps. */
static void await_change(int32_t *p, int32_t value, int32_t may_wait) {
  for (int spins = 0; spins < SPINS; spins++)
    if (load(p) != value) return;
  if (may_wait) __builtin_wasm_memory_atomic_wait32(p, value, -1);
}

void set_count(int32_t *counter, int32_t count) { store(counter, count); }

int await_count(const int32_t *counter, int32_t least, size_t slot) {
  int32_t count;
  for (int spins = 0; (count = load(counter)) < least; spins++) {
    if (load(&pool.failed)) return 0;
    if (spins > PATIENCE && (slot > 0 || pool.may_wait)) __builtin_wasm_memory_atomic_wait32((int32_t *)counter, count, NAP);
  }
  return 1;
}

static void take_items(size_t slot) {
  for (;;) {
    uint32_t item = __atomic_fetch_add(&pool.next, 1, __ATOMIC_SEQ_CST);
    if (item >= pool.count || load(&pool.failed)) return;
    pool.body(pool.call, slot, pool.first + item);
  }
}

static void leave(void) {
  add(&pool.inside, -1);
  wake(&pool.inside);
}

size_t parallel_slots(uint64_t multiply_adds) { return multiply_adds < pool.worth ? 1 : (size_t)pool.threads; }

size_t parallel_crew(size_t slots) { return slots < (size_t)pool.alive ? slots : (size_t)pool.alive; }

int32_t in_parallel(size_t slots, size_t first, size_t count, parallel_body body, void *call) {
  if (load(&pool.failed)) return LA_THREAD_FAILED;
  if (slots == 1 || count <= 1) {
    for (size_t item = 0; item < count; item++) body(call, 0, first + item);
    return load(&pool.failed) ? LA_THREAD_FAILED : LA_OK;
  }
  pool.body = body;
  pool.call = call;
  pool.first = first;
  pool.count = count;
  pool.next = 0;
  store(&pool.open, 1);
  add(&pool.generation, 1);
  wake(&pool.generation);
  take_items(0);
  store(&pool.open, 0);
  for (int32_t inside = load(&pool.inside); inside > 0; inside = load(&pool.inside)) await_change(&pool.inside, inside, pool.may_wait);
  return load(&pool.failed) ? LA_THREAD_FAILED : LA_OK;
}

void LA_API(la_threads_set)(int32_t threads, int32_t may_wait, uint32_t worth) {
  pool.threads = pool.alive = threads;
  pool.may_wait = may_wait;
  pool.worth = worth;
}

void LA_API(la_threads_alive)(int32_t threads) { pool.alive = threads; }

void LA_API(la_thread_run)(int32_t slot) {
  while (!load(&pool.quit)) {
    int32_t generation = load(&pool.generation);
    add(&pool.inside, 1);
    if (load(&pool.open)) take_items((size_t)slot);
    leave();
    await_change(&pool.generation, generation, 1);
  }
}

void LA_API(la_thread_fail)(void) {
  store(&pool.failed, 1);
  leave();
}

void LA_API(la_threads_quit)(void) {
  store(&pool.quit, 1);
  add(&pool.generation, 1);
  wake(&pool.generation);
}

#endif
