#include "run/governing.h"

namespace headroom::run {

memory::GovernorSettings governor_settings(const Specification& spec) {
  return {spec.governor,
          spec.batch,
          spec.prefill_chunk,
          spec.share_prefix,
          memory::parse_allowed(spec.allow)};
}

std::unique_ptr<memory::CleanupPolicy> cleanup_policy(const Specification& spec,
                                                      memory::KindOfEngine kind,
                                                      memory::Counter counter) {
  return memory::parse_policies(spec.cleanup,
                                {kind, counter, spec.cleanup_every, spec.cleanup_pictures});
}

}  // namespace headroom::run
