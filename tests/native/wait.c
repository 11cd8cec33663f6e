/* wasm's wait and notify on Linux: a futex. A thread sanitizer sees no order in it, and so judges the pool by its atomics. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int32_t wait_while(const int32_t *place, int32_t value, int64_t nanoseconds) {
  struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  syscall(SYS_futex, place, FUTEX_WAIT_PRIVATE, value, nanoseconds < 0 ? 0 : &limit, 0, 0);
  return 0;
}

int32_t wake_all(const int32_t *place) { return (int32_t)syscall(SYS_futex, place, FUTEX_WAKE_PRIVATE, INT32_MAX, 0, 0, 0); }
