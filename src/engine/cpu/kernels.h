#pragma once

#include <memory>
#include <optional>

#include "engine/ops.h"

/// Float32 kernels for CPUs, as MLX primitives of our own. Built where there is a CBLAS
/// (libraries.cmake); elsewhere cpu/no_kernels.cpp stands in and `available` is false.
/// Contracts: as the functions of the same name in engine/ops.h. Inputs have no gaps.
namespace headroom::engine::cpu {

bool available();

mx::array linear(const mx::array& x,
                 const mx::array& w,
                 const std::optional<mx::array>& bias,
                 std::optional<mx::array> residual);
mx::array rms_norm(const mx::array& x, const mx::array& w, float eps);
mx::array layer_norm(const mx::array& x, const mx::array& w, const mx::array& b, float eps);
mx::array gated(const mx::array& gate_up, Activation activation);
mx::array activate(mx::array&& x, Activation activation);
mx::array decoder_attention(mx::array&& qkv,
                            const Heads& heads,
                            const std::shared_ptr<const Pass>& pass,
                            KvCache& cache,
                            int layer,
                            const Rope& rope,
                            const Reach& reach);
mx::array tile_attention(mx::array&& qkv,
                         const Heads& heads,
                         int tiles,
                         int patches,
                         const std::optional<mx::array>& angles);

}  // namespace headroom::engine::cpu
