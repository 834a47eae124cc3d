#include "pictures_shown.h"

#include <unistd.h>

#include "base/errors.h"
#include "base/files.h"
#include "images/decode.h"
#include "images/resize.h"
#include "report/terminal_picture.h"

namespace headroom::cli {

namespace {

/// Longest side of pixels that are sent one by one.
constexpr std::uint32_t kMaxSide = 800;

std::string shown(report::PictureProtocol protocol, const datasets::Picture& picture) {
  const std::string file = picture.path.empty() ? picture.bytes : read_file(picture.path);
  if (protocol == report::PictureProtocol::kIterm) {
    return report::iterm_file(file, picture.name);
  }
  if (images::read_header(file, picture.name).format == images::Format::kPng) {
    return report::kitty_png(file);
  }
  const images::Image image =
      images::limit_side(images::decode(file, picture.name).image, kMaxSide);
  const std::string_view rgb(reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size());
  return report::kitty_pixels(rgb, image.width, image.height);
}

}  // namespace

std::string pictures_shown(Context& context,
                           const run::JournalReader& journal,
                           const std::string& id) {
  const bool wanted = ::isatty(STDOUT_FILENO) == 1 && !context.console.options().ascii &&
                      context.settings.text("color") != "never";
  const report::PictureProtocol protocol =
      wanted ? report::picture_protocol(context.environment) : report::PictureProtocol::kNone;
  std::optional<run::ItemRecord> item =
      protocol == report::PictureProtocol::kNone ? std::nullopt : journal.find_item(id);
  if (!item) {
    return {};
  }
  journal.load_pictures(item->item);
  std::string text;
  for (const datasets::Picture& picture : item->item.pictures) {
    try {
      text += shown(protocol, picture);
    } catch (const Error& error) {
      context.log.info("show", error.what());
    }
  }
  return text;
}

}  // namespace headroom::cli
