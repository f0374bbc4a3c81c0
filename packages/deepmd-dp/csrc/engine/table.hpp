// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A net of one number as a table of fifth-order polynomials, deepmd-kit's compressed form:
// deepmd_dp/nn/table.py.
#pragma once

#include <algorithm>
#include <cmath>
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
  static Table read(const Node& data, const Node& info, std::int64_t width) {
    Table table;
    const Array& numbers = info.array({-1});
    if (numbers.data.empty()) return table;
    if (numbers.data.size() != 6) info.fail("has not six numbers");
    const double* number = numbers.data.data();
    table.lower = number[0], table.upper = number[1], table.end = number[2];
    table.fine = number[3], table.coarse = number[4];
    table.rows = data.array({-1, 6 * width}).data;
    table.width = width;
    const auto is_finite = [](double each) { return std::isfinite(each); };
    if (!(table.lower < table.upper && table.upper <= table.end && table.fine > 0.0 &&
          table.coarse > 0.0) ||
        !std::all_of(number, number + 6, is_finite) ||
        !std::all_of(table.rows.begin(), table.rows.end(), is_finite))
      info.fail("is no range of a table, or the table's numbers are not finite");
    // at least one piece is coarse; deepmd-kit rounds their number up or down
    const double count = double(table.npieces()), last = (table.end - table.upper) / table.coarse;
    if (!((table.upper - table.lower) / table.fine < count + 1) ||
        table.nfine() >= table.npieces() || !(std::abs(count - double(table.nfine()) - last) < 2.0))
      info.fail("does not fit the number of the table's pieces");
    return table;
  }

  /// y (n, width) of x (n), and the derivative of y along a direction of x unless these are null.
  template <class Real>
  void evaluate(std::int64_t n, const Real* x, const Real* dx, Real* y, Real* dy) const {
    const std::int64_t first_coarse = nfine(), last = npieces() - 1;
    for (std::int64_t i = 0; i < n; ++i) {
      // beyond both ends the table goes on linearly; NaN counts as beyond the last
      const Real inside = x[i] < end ? std::max(x[i], Real(lower)) : Real(end);
      const Real beyond = x[i] - inside;
      std::int64_t piece;
      Real u;
      if (inside < upper) {
        piece = std::int64_t((inside - lower) / fine);
        u = inside - (Real(piece) * fine + lower);
      } else {
        piece = std::min(first_coarse + std::int64_t((inside - upper) / coarse), last);
        u = inside - (Real(piece - first_coarse) * coarse + upper);
      }
      const double* c = &rows[piece * width * 6];
      for (std::int64_t m = 0; m < width; ++m, c += 6) {
        const Real value = c[0] + u * (c[1] + u * (c[2] + u * (c[3] + u * (c[4] + u * c[5]))));
        const Real slope = c[1] + u * (2 * c[2] + u * (3 * c[3] + u * (4 * c[4] + u * (5 * c[5]))));
        // within the range `beyond` is zero and the slope is that of the polynomial
        y[i * width + m] = value + slope * beyond;
        if (dx) dy[i * width + m] = slope * dx[i];
      }
    }
  }

 private:
  /// Number of fine pieces, by a division in the type of the table: single precision if the width
  /// is of that.
  std::int64_t nfine() const {
    const float width = float(fine);
    return std::int64_t(double(width) == fine ? double(float(upper - lower) / width)
                                              : (upper - lower) / fine);
  }

  std::int64_t npieces() const { return std::int64_t(rows.size()) / (6 * width); }
};

}  // namespace deepmd::engine
