#include "pictures_shown.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/errors.h"
#include "base/files.h"
#include "images/decode.h"
#include "images/resize.h"
#include "report/terminal_picture.h"

namespace headroom::cli {

namespace {

using report::PictureProtocol;

/// What small files are sent as they are to.
std::optional<std::string> shown_file(PictureProtocol protocol,
                                      const std::string& file,
                                      const std::string& name) {
  const images::Header header = images::read_header(file, name);
  if (file.size() > report::kMaxPictureFile ||
      std::max(header.width, header.height) > report::kMaxPictureSide) {
    return std::nullopt;
  }
  if (protocol == PictureProtocol::kIterm) {
    return report::iterm_file(file, name);
  }
  if (protocol == PictureProtocol::kKitty && header.format == images::Format::kPng) {
    return report::kitty_png(file);
  }
  return std::nullopt;
}

std::string shown(PictureProtocol protocol, const datasets::Picture& picture) {
  const std::string file = picture.path.empty() ? picture.bytes : read_file(picture.path);
  if (auto whole = shown_file(protocol, file, picture.name)) {
    return *std::move(whole);
  }
  const images::Image image =
      images::limit_side(images::decode(file, picture.name).image, report::kMaxPictureSide);
  const report::Pixels pixels{{reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()},
                              image.width,
                              image.height};
  switch (protocol) {
    case PictureProtocol::kKitty:
      return report::kitty_pixels(pixels);
    case PictureProtocol::kIterm:
      return report::iterm_pixels(pixels, picture.name);
    case PictureProtocol::kSixel:
      return report::sixel_pixels(pixels);
    case PictureProtocol::kNone:
      break;
  }
  return {};
}

/// The one that --pictures names, else the one that the terminal is known to take.
PictureProtocol protocol_of(const Context& context) {
  const bool wanted = ::isatty(STDOUT_FILENO) == 1 && !context.console.options().ascii &&
                      context.settings.text("color") != "never";
  if (!wanted) {
    return PictureProtocol::kNone;
  }
  const auto named = report::picture_protocol_named(context.settings.text("pictures"));
  return named ? *named : report::picture_protocol(context.environment);
}

}  // namespace

std::string pictures_shown(Context& context,
                           const run::JournalReader& journal,
                           const std::string& id) {
  const PictureProtocol protocol = protocol_of(context);
  std::optional<run::ItemRecord> item =
      protocol == PictureProtocol::kNone ? std::nullopt : journal.find_item(id);
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
