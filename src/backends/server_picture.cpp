#include "server_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/base64.h"
#include "base/errors.h"
#include "base/files.h"
#include "images/decode.h"
#include "images/encode.h"
#include "images/resize.h"

namespace headroom::backends {

namespace {

std::string_view media_type(images::Format format) {
  switch (format) {
    case images::Format::kJpeg:
      return "image/jpeg";
    case images::Format::kPng:
      return "image/png";
    case images::Format::kWebp:
      return "image/webp";
    case images::Format::kGif:
      return "image/gif";
    case images::Format::kBmp:
      break;
  }
  return "image/bmp";
}

std::string data_url(std::string_view type, std::string_view bytes) {
  return fmt::format("data:{};base64,{}", type, encode_base64(bytes));
}

std::string bytes_of(const worker::PictureRef& picture) {
  if (!picture.bytes.empty()) {
    return picture.bytes;
  }
  try {
    return read_file(picture.path, images::DecodeLimits().max_file_bytes);
  } catch (const InputError& error) {
    throw InputError("E-IMG-MISSING", error.what());
  }
}

}  // namespace

std::string picture_data_url(const worker::PictureRef& picture, std::uint32_t max_image_side) {
  const std::string bytes = bytes_of(picture);
  const std::string name = picture.name.empty() ? picture.path : picture.name;
  std::optional<images::Header> header;
  try {
    header = images::read_header(bytes, name);
  } catch (const InputError& error) {
    if (error.code() != "E-IMG-UNSUPPORTED") {
      throw;
    }
    return data_url("application/octet-stream", bytes);
  }
  if (max_image_side == 0 || std::max(header->width, header->height) <= max_image_side) {
    return data_url(media_type(header->format), bytes);
  }
  images::Decoded decoded = images::decode(bytes, name);
  return data_url("image/png",
                  images::encode_png(images::limit_side(std::move(decoded.image), max_image_side)));
}

}  // namespace headroom::backends
