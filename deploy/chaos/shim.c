// Faults of disk and clock inside one process, by LD_PRELOAD: writes that fail or are short, syncs that fail or are
// slow, clocks that step. What is to happen is in a small file that the test shares with the process.
//
//   cc -O2 -shared -fPIC -o shim.so shim.c
//   CHAOS_CONTROL=FILE LD_PRELOAD=shim.so PROGRAM…
//
// Writes and syncs are those of regular files that the program opened itself (descriptors above 2). An injected
// failure writes nothing; an injected short write writes the first half.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// `machines.py` (Shim) writes and reads these fields by their places.
struct control {
  _Atomic int64_t realtime_step, monotonic_step; // ns, added to the clocks
  _Atomic int64_t write_error;                   // errno of a write; -1: it is short
  _Atomic int64_t sync_error;                    // errno of a sync
  _Atomic int64_t sync_delay;                    // ns, before a sync
  _Atomic int64_t skip;                          // so many writes or syncs go well before the first that fails
  _Atomic int64_t failed_writes, short_writes, failed_syncs, slow_syncs, stepped_reads;
};

static struct control quiet, *control = &quiet;
enum { DESCRIPTORS = 4096 };
static unsigned char is_monotonic_timer[DESCRIPTORS];

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("CHAOS_CONTROL");
  if (path == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *shared = fd < 0 ? MAP_FAILED
                        : mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) _exit(71); // a fault that cannot be injected must not pass for one that was survived
  close(fd);
  control = shared;
}

static int is_ours(int fd) {
  struct stat status;
  return fd > 2 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static int is_due(void) { return atomic_load(&control->skip) <= 0 || atomic_fetch_sub(&control->skip, 1) <= 0; }

// How many of `size` bytes a write is to take; -1 if it is to fail, with errno.
static ssize_t allowed(int fd, ssize_t size) {
  int64_t error = atomic_load(&control->write_error);
  if (error == 0 || !is_ours(fd) || !is_due()) return size;
  if (error > 0) {
    atomic_fetch_add(&control->failed_writes, 1);
    errno = (int)error;
    return -1;
  }
  if (size < 2) return size;
  atomic_fetch_add(&control->short_writes, 1);
  return size / 2;
}

static ssize_t total(const struct iovec *parts, int count) {
  ssize_t size = 0;
  for (int n = 0; n < count; n++) size += (ssize_t)parts[n].iov_len;
  return size;
}

ssize_t write(int fd, const void *bytes, size_t size) {
  ssize_t count = allowed(fd, (ssize_t)size);
  return count < 0 ? -1 : syscall(SYS_write, fd, bytes, (size_t)count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t place) {
  ssize_t count = allowed(fd, (ssize_t)size);
  return count < 0 ? -1 : syscall(SYS_pwrite64, fd, bytes, (size_t)count, place);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t place) { return pwrite64(fd, bytes, size, place); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  ssize_t size = total(parts, count), taken = allowed(fd, size);
  if (taken < 0) return -1;
  return taken == size ? syscall(SYS_writev, fd, parts, count)
                       : syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len / 2);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t place) {
  ssize_t size = total(parts, count), taken = allowed(fd, size);
  if (taken < 0) return -1;
  return taken == size ? syscall(SYS_pwritev, fd, parts, count, place, 0)
                       : syscall(SYS_pwrite64, fd, parts[0].iov_base, parts[0].iov_len / 2, place);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t place) {
  return pwritev64(fd, parts, count, place);
}

static int sync_fails(int is_file) {
  if (!is_file) return 0;
  int64_t delay = atomic_load(&control->sync_delay), error = atomic_load(&control->sync_error);
  if (delay > 0) {
    struct timespec time = {delay / 1000000000, delay % 1000000000};
    atomic_fetch_add(&control->slow_syncs, 1);
    syscall(SYS_nanosleep, &time, NULL);
  }
  if (error == 0 || !is_due()) return 0;
  atomic_fetch_add(&control->failed_syncs, 1);
  errno = (int)error;
  return 1;
}

int fsync(int fd) { return sync_fails(is_ours(fd)) ? -1 : (int)syscall(SYS_fsync, fd); }

int fdatasync(int fd) { return sync_fails(is_ours(fd)) ? -1 : (int)syscall(SYS_fdatasync, fd); }

int msync(void *address, size_t size, int flags) {
  return sync_fails(1) ? -1 : (int)syscall(SYS_msync, address, size, flags);
}

static int64_t step_of(clockid_t clock) {
  switch (clock) {
  case CLOCK_REALTIME:
  case CLOCK_REALTIME_COARSE: return atomic_load_explicit(&control->realtime_step, memory_order_relaxed);
  case CLOCK_MONOTONIC:
  case CLOCK_MONOTONIC_RAW:
  case CLOCK_MONOTONIC_COARSE:
  case CLOCK_BOOTTIME: return atomic_load_explicit(&control->monotonic_step, memory_order_relaxed);
  default: return 0;
  }
}

static void move(struct timespec *time, int64_t step) {
  int64_t whole = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + step;
  time->tv_sec = whole / 1000000000;
  time->tv_nsec = whole % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int answer = (int)syscall(SYS_clock_gettime, clock, time);
  int64_t step = step_of(clock);
  if (answer == 0 && step != 0) {
    atomic_fetch_add_explicit(&control->stepped_reads, 1, memory_order_relaxed);
    move(time, step);
  }
  return answer;
}

int gettimeofday(struct timeval *time, void *zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  time->tv_sec = exact.tv_sec;
  time->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (out != NULL) *out = exact.tv_sec;
  return exact.tv_sec;
}

// A timer that is set to a moment of a stepped clock must be told the kernel's moment.
int timerfd_create(int clock, int flags) {
  int fd = (int)syscall(SYS_timerfd_create, clock, flags);
  if (fd >= 0 && fd < DESCRIPTORS) is_monotonic_timer[fd] = clock != CLOCK_REALTIME;
  return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *set, struct itimerspec *before) {
  struct itimerspec moved = *set;
  if ((flags & TFD_TIMER_ABSTIME) && (set->it_value.tv_sec || set->it_value.tv_nsec) && fd >= 0 && fd < DESCRIPTORS) {
    move(&moved.it_value, -step_of(is_monotonic_timer[fd] ? CLOCK_MONOTONIC : CLOCK_REALTIME));
    if (moved.it_value.tv_sec < 0) moved.it_value = (struct timespec){0, 1};
  }
  return (int)syscall(SYS_timerfd_settime, fd, flags, &moved, before);
}
