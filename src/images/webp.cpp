#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <new>

#include "codec.h"
#include "exif.h"

namespace headroom::images {
namespace {

struct FreeDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

using Demuxer = std::unique_ptr<WebPDemuxer, FreeDemuxer>;

const std::uint8_t* data_of(const Source& source) {
  return reinterpret_cast<const std::uint8_t*>(source.bytes.data());
}

Demuxer open(const Source& source) {
  const WebPData data{data_of(source), source.bytes.size()};
  return Demuxer(WebPDemux(&data));
}

std::optional<std::string_view> chunk(const WebPDemuxer* demuxer, const char* type) {
  WebPChunkIterator iterator;
  std::optional<std::string_view> found;
  if (WebPDemuxGetChunk(demuxer, type, 1, &iterator) != 0) {
    // The bytes belong to the file, not to the iterator.
    found =
        std::string_view(reinterpret_cast<const char*>(iterator.chunk.bytes), iterator.chunk.size);
  }
  WebPDemuxReleaseChunkIterator(&iterator);
  return found;
}

int orientation_of(const WebPDemuxer* demuxer) {
  const auto exif = chunk(demuxer, "EXIF");
  const auto xmp = chunk(demuxer, "XMP ");
  return choose_orientation(exif ? exif_orientation(*exif) : std::nullopt,
                            xmp ? xmp_orientation(*xmp) : std::nullopt);
}

[[noreturn]] void fail(const Source& source, VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      throw std::bad_alloc();
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      fail_truncated(source, fmt::format("WebP ends after {} bytes", source.bytes.size()));
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      fail_unsupported(source, "WebP with a feature that libwebp does not know");
    default:
      fail_broken(source, fmt::format("WebP: libwebp's status {}", static_cast<int>(status)));
  }
}

/// The first frame, which may cover a part of the canvas; the rest of the canvas stays black.
struct Frame {
  WebPIterator iterator{};
  bool found = false;

  explicit Frame(const WebPDemuxer* demuxer)
      : found(WebPDemuxGetFrame(demuxer, 1, &iterator) != 0) {}

  ~Frame() { WebPDemuxReleaseIterator(&iterator); }

  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
};

}  // namespace

Probe probe_webp(const Source& source) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(data_of(source), source.bytes.size(), &features);
  if (status != VP8_STATUS_OK) {
    fail(source, status);
  }
  Probe probe;
  probe.width = static_cast<std::uint32_t>(features.width);
  probe.height = static_cast<std::uint32_t>(features.height);
  if (const Demuxer demuxer = open(source)) {
    probe.orientation = orientation_of(demuxer.get());
  }
  // Lossless and mixed files are decoded to 32-bit pixels first; lossy ones with alpha hold the
  // alpha plane.
  const std::uint64_t pixels = std::uint64_t{probe.width} * probe.height;
  const bool lossy = features.format == 1;
  probe.working_bytes = pixels * (lossy ? (features.has_alpha != 0 ? 2 : 0) : 5) +
                        std::uint64_t{probe.width} * 256 + (1U << 18U);
  return probe;
}

void decode_webp(const Source& source, Image& image) {
  const Demuxer demuxer = open(source);
  if (!demuxer) {
    fail(source, VP8_STATUS_NOT_ENOUGH_DATA);
  }
  const Frame frame(demuxer.get());
  if (!frame.found || frame.iterator.complete == 0) {
    fail(source, VP8_STATUS_NOT_ENOUGH_DATA);
  }
  const auto left = static_cast<std::uint32_t>(std::max(frame.iterator.x_offset, 0));
  const auto top = static_cast<std::uint32_t>(std::max(frame.iterator.y_offset, 0));
  const auto width = static_cast<std::uint32_t>(std::max(frame.iterator.width, 0));
  const auto height = static_cast<std::uint32_t>(std::max(frame.iterator.height, 0));
  if (left > image.width || width > image.width - left || top > image.height ||
      height > image.height - top || width == 0 || height == 0) {
    fail_broken(source,
                fmt::format("WebP frame of {} x {} at {}, {} is outside the canvas of {} x {}",
                            width,
                            height,
                            left,
                            top,
                            image.width,
                            image.height));
  }
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) {
    fail_unsupported(source, "WebP: libwebp of another version than its header");
  }
  const std::size_t stride = std::size_t{image.width} * 3;
  const std::size_t offset = top * stride + std::size_t{left} * 3;
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.rgb.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = image.rgb.size() - offset;
  const VP8StatusCode status =
      WebPDecode(frame.iterator.fragment.bytes, frame.iterator.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) {
    fail(source, status);
  }
}

}  // namespace headroom::images
