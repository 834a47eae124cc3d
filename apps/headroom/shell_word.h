#pragma once

#include <string>
#include <string_view>

namespace headroom::cli {

/// As it is typed into a shell: quoted where it has anything that a shell would not leave alone.
std::string shell_word(std::string_view word);

}  // namespace headroom::cli
