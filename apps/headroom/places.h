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

}  // namespace headroom::cli
