#pragma once

namespace headroom::mlx_worker {

/// Sets the C library's allocator so that large freed blocks go back to the system at once. Call
/// before the first allocation that matters.
void return_large_blocks();
/// Gives back what the C library's allocator keeps free.
void trim_heap();

}  // namespace headroom::mlx_worker
