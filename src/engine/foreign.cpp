#include "engine/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <new>
#include <string_view>

#include "base/errors.h"
#include "engine/guard.h"

namespace headroom::engine {
namespace {

/// CUDA: "cudaMallocAsync(...) failed: out of memory"; Metal: "[metal::malloc] Attempting to
/// allocate N bytes which is greater than the maximum", "Insufficient Memory"; CPU:
/// "[malloc] Unable to allocate N bytes."
bool means_memory(std::string message) {
  constexpr std::array<std::string_view, 5> kWords = {"out of memory",
                                                      "unable to allocate",
                                                      "attempting to allocate",
                                                      "insufficient memory",
                                                      "memory allocation"};
  std::transform(message.begin(), message.end(), message.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view words) {
    return message.find(words) != std::string::npos;
  });
}

}  // namespace

void rethrow_translated(const std::exception_ptr& error, const std::string& where) {
  try {
    std::rethrow_exception(error);
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw BudgetError("E-MEM-ENGINE", fmt::format("{}: memory ran out", where));
  } catch (const std::exception& foreign) {
    if (means_memory(foreign.what())) {
      throw BudgetError("E-MEM-ENGINE",
                        fmt::format("{}: memory ran out: {}", where, foreign.what()));
    }
    throw ModelError("E-ENGINE", fmt::format("{}: the engine failed: {}", where, foreign.what()));
  }
}

}  // namespace headroom::engine
