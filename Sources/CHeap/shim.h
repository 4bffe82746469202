#pragma once
// glibc's own: Swift's module of the C library leaves it out.
#include <malloc.h>

// Bytes of the heap that are in use. In Swift `mallinfo2()` is an empty structure as well as the call.
static inline size_t heap_bytes_in_use(void) {
  struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}
