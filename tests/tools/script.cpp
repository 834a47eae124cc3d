#include "script.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace headroom::testing {

namespace {

/// At once on disk, so that it survives whatever the script does next.
void append(const std::filesystem::path& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd >= 0) {
    [[maybe_unused]] const ssize_t put = ::write(fd, text.data(), text.size());
    ::close(fd);
  }
}

}  // namespace

Script::Script(const Json& json, std::filesystem::path state) : state_(std::move(state)) {
  for (const Json& entry : json) {
    Rule rule;
    rule.number = rules_.size();
    rule.at = entry.at("at").get<std::string>();
    rule.item = entry.value("item", "");
    rule.life = entry.value("life", 0);
    rule.skip = entry.value("skip", 0);
    rule.times = entry.value("times", -1);
    rule.action = entry;
    rules_.push_back(std::move(rule));
  }
  life_ = count("lives") + 1;
}

std::vector<const Rule*> Script::at(std::string_view moment, std::string_view item) {
  const std::lock_guard lock(mutex_);
  std::vector<const Rule*> result;
  for (const Rule& rule : rules_) {
    const bool matches = rule.at == moment && (rule.item.empty() || rule.item == item) &&
                         (rule.life == 0 || rule.life == life_);
    if (!matches) {
      continue;
    }
    const std::int64_t before = count("rule-" + std::to_string(rule.number));
    if (before >= rule.skip && (rule.times < 0 || before < rule.skip + rule.times)) {
      result.push_back(&rule);
    }
  }
  return result;
}

void Script::note(const std::string& line) const {
  if (!state_.empty()) {
    append(state_ / "journal", line + "\n");
  }
}

std::int64_t Script::count(const std::string& name) {
  if (state_.empty()) {
    return counts_[name]++;
  }
  struct stat info{};
  const std::filesystem::path file = state_ / name;
  const std::int64_t before = ::stat(file.c_str(), &info) == 0 ? info.st_size : 0;
  append(file, ".");
  return before;
}

}  // namespace headroom::testing
