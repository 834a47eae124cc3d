#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backends/model_table.h"

namespace headroom::backends {

/// Where words for models are looked up. Folders need not exist.
struct ModelPlaces {
  std::filesystem::path demo;  ///< the embedded model's folder
  std::filesystem::path hub;   ///< the Hugging Face cache, which holds models--org--name
  std::vector<ModelName> names = built_in_models();
};

/// A word for a model, resolved to a folder on this machine.
struct ModelSource {
  std::string word;              ///< as the user wrote it
  std::string engine = "mlx";    ///< that it is asked with: "mlx", "torch", "gguf", "server"
  std::filesystem::path folder;  ///< holds config.json; of a server its address, of GGUF its files
                                 ///< (gguf_files.h)
  std::string label;             ///< short, for tables and run folders: "demo", "demo-vlm"
  std::string repository;        ///< "org/name" when it came from the cache, else empty
  std::string revision;          ///< the snapshot, else empty
  /// What to tell the user: "someone/demo-vlm, snapshot 01234567 (main)", "the embedded model".
  std::string described;
};

/// The cache as Hugging Face's own libraries find it: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE,
/// HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub. `environment` reads one
/// variable.
std::filesystem::path hub_folder(
    const std::function<std::optional<std::string>(const std::string&)>& environment);

/// Finds the model that `word` means: an existing folder first; a name of `places.names`, which may
/// stand for any of the rest; `demo`; `org/name[@revision]` in the cache; `torch:` before any of
/// these, to be asked with PyTorch; `gguf:` before a file, a folder or org/name[:QUANTISATION], or
/// FILE.gguf alone, to be asked through llama.cpp's server, with +mmproj=FILE behind it where the
/// vision part does not lie beside the model; an address of a server (server_address.h). Only
/// reads: nothing is written into the cache, no connection is tried. Throws UsageError:
/// E-MODEL-NOT-FOUND (with the nearest name), E-MODEL-NOT-CACHED (with what is cached and the
/// command that fetches it), E-MODEL-FOLDER (empty, no config.json), E-MODEL-DANGLING (a link whose
/// file is gone, with both paths), E-MODEL-LFS (a Git LFS pointer in a file's place),
/// E-MODEL-AMBIGUOUS (several GGUF files, listed), E-MODEL-ENGINE (an engine that does not take
/// such a model), E-GGUF-WORD, E-SERVER-ADDRESS. What is wrong with a name that a configuration
/// file adds is told with the file and the entry.
ModelSource resolve_model(const std::string& word, const ModelPlaces& places);

/// "hf download org/name" for a word that stands for a repository which is not in the cache, kinds
/// of other engines included; empty when there is nothing to fetch. Only reads.
std::string fetch_command(const std::string& word, const std::filesystem::path& hub);

/// "org/name" of every repository in the cache that has a snapshot, sorted.
std::vector<std::string> cached_models(const std::filesystem::path& hub);

}  // namespace headroom::backends
