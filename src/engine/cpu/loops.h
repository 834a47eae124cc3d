#pragma once

#include <mlx/types/half_types.h>

#include <cstdint>

#include "engine/activation.h"

/// The inner loops of the kernels: plain C++ on float pointers, written so that the compiler
/// vectorises them, in versions for several instruction sets of which the machine's best is taken.
namespace headroom::engine::cpu {

/// y = x / rms(x) * w, each of `rows` rows of `width`.
void rms_norm_rows(const float* x, const float* w, float* y, long rows, long width, float eps);
/// y = (x - mean(x)) / std(x) * w + b.
void layer_norm_rows(
    const float* x, const float* w, const float* b, float* y, long rows, long width, float eps);
/// y[i] = activation(x[i]) * x[width + i] for each row of 2 * width.
void gated_rows(Activation activation, const float* x, float* y, long rows, long width);
/// y = activation(x). y may be x.
void activate_all(Activation activation, const float* x, float* y, long count);
/// Each row of y becomes bias (or 0) + residual (or 0). y may be residual.
void start_rows(const float* bias, const float* residual, float* y, long rows, long width);

/// A row of scores in two pieces: returns the sum of exp(s - max), having replaced s by it.
float softmax_pieces(float* a, long na, float* b, long nb);
void scale_row(float* x, long n, float factor);
/// x = cap * tanh(x / cap).
void cap_row(float* x, long n, float cap);

/// q and k rotated: y = x rotated by the table's entry (D/2 cosines, D/2 sines), times `scale`.
void rotate_head(const float* x, const float* table, float* y, long dim, float scale);

/// A row as whole numbers from -127 to 127 and a scale for each `run` of them, the largest value
/// over 127. Zeros have scale 0; a run in which not all are finite has a scale that is not.
void quantise_row(
    const float* x, std::int8_t* numbers, mlx::core::float16_t* scales, long width, long run);
/// `rows` rows of `width` numbers times their scales -> y, without gaps.
void dequantise_rows(const std::int8_t* numbers,
                     long ldn,
                     const mlx::core::float16_t* scales,
                     long lds,
                     float* y,
                     long rows,
                     long width,
                     long run);

/// S[i, j] = dot(Q[i], K[j]); small products, where a BLAS call costs more than the work.
void small_scores(const float* q,
                  long ldq,
                  const float* k,
                  long ldk,
                  float* s,
                  long lds,
                  long n,
                  long m,
                  long dim);
/// O[i] += sum_j S[i, j] V[j].
void small_mix(const float* s,
               long lds,
               const float* v,
               long ldv,
               float* o,
               long ldo,
               long n,
               long m,
               long dim);

}  // namespace headroom::engine::cpu
