#include "cpu/loops.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

// One version of each loop for AVX-512, one for AVX2 with FMA, one for any machine.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(HEADROOM_SANITIZED)
#define HEADROOM_VERSIONS \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HEADROOM_VERSIONS
#endif

namespace headroom::engine::cpu {
namespace {

constexpr long kLanes = 16;

/// exp to about 2 units in the last place, for x <= 88; below -87 it gives the smallest normal
/// number's neighbourhood instead of a subnormal. Cephes' expf polynomial.
[[gnu::always_inline]] inline float fast_exp(float x) {
  x = std::min(std::max(x, -87.0F), 88.0F);
  const float shifted = x * 1.44269504088896341F + 12582912.0F;
  const auto n = std::bit_cast<std::int32_t>(shifted) - 0x4B400000;
  const float whole = shifted - 12582912.0F;
  float r = x - whole * 0.693359375F;
  r = r + whole * 2.12194440e-4F;
  float p = 1.9875691500E-4F;
  p = p * r + 1.3981999507E-3F;
  p = p * r + 8.3334519073E-3F;
  p = p * r + 4.1665795894E-2F;
  p = p * r + 1.6666665459E-1F;
  p = p * r + 5.0000001201E-1F;
  p = p * r * r + r + 1.0F;
  return p * std::bit_cast<float>((n + 127) << 23);
}

/// Sum of squares of (x - shift), in lanes so that it vectorises and adds in a fixed order.
[[gnu::always_inline]] inline float sum_squares(const float* x, long n, float shift) {
  float lanes[kLanes] = {};
  long i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (long j = 0; j < kLanes; ++j) {
      const float d = x[i + j] - shift;
      lanes[j] += d * d;
    }
  }
  float sum = 0;
  for (const float lane : lanes) {
    sum += lane;
  }
  for (; i < n; ++i) {
    sum += (x[i] - shift) * (x[i] - shift);
  }
  return sum;
}

[[gnu::always_inline]] inline float sum_all(const float* x, long n) {
  float lanes[kLanes] = {};
  long i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (long j = 0; j < kLanes; ++j) {
      lanes[j] += x[i + j];
    }
  }
  float sum = 0;
  for (const float lane : lanes) {
    sum += lane;
  }
  for (; i < n; ++i) {
    sum += x[i];
  }
  return sum;
}

[[gnu::always_inline]] inline float largest(const float* x, long n, float start) {
  float lanes[kLanes];
  std::fill(lanes, lanes + kLanes, start);
  long i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (long j = 0; j < kLanes; ++j) {
      lanes[j] = lanes[j] > x[i + j] ? lanes[j] : x[i + j];
    }
  }
  float best = start;
  for (const float lane : lanes) {
    best = std::max(best, lane);
  }
  for (; i < n; ++i) {
    best = std::max(best, x[i]);
  }
  return best;
}

[[gnu::always_inline]] inline float exponentials(float* x, long n, float shift) {
  for (long i = 0; i < n; ++i) {
    x[i] = fast_exp(x[i] - shift);
  }
  return sum_all(x, n);
}

[[gnu::always_inline]] inline float dot(const float* a, const float* b, long n) {
  float lanes[kLanes] = {};
  long i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (long j = 0; j < kLanes; ++j) {
      lanes[j] += a[i + j] * b[i + j];
    }
  }
  float sum = 0;
  for (const float lane : lanes) {
    sum += lane;
  }
  for (; i < n; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

[[gnu::always_inline]] inline float silu(float x) { return x / (1.0F + fast_exp(-x)); }

[[gnu::always_inline]] inline float gelu(float x) {
  return 0.5F * x * (1.0F + std::erf(x * 0.70710678118654752F));
}

[[gnu::always_inline]] inline float gelu_tanh(float x) {
  // x (1 + tanh u) / 2 = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3)
  const float minus_2u = -1.5957691216057308F * (x + 0.044715F * x * x * x);
  return x / (1.0F + fast_exp(minus_2u));
}

[[gnu::always_inline]] inline float quick_gelu(float x) {
  return x / (1.0F + fast_exp(-1.702F * x));
}

}  // namespace

HEADROOM_VERSIONS void rms_norm_rows(
    const float* x, const float* w, float* y, long rows, long width, float eps) {
  for (long row = 0; row < rows; ++row, x += width, y += width) {
    const float mean = sum_squares(x, width, 0.0F) / static_cast<float>(width);
    const float factor = 1.0F / std::sqrt(mean + eps);
    for (long i = 0; i < width; ++i) {
      y[i] = x[i] * factor * w[i];
    }
  }
}

HEADROOM_VERSIONS void layer_norm_rows(
    const float* x, const float* w, const float* b, float* y, long rows, long width, float eps) {
  for (long row = 0; row < rows; ++row, x += width, y += width) {
    const float mean = sum_all(x, width) / static_cast<float>(width);
    const float variance = sum_squares(x, width, mean) / static_cast<float>(width);
    const float factor = 1.0F / std::sqrt(variance + eps);
    for (long i = 0; i < width; ++i) {
      y[i] = (x[i] - mean) * factor * w[i] + b[i];
    }
  }
}

HEADROOM_VERSIONS void gated_rows(
    Activation activation, const float* x, float* y, long rows, long width) {
  for (long row = 0; row < rows; ++row, x += 2 * width, y += width) {
    switch (activation) {
      case Activation::kSilu:
        for (long i = 0; i < width; ++i) {
          y[i] = silu(x[i]) * x[width + i];
        }
        break;
      case Activation::kGelu:
        for (long i = 0; i < width; ++i) {
          y[i] = gelu(x[i]) * x[width + i];
        }
        break;
      case Activation::kGeluTanh:
        for (long i = 0; i < width; ++i) {
          y[i] = gelu_tanh(x[i]) * x[width + i];
        }
        break;
      case Activation::kQuickGelu:
        for (long i = 0; i < width; ++i) {
          y[i] = quick_gelu(x[i]) * x[width + i];
        }
        break;
    }
  }
}

HEADROOM_VERSIONS void activate_all(Activation activation, const float* x, float* y, long count) {
  switch (activation) {
    case Activation::kSilu:
      for (long i = 0; i < count; ++i) {
        y[i] = silu(x[i]);
      }
      break;
    case Activation::kGelu:
      for (long i = 0; i < count; ++i) {
        y[i] = gelu(x[i]);
      }
      break;
    case Activation::kGeluTanh:
      for (long i = 0; i < count; ++i) {
        y[i] = gelu_tanh(x[i]);
      }
      break;
    case Activation::kQuickGelu:
      for (long i = 0; i < count; ++i) {
        y[i] = quick_gelu(x[i]);
      }
      break;
  }
}

HEADROOM_VERSIONS void start_rows(
    const float* bias, const float* residual, float* y, long rows, long width) {
  if (residual != nullptr && bias != nullptr) {
    for (long row = 0; row < rows; ++row, residual += width, y += width) {
      for (long i = 0; i < width; ++i) {
        y[i] = residual[i] + bias[i];
      }
    }
  } else if (bias != nullptr) {
    for (long row = 0; row < rows; ++row, y += width) {
      std::copy(bias, bias + width, y);
    }
  } else if (residual != nullptr && residual != y) {
    std::copy(residual, residual + rows * width, y);
  }
}

HEADROOM_VERSIONS float softmax_pieces(float* a, long na, float* b, long nb) {
  const float top = largest(b, nb, largest(a, na, -std::numeric_limits<float>::infinity()));
  return exponentials(a, na, top) + exponentials(b, nb, top);
}

HEADROOM_VERSIONS void scale_row(float* x, long n, float factor) {
  for (long i = 0; i < n; ++i) {
    x[i] *= factor;
  }
}

HEADROOM_VERSIONS void cap_row(float* x, long n, float cap) {
  const float twice = 2.0F / cap;
  for (long i = 0; i < n; ++i) {
    // tanh u = 1 - 2 / (exp(2u) + 1)
    x[i] = cap - 2.0F * cap / (fast_exp(x[i] * twice) + 1.0F);
  }
}

HEADROOM_VERSIONS void rotate_head(
    const float* x, const float* table, float* y, long dim, float scale) {
  const long half = dim / 2;
  const float* cosines = table;
  const float* sines = table + half;
  for (long i = 0; i < half; ++i) {
    const float first = x[i];
    const float second = x[half + i];
    y[i] = (first * cosines[i] - second * sines[i]) * scale;
    y[half + i] = (second * cosines[i] + first * sines[i]) * scale;
  }
}

HEADROOM_VERSIONS void quantise_row(
    const float* x, std::int8_t* numbers, mlx::core::float16_t* scales, long width, long run) {
  for (long from = 0; from < width; from += run, x += run, numbers += run, ++scales) {
    float top = 0;
    float not_finite = 0;  // becomes NaN, and the scale with it, so that it is not lost here
    for (long i = 0; i < run; ++i) {
      top = std::max(top, std::abs(x[i]));
      not_finite += x[i] * 0.0F;
    }
    *scales = static_cast<mlx::core::float16_t>(top * (1.0F / 127.0F) + not_finite);
    // As rounded, so that the numbers fit the scale that is kept.
    const auto scale = static_cast<float>(*scales);
    const float factor = scale == 0.0F ? 0.0F : 1.0F / scale;
    for (long i = 0; i < run; ++i) {
      // In this order a NaN becomes 127.
      const float bounded = std::max(-127.0F, std::min(127.0F, x[i] * factor));
      numbers[i] = static_cast<std::int8_t>(std::nearbyint(bounded));
    }
  }
}

HEADROOM_VERSIONS void dequantise_rows(const std::int8_t* numbers,
                                       long ldn,
                                       const mlx::core::float16_t* scales,
                                       long lds,
                                       float* y,
                                       long rows,
                                       long width,
                                       long run) {
  for (long row = 0; row < rows; ++row, numbers += ldn, scales += lds) {
    for (long from = 0; from < width; from += run, y += run) {
      const auto scale = static_cast<float>(scales[from / run]);
      for (long i = 0; i < run; ++i) {
        y[i] = static_cast<float>(numbers[from + i]) * scale;
      }
    }
  }
}

HEADROOM_VERSIONS void small_scores(const float* q,
                                    long ldq,
                                    const float* k,
                                    long ldk,
                                    float* s,
                                    long lds,
                                    long n,
                                    long m,
                                    long dim) {
  for (long i = 0; i < n; ++i) {
    for (long j = 0; j < m; ++j) {
      s[i * lds + j] = dot(q + i * ldq, k + j * ldk, dim);
    }
  }
}

HEADROOM_VERSIONS void small_mix(const float* s,
                                 long lds,
                                 const float* v,
                                 long ldv,
                                 float* o,
                                 long ldo,
                                 long n,
                                 long m,
                                 long dim) {
  for (long i = 0; i < n; ++i) {
    float* out = o + i * ldo;
    for (long j = 0; j < m; ++j) {
      const float weight = s[i * lds + j];
      const float* value = v + j * ldv;
      for (long d = 0; d < dim; ++d) {
        out[d] += weight * value[d];
      }
    }
  }
}

}  // namespace headroom::engine::cpu
