#include "lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#ifdef __APPLE__
#include <libproc.h>
#endif

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/errors.h"
#include "base/files.h"
#include "base/json.h"

namespace headroom::run {

namespace {

struct Holder {
  std::int64_t pid = 0;
  std::uint64_t start = 0;
  std::string host;
};

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

Holder read_holder(int descriptor) {
  std::array<char, 1024> text{};
  const ssize_t got = ::pread(descriptor, text.data(), text.size(), 0);
  if (got <= 0) {
    return {};
  }
  const Json json =
      Json::parse(text.data(), text.data() + got, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return {};
  }
  try {
    return {json.value("pid", std::int64_t{0}),
            json.value("start", std::uint64_t{0}),
            json.value("host", std::string())};
  } catch (const Json::exception&) {
    return {};  // something else wrote it: nobody is named
  }
}

void write_holder(int descriptor) {
  const Json json = {
      {"pid", ::getpid()}, {"start", process_start(::getpid())}, {"host", host_name()}};
  const std::string text = dump_json(json) + "\n";
  // For messages only: a full disk must not forbid what the kernel's lock already allowed.
  if (::ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t put = ::pwrite(descriptor, text.data(), text.size(), 0);
  }
}

bool alive(const Holder& holder) {
  if (holder.pid <= 0) {
    return false;
  }
  if (holder.host != host_name()) {
    return true;  // cannot be looked at from here
  }
  return process_start(holder.pid) == holder.start && holder.start != 0;
}

/// 0, or the error number: EWOULDBLOCK when another process holds the lock.
int try_lock(int descriptor, int kind) {
  while (::flock(descriptor, kind | LOCK_NB) != 0) {
    if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

[[noreturn]] void refuse(const std::filesystem::path& folder, const Holder& holder) {
  const std::string who = holder.pid == 0 ? "another process"
                          : holder.host == host_name()
                              ? fmt::format("process {}", holder.pid)
                              : fmt::format("process {} on {}", holder.pid, holder.host);
  throw UsageError(
      "E-RUN-LOCKED",
      fmt::format(
          "{}: {} is writing this run; wait for it or stop it, then resume", folder.string(), who));
}

}  // namespace

std::uint64_t process_start(std::int64_t pid) {
#ifdef __APPLE__
  proc_bsdinfo info{};
  const int got = ::proc_pidinfo(static_cast<int>(pid), PROC_PIDTBSDINFO, 0, &info, sizeof(info));
  return got == static_cast<int>(sizeof(info))
             ? info.pbi_start_tvsec * 1'000'000U + info.pbi_start_tvusec
             : 0;
#else
  std::string stat;
  std::array<char, 1024> buffer{};
  const int file = ::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return 0;
  }
  const ssize_t got = ::read(file, buffer.data(), buffer.size());
  ::close(file);
  if (got <= 0) {
    return 0;
  }
  stat.assign(buffer.data(), static_cast<std::size_t>(got));
  // Field 22 (proc(5)); counted after the command's name, which may hold blanks and brackets.
  std::size_t at = stat.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) {
    at = stat.find(' ', at + 1);
  }
  return at == std::string::npos ? 0 : std::strtoull(stat.c_str() + at + 1, nullptr, 10);
#endif
}

bool has_live_writer(const std::filesystem::path& folder) {
  const int descriptor = ::open((folder / "run.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return false;
  }
  // The kernel knows best, also of a holder on another machine or in another container.
  const int error = try_lock(descriptor, LOCK_SH);
  const bool live = error == EWOULDBLOCK || (error != 0 && alive(read_holder(descriptor)));
  ::close(descriptor);
  return live;
}

RunLock::RunLock(const std::filesystem::path& folder) : path_(folder / "run.lock") {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw ResourceError("E-WRITE",
                        fmt::format("{}: cannot write: {}", path_.string(), std::strerror(errno)));
  }
  int error = try_lock(descriptor_, LOCK_EX);
  // One who only looks whether somebody writes holds it for a moment, too; and a writer writes its
  // name just after it has locked.
  for (int tries = 0; error == EWOULDBLOCK && tries < 50; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    error = try_lock(descriptor_, LOCK_EX);
  }
  const Holder holder = read_holder(descriptor_);
  if (error == EWOULDBLOCK || (error != 0 && alive(holder))) {
    ::close(descriptor_);
    refuse(folder, holder);
  }
  write_holder(descriptor_);
}

RunLock::~RunLock() {
  // The file stays: removing it would let two later processes lock two different files.
  if (::ftruncate(descriptor_, 0) != 0) {
    // Its content is for messages only.
  }
  ::close(descriptor_);
}

}  // namespace headroom::run
