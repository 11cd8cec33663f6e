/* The pool: threads that sleep in one shared memory until a call has work to split.
 *
 * A job is open while its items are handed out. A worker first counts itself in, then looks whether the job is open;
 * the caller first closes the job, then waits until nobody is counted in: whatever the order, no worker touches a job
 * that is over, and a worker that comes late or not at all is not waited for.
 *
 * Items that wait for one another need as many threads as there are of them. They are dealt among those that have
 * answered a roll call of that very call: not to one that was lost before, though nobody has said so yet.
 *
 * A thread may also be lost inside a job, without a word: the caller cannot hear of it, since it is in the call. So no
 * wait is endless. Bodies give a sign of life with every block, some milliseconds of work; a thread that waits gives
 * none. Who waits and sees no sign of anybody for LOST gives the call up for all. While any thread works, signs go on,
 * and work ends; when all that are left wait, the signs stop, and LOST later so do the waits. Time is counted by the
 * waits themselves and not by a clock, which runs on while the whole process is suspended. */
#include "threads/parallel.h"

#ifdef __wasm_atomics__

enum {
  SPINS = 4000,     /* about 10 µs awake after a job: calls of several steps need no second wake-up */
  PATIENCE = 50000, /* looks at how far another thread is before a nap: it is behind by microseconds, unless it lost its core */
  NAP = 50000,      /* ns; to be woken would cost the other more than this loses */
  LONG_NAP = 1000000,
};

/* In ns of naps; a look, where no nap is allowed, counts as one and takes one to four. */
#define ROLL_CALL 2000000000u /* a worker on a busy machine wakes up within a fraction of it */
#define LOST 10000000000u     /* a block takes a thousandth of it, and on a slow machine a tenth */

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

/* What is to be known of each thread: a cache line each. */
static struct {
  int32_t seen;  /* the last generation that it has counted itself in for */
  int32_t signs; /* of life */
  int32_t lost;  /* it has not answered a roll call, and is not waited for until it does; of the caller alone */
  char rest[64 - 3 * sizeof(int32_t)];
} members[LA_MAX_THREADS];

static int32_t load(const int32_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static void store(int32_t *p, int32_t value) { __atomic_store_n(p, value, __ATOMIC_SEQ_CST); }
static int32_t add(int32_t *p, int32_t n) { return __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST); }
static void wake(int32_t *p) { __builtin_wasm_memory_atomic_notify(p, UINT32_MAX); }

/* How long a thread has waited, and the signs of life it saw last. */
typedef struct {
  uint64_t looks, slept, since;
  uint32_t signs;
} vigil;

/* Lets a moment pass, but not once *p differs from `value`: a look, or after many of them a nap. */
static void pass_moment(vigil *v, int32_t *p, int32_t value, int32_t may_wait) {
  if (++v->looks <= PATIENCE || !may_wait) return;
  int64_t nap = v->slept < 100 * NAP ? NAP : LONG_NAP;
  if (__builtin_wasm_memory_atomic_wait32(p, value, nap) == 2) v->slept += (uint64_t)nap;
}

static uint64_t time_of(const vigil *v) { return v->looks + v->slept; }

/* Whether nobody has given a sign of life for LOST; looked at now and then. */
static int is_hopeless(vigil *v) {
  if (v->slept == 0 && v->looks % PATIENCE != 0) return 0;
  uint32_t signs = 0;
  for (int32_t slot = 0; slot < pool.threads; slot++) signs += (uint32_t)load(&members[slot].signs);
  if (signs != v->signs) {
    v->signs = signs;
    v->since = time_of(v);
  }
  return time_of(v) - v->since > LOST;
}

void show_life(size_t slot) { add(&members[slot].signs, 1); }

void set_count(int32_t *counter, int32_t count) { store(counter, count); }

int await_count(const int32_t *counter, int32_t least, size_t slot) {
  vigil v = {0, 0, 0, 0};
  for (int32_t count; (count = load(counter)) < least;) {
    if (load(&pool.failed)) return 0;
    if (is_hopeless(&v)) store(&pool.failed, 1);
    pass_moment(&v, (int32_t *)counter, count, slot > 0 || pool.may_wait);
  }
  return 1;
}

/* Until nobody is counted in, or a thread has failed. */
static void await_all_out(void) {
  vigil v = {0, 0, 0, 0};
  for (int32_t inside; (inside = load(&pool.inside)) > 0 && !load(&pool.failed);) {
    if (is_hopeless(&v)) store(&pool.failed, 1);
    pass_moment(&v, &pool.inside, inside, pool.may_wait);
  }
}

static void take_items(size_t slot) {
  for (;;) {
    uint32_t item = __atomic_fetch_add(&pool.next, 1, __ATOMIC_SEQ_CST);
    if (item >= pool.count || load(&pool.failed)) return;
    show_life(slot);
    pool.body(pool.call, slot, pool.first + item);
  }
}

static void leave(void) {
  add(&pool.inside, -1);
  wake(&pool.inside);
}

size_t parallel_slots(uint64_t multiply_adds) { return multiply_adds < pool.worth ? 1 : (size_t)pool.threads; }

/* A roll call: everybody is woken up and counted. */
size_t parallel_crew(size_t slots) {
  if (slots == 1) return 1;
  int32_t generation = add(&pool.generation, 1);
  wake(&pool.generation);
  for (vigil v = {0, 0, 0, 0};;) {
    int32_t here = 1, absent = 0, seen = 0;
    for (int32_t slot = 1; slot < pool.threads; slot++) {
      int32_t last = load(&members[slot].seen);
      if (last == generation) {
        here++;
        members[slot].lost = 0;
      } else if (!members[slot].lost) {
        absent = slot;
        seen = last;
      }
    }
    if (absent == 0 || here >= pool.alive || load(&pool.failed)) return (size_t)here;
    if (time_of(&v) < ROLL_CALL) pass_moment(&v, &members[absent].seen, seen, pool.may_wait);
    else members[absent].lost = 1;
  }
}

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
  await_all_out();
  return load(&pool.failed) ? LA_THREAD_FAILED : LA_OK;
}

void LA_API(la_threads_set)(int32_t threads, int32_t may_wait, uint32_t worth) {
  pool.threads = pool.alive = threads < LA_MAX_THREADS ? threads : LA_MAX_THREADS;
  pool.may_wait = may_wait;
  pool.worth = worth;
}

void LA_API(la_threads_alive)(int32_t threads) { pool.alive = threads; }

/* A function of its own: stored within the loop below, the number never reached memory under Node 20. */
static __attribute__((noinline)) void show_up(int32_t slot, int32_t generation) { store(&members[slot].seen, generation); }

/* Sleeps once the generation has not been another for a while; wakes up for the next, or for no reason. */
static void await_generation(int32_t generation) {
  for (int spins = 0; spins < SPINS; spins++)
    if (load(&pool.generation) != generation) return;
  __builtin_wasm_memory_atomic_wait32(&pool.generation, generation, -1);
}

void LA_API(la_thread_run)(int32_t slot) {
  if (slot < 1 || slot >= LA_MAX_THREADS) return;
  while (!load(&pool.quit)) {
    int32_t generation = load(&pool.generation);
    add(&pool.inside, 1);
    show_up(slot, generation);
    if (load(&pool.open)) take_items((size_t)slot);
    leave();
    await_generation(generation);
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
