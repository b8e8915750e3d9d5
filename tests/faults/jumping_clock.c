// A clock that somebody sets again and again, for LD_PRELOAD: the time of day jumps by up to two years, forwards and
// backwards, at every look. CLOCK_MONOTONIC, which no one can set, goes on as it does.
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const time_t two_years = 63072000;

static time_t jump(void) {
  static atomic_uint n_looks;
  const unsigned n = atomic_fetch_add(&n_looks, 1) * 2654435761u;
  return (time_t)(n % (2u * 63072000u)) - two_years;
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  const long status = syscall(SYS_clock_gettime, clock, time);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += jump();
  return (int)status;
}

time_t time(time_t* into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval* restrict into, void* restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  into->tv_sec = now.tv_sec;
  into->tv_usec = now.tv_nsec / 1000;
  return 0;
}
