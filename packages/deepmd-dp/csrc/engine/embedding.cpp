// SPDX-License-Identifier: LGPL-3.0-or-later
#include "embedding.hpp"

#include <algorithm>
#include <cmath>

#include "deepmd/environment_rows.hpp"

namespace deepmd::engine {

std::int64_t DescriptorSpec::function_of(std::int64_t center, std::int64_t neighbor) const {
  if (embedding == Embedding::strip) return 0;
  if (is_one_sided) return neighbor;
  return embedding == Embedding::pairs ? center + ntypes * neighbor : center * ntypes + neighbor;
}

template <class Real>
void DescriptorSpec::evaluate(std::int64_t center, std::int64_t neighbor,
                              const std::vector<Real>& s, Real* values, Real* slopes) const {
  const bool is_concat = embedding == Embedding::concat;
  const Net& net = nets.nets[is_concat ? 0 : function_of(center, neighbor)];
  const std::int64_t nin = net.nin(), n = std::int64_t(s.size()), dim = type_width;
  std::vector<Real> x(n * nin), dx(x.size(), Real(0));
  for (std::int64_t i = 0; i < n; ++i) {
    Real* row = &x[i * nin];
    row[0] = s[i], dx[i * nin] = 1;
    if (!is_concat) continue;
    std::copy_n(&type_vectors[neighbor * dim], dim, row + 1);
    if (!is_one_sided) std::copy_n(&type_vectors[center * dim], dim, row + 1 + dim);
  }
  net.evaluate<Real>(n, x.data(), slopes ? dx.data() : nullptr, values, slopes);
}

namespace {

/// Between which numbers angles lie: two nearest neighbors on opposite sides, or at one place.
std::pair<double, double> range_of_angles(const DescriptorSpec& spec, double direction) {
  double largest = 0.0;
  for (std::size_t k = 0; k < spec.davg.size(); k += 4) {
    double shift = 0.0, deviation = INFINITY;
    for (std::size_t c = k + 1; c < k + 4; ++c) {
      shift += std::pow(spec.davg[c] / spec.dstd[c], 2);
      deviation = std::min(deviation, spec.dstd[c]);
    }
    largest = std::max(largest, std::pow(direction / deviation + std::sqrt(shift), 2));
  }
  return {-largest, largest};
}

/// Between which numbers s lies.
std::pair<double, double> range_of(const DescriptorSpec& spec) {
  double x = kSmallestDistance, zero = 0.0, out[7];
  const double* xyz[3] = {&x, &zero, &zero};
  environment::radial_functions(spec.environment, 1, xyz,
                                {out, out + 1, out + 2, out + 3, out + 4, out + 5, out + 6});
  if (spec.is_three_body) return range_of_angles(spec, out[5] * x);
  double low = INFINITY, high = -INFINITY;
  for (std::size_t k = 0; k < spec.davg.size(); k += spec.columns)
    for (const double raw : {0.0, out[3]}) {
      const double s = (raw - spec.davg[k]) / spec.dstd[k];
      low = std::min(low, s), high = std::max(high, s);
    }
  return {low, high};
}

using Pair = std::pair<std::int32_t, std::int32_t>;

/// A pair of types, of those present, for each function; of three-body descriptors those of
/// neighbors, ascending.
std::map<std::int64_t, Pair> functions_among(const DescriptorSpec& spec,
                                             const std::vector<std::int32_t>& present) {
  std::map<std::int64_t, Pair> found;
  for (const auto center : present)
    for (const auto neighbor : present)
      if (!spec.is_three_body || center <= neighbor)
        found.emplace(spec.function_of(center, neighbor), Pair{center, neighbor});
  return found;
}

/// (size, width) coefficients of each function, or the unit matrix for a net that stays one.
std::map<std::int64_t, std::vector<double>> coefficients_of(
    const DescriptorSpec& spec, const std::map<std::int64_t, Pair>& pairs,
    const EdgeSettings& settings) {
  std::map<std::int64_t, std::vector<double>> found;
  const std::int64_t width = spec.width();
  for (const auto& [number, pair] : pairs) {
    std::vector<double> c(settings.size * width, 0.0);
    if (settings.basis.degree == 0) {
      for (std::int64_t m = 0; m < width; ++m) c[m * width + m] = 1.0;
    } else {
      std::vector<long double> values(c.size());
      spec.evaluate<long double>(pair.first, pair.second, nodes_of(settings.basis), values.data(),
                                 nullptr);
      c = coefficients(settings.basis, values);
    }
    found[number] = std::move(c);
  }
  return found;
}

std::optional<ChebyshevBasis> basis_of(const DescriptorSpec& spec,
                                       const std::map<std::int64_t, Pair>& pairs) {
  for (const Net& net : spec.nets.nets)
    if (!net.is_analytic()) return std::nullopt;
  const auto width = std::size_t(spec.width()), nfunctions = pairs.size();
  const auto [low, high] = range_of(spec);
  return find_basis(
      [&](const std::vector<double>& s) {
        std::vector<double> all(s.size() * width * nfunctions), own(s.size() * width);
        std::size_t place = 0;
        for (const auto& each : pairs) {
          spec.evaluate<double>(each.second.first, each.second.second, s, own.data(), nullptr);
          for (std::size_t i = 0; i < s.size(); ++i)
            std::copy_n(&own[i * width], width, &all[(i * nfunctions + place) * width]);
          ++place;
        }
        return all;
      },
      low, high);
}

/// C of a three-body descriptor, the same for all centres.
template <class T>
MatrixPair<T> pack_pairs(const DescriptorSpec& spec, const Kernels<T>& kernels,
                         const std::vector<std::int32_t>& present,
                         const std::map<std::int64_t, std::vector<double>>& coefficients) {
  std::vector<double> c;  // (nsegments * size, width)
  for (std::size_t p = 0; p < present.size(); ++p)
    for (std::size_t q = p; q < present.size(); ++q) {
      const auto slots = [&](std::size_t k) { return std::max(1.0, double(spec.sel[present[k]])); };
      for (const double each : coefficients.at(spec.function_of(present[p], present[q])))
        c.push_back(each / (slots(p) * slots(q)));
    }
  return pack(kernels, std::int64_t(c.size()) / spec.width(), spec.width(), c);
}

}  // namespace

template <class T>
EmbeddingMatrices<T> EmbeddingMatrices<T>::make(const DescriptorSpec& spec,
                                                const Kernels<T>& kernels,
                                                const std::vector<std::int32_t>& present,
                                                bool plain) {
  const auto pairs = functions_among(spec, present);
  const bool is_strip = spec.embedding == Embedding::strip;
  const std::int64_t width = spec.width();
  EmbeddingMatrices found;
  found.present = present;
  found.segment_of.assign(spec.ntypes, -1);
  for (std::size_t k = 0; k < present.size(); ++k) found.segment_of[present[k]] = std::int32_t(k);
  auto& settings = found.settings;
  settings.environment = spec.environment;
  settings.columns = spec.is_three_body ? 1 : spec.columns,
  settings.slots_differ = spec.slots_differ;
  settings.is_switched = is_strip && spec.is_smooth;
  const auto basis = plain ? std::nullopt : basis_of(spec, pairs);
  found.are_nets = !basis;
  if (basis) settings.basis = *basis;
  // so many functions of an edge that they are whole vectors
  settings.degree = basis ? basis->degree : int((width + 15) / 16 * 16);
  settings.size = basis ? basis->size() : settings.degree;
  const auto coefficients = coefficients_of(spec, pairs, settings);
  if (spec.is_three_body) {
    found.c[0] = pack_pairs(spec, kernels, present, coefficients);
    found.nsegments = found.c[0].forward.rows / settings.size;
    return found;
  }
  found.nsegments = std::int64_t(present.size()) + (settings.is_switched ? 1 : 0);
  const double share = 1.0 / double(std::max<std::int64_t>(1, spec.nslots()));
  for (const auto center : present) {
    std::vector<double> c;  // (nsegments * size, width)
    const auto add = [&](const std::vector<double>& own, const double* factor, double constant) {
      for (std::size_t k = 0; k < own.size(); ++k)
        c.push_back(own[k] * share * (factor ? constant + factor[k % width] : constant));
    };
    // of strips that are smooth the switched terms alone have the factor
    if (settings.is_switched) add(coefficients.at(0), nullptr, 1.0);
    for (const auto neighbor : present)
      add(coefficients.at(spec.function_of(center, neighbor)),
          is_strip ? spec.factor(center, neighbor) : nullptr, settings.is_switched ? 0.0 : 1.0);
    found.c[center] = pack(kernels, found.nsegments * settings.size, width, c);
  }
  return found;
}

ConstantMoments::Moments ConstantMoments::of_slot(const DescriptorSpec& spec, std::int64_t center,
                                                  std::int64_t neighbor, std::int64_t slot) const {
  const std::int64_t columns = spec.columns, width = spec.width();
  const std::int64_t slots = spec.slots_differ ? spec.nslots() : 1;
  const std::int64_t first = (center * slots + slot) * columns;
  Moments row(columns), values(width), moments;
  for (std::size_t c = 0; c < row.size(); ++c)
    row[c] = -spec.davg[first + c] / spec.dstd[first + c];
  spec.evaluate<double>(center, neighbor, {row[0]}, values.data(), nullptr);
  if (spec.embedding == Embedding::strip && !spec.is_smooth)
    for (std::size_t m = 0; m < values.size(); ++m)
      values[m] *= 1.0 + spec.factor(center, neighbor)[m];
  for (const double factor : row)
    for (const double value : values)
      moments.push_back((columns == 1 ? 1.0 : factor) * value / double(spec.nslots()));
  return moments;
}

ConstantMoments::ConstantMoments(const DescriptorSpec& spec) {
  const std::int64_t ntypes = spec.ntypes;
  for (const double mean : spec.davg) are_zero_ = are_zero_ && mean == 0.0;
  are_zero_ = (are_zero_ && spec.columns == 4) || spec.nslots() == 0;
  if (are_zero_) return;
  const bool has_left_out =
      spec.columns == 1 && std::count(spec.excluded.begin(), spec.excluded.end(), 1) > 0;
  for (std::int64_t center = 0; center < ntypes; ++center) {
    std::int64_t start = 0;
    for (std::int64_t neighbor = 0; neighbor < ntypes; ++neighbor) {
      std::vector<Moments> sums;
      if (!spec.slots_differ) {
        sums.push_back(of_slot(spec, center, neighbor, 0));
      } else {
        const std::int64_t sel = spec.sel[spec.is_by_type ? neighbor : 0];
        sums.resize(sel + 1);
        sums.back().assign(spec.columns * spec.width(), 0.0);
        for (std::int64_t n = sel - 1; n >= 0; --n) {
          auto& sum = sums[n] = of_slot(spec, center, neighbor, start + n);
          for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += sums[n + 1][k];
        }
        if (spec.is_by_type) start += sel;
      }
      empty_.push_back(std::move(sums));
      if (!has_left_out) continue;
      // deepmd-kit embeds a zero for a neighbor that is left out
      Moments zero(spec.width());
      spec.evaluate<double>(center, neighbor, {0.0}, zero.data(), nullptr);
      for (auto& value : zero) value /= double(spec.nslots());
      left_out_.push_back(std::move(zero));
    }
  }
}

template void DescriptorSpec::evaluate(std::int64_t, std::int64_t, const std::vector<double>&,
                                       double*, double*) const;
template struct EmbeddingMatrices<double>;
template struct EmbeddingMatrices<float>;

}  // namespace deepmd::engine
