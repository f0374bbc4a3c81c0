// SPDX-License-Identifier: LGPL-3.0-or-later
#include "table.hpp"

#include <algorithm>
#include <cmath>

namespace deepmd::engine {

Table Table::read(const Node& data, const Node& info, std::int64_t width) {
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
  if (!((table.upper - table.lower) / table.fine < count + 1) || table.nfine() >= table.npieces() ||
      !(std::abs(count - double(table.nfine()) - last) < 2.0))
    info.fail("does not fit the number of the table's pieces");
  return table;
}

/// Number of fine pieces, by a division in the type of the table: single precision if the width is
/// of that.
std::int64_t Table::nfine() const {
  const float width = float(fine);
  return std::int64_t(double(width) == fine ? double(float(upper - lower) / width)
                                            : (upper - lower) / fine);
}

}  // namespace deepmd::engine
