// How the elements of an array are stored.
#pragma once

namespace npfuse {

// Results are stored as one of the first four. Half types are computed in float32, integers in what holds them.
enum class DType { float16, bfloat16, float32, float64, int8, uint8, int16, uint16, int32, uint32, int64, uint64 };
inline constexpr int floating_dtype_count = 4;

}  // namespace npfuse
