#include "trim.h"

#include <cstdlib>  // defines __GLIBC__ where it is glibc

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace headroom::mlx_worker {

#if defined(__GLIBC__)

void return_large_blocks() {
  // Fixed: glibc would otherwise raise the threshold to the largest block that was ever freed (up
  // to 32 MiB), and keep smaller ones.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

void trim_heap() { malloc_trim(0); }

#else

void return_large_blocks() {}

void trim_heap() {}

#endif

}  // namespace headroom::mlx_worker
