#include "images/encode.h"

#include <fmt/format.h>
#include <spng.h>

#include <cstdlib>
#include <memory>

#include "base/errors.h"

namespace headroom::images {

namespace {

constexpr int kFast = 3;  // of zlib's nine: what is sent once is not worth more

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};

struct FreeBuffer {
  void operator()(void* buffer) const { std::free(buffer); }
};

}  // namespace

std::string encode_png(const Image& image) {
  const std::unique_ptr<spng_ctx, FreeContext> context(spng_ctx_new(SPNG_CTX_ENCODER));
  spng_ihdr header{};
  header.width = image.width;
  header.height = image.height;
  header.bit_depth = 8;
  header.color_type = SPNG_COLOR_TYPE_TRUECOLOR;
  spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  spng_set_option(context.get(), SPNG_IMG_COMPRESSION_LEVEL, kFast);
  spng_set_ihdr(context.get(), &header);
  int error = spng_encode_image(
      context.get(), image.rgb.data(), image.rgb.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  std::size_t size = 0;
  const std::unique_ptr<void, FreeBuffer> buffer(
      error == 0 ? spng_get_png_buffer(context.get(), &size, &error) : nullptr);
  if (!buffer) {
    throw InternalError(fmt::format(
        "PNG of {} x {} cannot be written: {}", image.width, image.height, spng_strerror(error)));
  }
  return {static_cast<const char*>(buffer.get()), size};
}

}  // namespace headroom::images
