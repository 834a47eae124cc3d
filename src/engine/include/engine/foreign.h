#pragma once

#include <exception>
#include <string>

namespace headroom::engine {

/// Throws the exception again as one of ours: MLX's reports of memory that ran out (by their words,
/// on each of its devices) and std::bad_alloc as BudgetError("E-MEM-ENGINE"), other foreign ones as
/// ModelError("E-ENGINE"), ours unchanged. `where`: what was done.
[[noreturn]] void rethrow_translated(const std::exception_ptr& error, const std::string& where);

}  // namespace headroom::engine
