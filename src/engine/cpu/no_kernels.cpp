#include "base/errors.h"
#include "cpu/kernels.h"

namespace headroom::engine::cpu {
namespace {

[[noreturn]] void absent() { throw InternalError("CPU kernels: called in a build without them"); }

}  // namespace

bool available() { return false; }

mx::array linear(const mx::array&,
                 const mx::array&,
                 const std::optional<mx::array>&,
                 std::optional<mx::array>) {
  absent();
}

mx::array rms_norm(const mx::array&, const mx::array&, float) { absent(); }

mx::array layer_norm(const mx::array&, const mx::array&, const mx::array&, float) { absent(); }

mx::array gated(const mx::array&, Activation) { absent(); }

mx::array activate(mx::array&&, Activation) { absent(); }

mx::array decoder_attention(mx::array&&,
                            const Heads&,
                            const std::shared_ptr<const Pass>&,
                            KvCache&,
                            int,
                            const Rope&,
                            const Reach&) {
  absent();
}

mx::array tile_attention(mx::array&&, const Heads&, int, int, const std::optional<mx::array>&) {
  absent();
}

}  // namespace headroom::engine::cpu
