#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace headroom::text {

/// One template of a checkpoint.
struct TemplateSource {
  std::string name;    ///< "default" where the file names none
  std::string origin;  ///< the file, and the name where it holds several
  std::string source;
};

/// The templates of the first place that has any, and where else a different one lies.
struct TemplateSources {
  std::vector<TemplateSource> templates;
  std::vector<std::string> differing;
};

/// Looks into chat_template.jinja (with chat_templates/*.jinja), chat_template.json and
/// tokenizer_config.json; no templates where there are none. Throws UsageError("E-TEMPLATE") naming
/// the file that is broken.
TemplateSources find_template_sources(const std::filesystem::path& folder);

/// The one of that name, "default" without one. Throws UsageError("E-TEMPLATE") with all names, or,
/// when there is no template at all, with the files looked for.
const TemplateSource& choose_template(const std::filesystem::path& folder,
                                      const std::vector<TemplateSource>& templates,
                                      const std::optional<std::string>& name);

}  // namespace headroom::text
