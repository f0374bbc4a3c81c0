// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A net of one number as a table of fifth-order polynomials, deepmd-kit's compressed form:
// deepmd_dp/nn/table.py.
#pragma once

#include <cstdint>
#include <vector>

#include "document.hpp"

namespace deepmd::engine {

struct Table {
  double lower = 0, upper = 0, end = 0;  // fine pieces to `upper`, coarse ones to `end`
  double fine = 1, coarse = 1;           // their widths
  std::vector<double> rows;              // (pieces, width, 6) coefficients; empty: no table
  std::int64_t width = 0;

  /// From the entries compress_data and compress_info of one net; none where these are empty.
  static Table read(const Node& data, const Node& info, std::int64_t width);

  /// y (n, width) of x (n), and the derivative of y along a direction of x unless these are null.
  template <class Real>
  void evaluate(std::int64_t n, const Real* x, const Real* dx, Real* y, Real* dy) const;

 private:
  std::int64_t nfine() const;
  std::int64_t npieces() const { return std::int64_t(rows.size()) / (6 * width); }
};

}  // namespace deepmd::engine
