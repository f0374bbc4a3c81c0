// SPDX-License-Identifier: LGPL-3.0-or-later
#include "chebyshev_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace deepmd::engine {
namespace {

constexpr double kTolerance = 1e-13;  // of values; derivatives have a hundred times that
constexpr int kMaxIntervals = 128;
constexpr int kDegree = 16;  // polynomials on an interval
constexpr int kRefined =
    3;  // so many times more nodes to compare with; odd, so that ours are among

/// From values at the points of an interval to coefficients, (degree, degree).
template <class Real>
std::vector<Real> inverse(int degree) {
  const Real pi = std::acos(Real(-1));
  std::vector<Real> matrix(degree * degree);
  for (int q = 0; q < degree; ++q)
    for (int k = 0; k < degree; ++k)
      matrix[q * degree + k] =
          std::cos(pi * q * (k + Real(0.5)) / degree) * (q == 0 ? 1 : 2) / degree;
  return matrix;
}

/// What is compared: functions, what polynomials miss of them, and the derivatives of both.
enum { value, missed_value, derivative, missed_derivative, kQuantities };
/// The largest of each.
using Deviation = std::array<double, kQuantities>;

/// Compares `degree` polynomials with those through three times as many nodes.
class Comparison {
 public:
  explicit Comparison(int degree) : degree_(degree), refined_(kRefined * degree) {
    const auto fine = inverse<double>(refined_), own = inverse<double>(degree_);
    for (int p = 0; p <= degree_; ++p) add_point(std::cos(M_PI * p / degree_), fine, own);
  }

  Deviation of(const Functions& functions, double low, double high) const {
    std::vector<double> s(refined_);
    for (int k = 0; k < refined_; ++k)
      s[k] = 0.5 * (low + high) + 0.5 * (high - low) * std::cos(M_PI * (k + 0.5) / refined_);
    const std::vector<double> values = functions(s);
    Deviation largest{};
    for (std::size_t p = 0; p < rows_.size(); ++p) {
      // the derivative is looked at inside only: at the ends rounding is amplified most
      const bool is_inside = p > 0 && p + 1 < rows_.size();
      for (int each = 0; each < (is_inside ? kQuantities : derivative); ++each)
        largest[each] = std::max(largest[each], size_of(rows_[p][each], values));
    }
    for (const int each : {derivative, missed_derivative}) largest[each] *= 2.0 / (high - low);
    return largest;
  }

 private:
  using Row = std::array<std::vector<double>, kQuantities>;  // (refined) by the nodes' values

  void add_point(double u, const std::vector<double>& fine, const std::vector<double>& own) {
    Row row;
    for (auto& each : row) each.assign(refined_, 0.0);
    std::vector<double> t(refined_), d(refined_);
    chebyshev::polynomials<double, sizeof(double), 0, true>(refined_, 1, &u, t.data(), d.data());
    for (int q = 0; q < refined_; ++q) {
      for (int k = 0; k < refined_; ++k) {
        const double full = fine[q * refined_ + k];
        double missed = full;
        if (q < degree_ && k % kRefined == kRefined / 2) missed -= own[q * degree_ + k / kRefined];
        const Deviation terms{t[q] * full, t[q] * missed, d[q] * full, d[q] * missed};
        for (int each = 0; each < kQuantities; ++each) row[each][k] += terms[each];
      }
    }
    rows_.push_back(std::move(row));
  }

  /// Of the functions' sums with a row the largest.
  static double size_of(const std::vector<double>& row, const std::vector<double>& values) {
    const std::size_t m = values.size() / row.size();
    std::vector<double> sums(m, 0.0);
    for (std::size_t k = 0; k < row.size(); ++k)
      for (std::size_t j = 0; j < m; ++j) sums[j] += row[k] * values[k * m + j];
    double largest = 0.0;
    for (const double sum : sums) largest = std::max(largest, std::abs(sum));
    return largest;
  }

  int degree_, refined_;
  std::vector<Row> rows_;
};

/// Whether an interval is fine enough.
using Fits = std::function<bool(double start, double end)>;

/// To where an interval may reach, found by halving to 2 %; none if it were too short.
std::optional<double> furthest(const Fits& fits, double start, double high, double shortest) {
  if (fits(start, high)) return high;
  double good = 0.0, bad = high - start;
  while (bad - good > 0.02 * bad) {
    if (!(bad >= shortest)) return std::nullopt;
    const double middle = 0.5 * (good + bad);
    (fits(start, start + middle) ? good : bad) = middle;
  }
  return start + good;
}

std::optional<std::vector<double>> intervals(const Fits& fits, double low, double high) {
  std::vector<double> bounds{low};
  while (bounds.back() < high) {
    const auto end =
        furthest(fits, bounds.back(), high, (high - low) / (kMaxIntervals * kMaxIntervals));
    if (!end || bounds.size() > kMaxIntervals) return std::nullopt;
    bounds.push_back(*end);
  }
  return bounds;
}

}  // namespace

std::optional<ChebyshevBasis> find_basis(const Functions& functions, double low, double high) {
  if (!(low < high)) return std::nullopt;
  // two polynomials fewer: what those that are used miss is far below the tolerance
  const Comparison comparison(kDegree - 2);
  Deviation largest{};
  for (int k = 0; k < 8; ++k) {
    const double step = (high - low) / 8.0;
    const Deviation found = comparison.of(functions, low + k * step, low + (k + 1) * step);
    for (const int each : {value, derivative}) largest[each] = std::max(largest[each], found[each]);
  }
  const double tiny = 1e-300;
  for (const double factor : {1.0, 10.0, 100.0}) {
    const auto fits = [&](double start, double end) {
      const Deviation found = comparison.of(functions, start, end);
      const double allowed = factor * kTolerance;
      return found[missed_value] <= allowed * std::max(largest[value], tiny) &&
             found[missed_derivative] <= 100.0 * allowed * std::max(largest[derivative], tiny);
    };
    if (auto bounds = intervals(fits, low, high)) return ChebyshevBasis(*bounds, kDegree);
  }
  return std::nullopt;
}

std::vector<long double> nodes_of(const ChebyshevBasis& basis) {
  const long double pi = std::acos(-1.0L);
  std::vector<long double> nodes;
  for (int i = 0; i < basis.nintervals(); ++i)
    for (int k = 0; k < basis.degree; ++k)
      nodes.push_back(basis.middle[i] + std::cos(pi * (k + 0.5L) / basis.degree) / basis.slope[i]);
  return nodes;
}

std::vector<double> coefficients(const ChebyshevBasis& basis,
                                 const std::vector<long double>& values) {
  const auto matrix = inverse<long double>(basis.degree);
  const std::size_t degree = basis.degree, size = basis.size();
  const std::size_t m = values.size() / size;
  std::vector<double> result;
  for (std::size_t row = 0; row < size; ++row)
    for (std::size_t j = 0; j < m; ++j) {
      long double sum = 0;
      for (std::size_t k = 0; k < degree; ++k)
        sum += matrix[row % degree * degree + k] * values[(row / degree * degree + k) * m + j];
      result.push_back(double(sum));
    }
  return result;
}

}  // namespace deepmd::engine
