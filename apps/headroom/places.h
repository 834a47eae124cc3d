#pragma once

#include <filesystem>

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

}  // namespace headroom::cli
