#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <array>
#include <filesystem>
#include <thread>

#include "asking.h"
#include "backends/model_source.h"
#include "backends/server_backend.h"
#include "base/errors.h"
#include "base/version.h"
#include "commands.h"
#include "datasets/open.h"
#include "doctor_memory.h"
#include "memory/budget.h"
#include "memory/system_source.h"
#include "places.h"
#include "worker/wall.h"

namespace headroom::cli {

namespace {

/// What was found, and what is missing with the command that gets it.
struct Findings {
  Json json = {{"schema", "headroom.doctor/1"}};
  std::string text;
  std::vector<std::string> missing;

  void line(std::string_view name, const std::string& value) {
    text += fmt::format("{:<10} {}\n", name, value);
  }
};

std::string bytes_or_unread(const std::optional<Bytes>& bytes) {
  return bytes ? to_string(*bytes) : "not read";
}

void look_at_machine(Context& context, Findings& findings) {
  utsname name{};
  ::uname(&name);
  const unsigned cores = std::thread::hardware_concurrency();
  findings.line("headroom", kVersion);
  findings.line("system",
                fmt::format("{} {} {}, {} cores", name.sysname, name.release, name.machine, cores));
  memory::SystemMemorySource source(context.clock);
  const memory::Reading reading = source.read();
  std::string memory = fmt::format("available {}, this process {}",
                                   bytes_or_unread(reading.system_available),
                                   bytes_or_unread(reading.supervisor_footprint));
  if (reading.cgroup_limit) {
    memory += fmt::format(", cgroup {} of {}",
                          bytes_or_unread(reading.cgroup_used),
                          to_string(*reading.cgroup_limit));
  }
  findings.line("memory", memory);
  findings.json["version"] = kVersion;
  findings.json["system"] = {{"name", name.sysname},
                             {"release", name.release},
                             {"machine", name.machine},
                             {"cores", cores}};
  findings.json["memory"] = memory::to_json(reading);
  const auto capacity = memory::capacity(reading, memory::Counter::kFootprint);
  if (capacity) {
    findings.line("capacity", fmt::format("{} ({})", to_string(capacity->bytes), capacity->source));
    findings.json["capacity_bytes"] = capacity->bytes.count();
  }
}

void look_at_wall(Context& context, Findings& findings) {
  const worker::Wall wall = worker::make_wall(memory::parse_wall(context.settings.text("wall")));
  const char* kind = wall.kernel ? "kernel" : wall.watch ? "watch" : "off";
  findings.line("wall", wall.text.empty() ? "off" : wall.text);
  findings.json["wall"] = {{"kind", kind}, {"text", wall.text}};
}

/// An engine that a model can be asked with, as people and as the worker call it.
struct NamedEngine {
  const char* name;
  const char* shown;
};

constexpr std::array kEngines{NamedEngine{"mlx", "MLX worker"},
                              NamedEngine{"llama", "llama.cpp's server (for gguf:MODEL)"},
                              NamedEngine{"torch", "PyTorch worker (for torch:MODEL)"}};

std::unique_ptr<backends::Backend> make_engine(Context& context, const NamedEngine& engine) {
  if (std::string_view(engine.name) == "llama") {
    return make_llama(context);
  }
  return make_backend(context, engine.name);
}

/// Before what it can do: where it was found, for an engine that may come from several places.
std::string place_of(Context& context, const NamedEngine& engine) {
  return std::string_view(engine.name) == "llama"
             ? llama_places(context.settings, context.environment).found + "; "
             : "";
}

void look_at_worker(Context& context, const NamedEngine& engine, Findings& findings) {
  try {
    const auto backend = make_engine(context, engine);
    const worker::Hello& hello = backend->hello();
    const auto held = hello.reading.worker_footprint;
    findings.line("engine",
                  fmt::format("{} {} on {}, {} by default; holds {} before a model",
                              hello.engine,
                              hello.engine_version,
                              hello.device,
                              hello.default_dtype,
                              bytes_or_unread(held)));
    findings.line(
        "",
        fmt::format("{}can {}", place_of(context, engine), fmt::join(hello.capabilities, ", ")));
    findings.json["engines"].push_back({{"engine", hello.engine},
                                        {"version", hello.engine_version},
                                        {"device", hello.device},
                                        {"default_dtype", hello.default_dtype},
                                        {"capabilities", hello.capabilities},
                                        {"protocol", hello.protocol},
                                        {"memory", memory::to_json(hello.reading)}});
  } catch (const Error& error) {
    findings.missing.push_back(fmt::format("{}: {}", engine.shown, error.what()));
  }
}

void look_at_workers(Context& context, Findings& findings) {
  findings.json["engines"] = Json::array();
  for (const NamedEngine& engine : kEngines) {
    look_at_worker(context, engine, findings);
  }
  if (findings.json["engines"].empty()) {
    findings.line("engine", "none works");
  }
}

/// Servers are asked who they are when a model names one.
void look_at_servers(Context& context, Findings& findings) {
  const bool key = !context.environment("HEADROOM_API_KEY").value_or("").empty();
  findings.json["servers"] = {{"transport", nullptr}, {"key", key}};
  try {
    const std::string transport = backends::server_transport();
    findings.line("servers",
                  fmt::format("http(s)://host:port/v1#model by {}; key in HEADROOM_API_KEY: {}",
                              transport,
                              key ? "set" : "not set"));
    findings.json["servers"]["transport"] = transport;
  } catch (const BackendError& error) {
    findings.line("servers", error.what());
  }
}

void look_at_assets(Context& context, Findings& findings) {
  try {
    const auto folder = assets_folder(context.settings);
    findings.line("assets", folder.string());
    findings.json["assets"] = folder.string();
  } catch (const Error& error) {
    findings.line("assets", "none");
    findings.json["assets"] = nullptr;
    findings.missing.push_back(fmt::format("embedded model and data: {}", error.what()));
  }
}

void look_at_cache(Context& context, Findings& findings) {
  const auto hub = backends::hub_folder(context.environment);
  const auto cached = backends::cached_models(hub);
  findings.line("cache",
                fmt::format("{}: {}",
                            hub.string(),
                            cached.empty() ? "no models; fetch one with: hf download org/name"
                                           : fmt::format("{}", fmt::join(cached, ", "))));
  findings.json["cache"] = {{"folder", hub.string()}, {"models", cached}};
}

}  // namespace

/// Exit code 1 when no engine works: nothing can be asked then. What else is missing is a finding.
ExitCode run_doctor(Context& context) {
  if (context.settings.on("memory")) {
    return run_memory_doctor(context);
  }
  if (!context.settings.positionals().empty()) {
    throw UsageError("E-USAGE-WORD",
                     fmt::format("headroom doctor: '{}' is tested with --memory only",
                                 context.settings.positionals().front()));
  }
  Findings findings;
  look_at_machine(context, findings);
  look_at_wall(context, findings);
  look_at_workers(context, findings);
  look_at_servers(context, findings);
  look_at_assets(context, findings);
  look_at_cache(context, findings);
  findings.json["missing"] = findings.missing;
  const ExitCode code =
      findings.json["engines"].empty() ? ExitCode::kInternal : ExitCode::kAllAnswered;
  if (context.settings.on("json")) {
    context.console.out(dump_json(findings.json) + "\n");
    return code;
  }
  if (findings.missing.empty()) {
    findings.line("missing", "nothing");
  }
  for (const std::string& missing : findings.missing) {
    findings.line("missing", missing);
  }
  context.console.out(findings.text);
  return code;
}

}  // namespace headroom::cli
