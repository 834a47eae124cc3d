#include "remote_error.h"

#include <fmt/format.h>

#include <new>
#include <stdexcept>

#include "base/errors.h"

namespace headroom::worker {

namespace {

const char* kind_of(const Error& error) {
  if (dynamic_cast<const UsageError*>(&error) != nullptr) {
    return "usage";
  }
  if (dynamic_cast<const InputError*>(&error) != nullptr) {
    return "input";
  }
  if (dynamic_cast<const BudgetError*>(&error) != nullptr) {
    return "budget";
  }
  if (dynamic_cast<const ResourceError*>(&error) != nullptr) {
    return "resource";
  }
  if (dynamic_cast<const BackendError*>(&error) != nullptr) {
    return "backend";
  }
  if (dynamic_cast<const Cancelled*>(&error) != nullptr) {
    return "cancelled";
  }
  return "internal";
}

}  // namespace

RemoteError to_remote(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& ours) {
    return {kind_of(ours), ours.code(), ours.what()};
  } catch (const std::bad_alloc&) {
    return {"budget", "E-MEM-ALLOC", "the engine could not allocate memory (std::bad_alloc)"};
  } catch (const std::logic_error& bug) {
    return {"internal", "E-INTERNAL", bug.what()};
  } catch (const std::exception& foreign) {
    return {"backend", "E-ENGINE", foreign.what()};
  } catch (...) {
    return {"internal", "E-INTERNAL", "the engine threw something that is no std::exception"};
  }
}

void throw_remote(const RemoteError& error) {
  if (error.kind == "usage") {
    throw UsageError(error.code, error.message);
  }
  if (error.kind == "input") {
    throw InputError(error.code, error.message);
  }
  if (error.kind == "budget") {
    throw BudgetError(error.code, error.message);
  }
  if (error.kind == "resource") {
    throw ResourceError(error.code, error.message);
  }
  if (error.kind == "cancelled") {
    throw Cancelled(error.message);
  }
  if (error.kind == "internal") {
    throw InternalError(error.message);
  }
  throw BackendError(error.code, error.message);
}

}  // namespace headroom::worker
