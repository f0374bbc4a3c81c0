// SPDX-License-Identifier: LGPL-3.0-or-later
//
// What a kernel sees of a framework's tensor, and the checks of it that are the same everywhere.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace deepmd {

enum class DType { float64, float32, int64, int32, other };

using Shape = std::vector<std::int64_t>;

/// Numbers that lie one after the other in the CPU's memory; the binding sees to that.
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::other;
  Shape shape;

  std::int64_t size(std::size_t axis) const { return axis < shape.size() ? shape[axis] : 0; }
};

inline void require(bool holds, const std::string& message) {
  if (!holds) throw std::invalid_argument(message);
}

inline std::string text_of(const Shape& shape) {
  std::string text = "(";
  for (const auto size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + ")";
}

/// The numbers of a view that must have this shape; T is float64, float32, int64 or int32.
template <class T>
T* data(const TensorView& view, const Shape& shape, const char* name) {
  constexpr bool is_int = T(0.5) == T(0);
  constexpr DType expected = is_int ? (sizeof(T) == 8 ? DType::int64 : DType::int32)
                                    : (sizeof(T) == 8 ? DType::float64 : DType::float32);
  require(view.dtype == expected, std::string(name) + " has a wrong type");
  require(view.shape == shape, std::string(name) + " has the shape " + text_of(view.shape) +
                                   "; expected " + text_of(shape));
  return static_cast<T*>(view.data);
}

}  // namespace deepmd
