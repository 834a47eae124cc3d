#pragma once

#include <filesystem>
#include <string>

#include "backends/llama_backend.h"
#include "settings.h"

namespace headroom::cli {

/// Where this program lies. Throws ResourceError("E-SELF") when the system does not say.
std::filesystem::path executable_folder();

/// The folder that holds demo/model and demo/easy-vqa: --assets, else ../assets or
/// ../share/headroom beside the program. Throws UsageError("E-ASSETS") with the places looked at.
std::filesystem::path assets_folder(const Settings& settings);

/// The MLX worker: --worker-mlx, else headroom-worker-mlx beside the program or in
/// ../libexec/headroom. Throws UsageError("E-WORKER-MISSING") with the places looked at.
std::filesystem::path mlx_worker(const Settings& settings);

/// How the PyTorch worker is started: the folder of its program (workers/torch), and the Python
/// that has its libraries.
struct TorchPlaces {
  std::filesystem::path environment;  ///< that `headroom setup torch` makes; need not exist
  std::filesystem::path python;       ///< --torch-python, else the environment's
  std::filesystem::path worker;
  std::filesystem::path made;  ///< requirements of a complete environment: a copy in it
};

/// --torch-python, else bin/python in torch/ in the user's data folder ($XDG_DATA_HOME/headroom, or
/// ~/.local/share/headroom); the worker in ../workers/torch or ../share/headroom/workers/torch
/// beside the program. Throws UsageError("E-WORKER-MISSING") when the program lacks its own part.
TorchPlaces torch_places(const Settings& settings, const Environment& environment);

/// The same; throws UsageError("E-ENGINE-MISSING") with the command that makes the environment when
/// there is none, or one that is not complete or of other versions.
TorchPlaces ready_torch(const Settings& settings, const Environment& environment);

/// The environment that `headroom setup llama` makes; need not exist.
std::filesystem::path llama_environment(const Environment& environment);

/// What starts the server of the xllamacpp wheel. Throws UsageError("E-WORKER-MISSING") when the
/// program lacks its own part.
std::filesystem::path llama_script();

/// How llama.cpp's server is started.
struct LlamaPlaces {
  backends::LlamaCommand command;
  std::string found;             ///< "llama-server on the PATH: /usr/bin/llama-server"
  std::filesystem::path python;  ///< --llama-python, else the environment's; empty: not needed
};

/// --llama-server; else, unless --llama-python is given, `llama-server` on the PATH; else the
/// xllamacpp wheel of --llama-python or of llama/ in the user's data folder, by workers/llama.
/// Whether it is there is not looked at. Throws UsageError("E-WORKER-MISSING") when the program
/// lacks its own part.
LlamaPlaces llama_places(const Settings& settings, const Environment& environment);

/// The same; throws UsageError("E-ENGINE-MISSING") with the command that gets it when none is
/// there.
LlamaPlaces ready_llama(const Settings& settings, const Environment& environment);

}  // namespace headroom::cli
