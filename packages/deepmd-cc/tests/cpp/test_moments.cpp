// SPDX-License-Identifier: LGPL-3.0-or-later
#include "deepmd/moments.hpp"

#include <cmath>
#include <random>

#include "check.hpp"

using namespace deepmd;
using Numbers = std::vector<double>;
using Counts = std::vector<std::int64_t>;

namespace {

constexpr std::int64_t n = 3, nedge = 19;

/// In any order and overlap: every pass must be the same on all threads.
const auto parallel = [](std::int64_t count, const auto& body) {
  for (std::int64_t i = count; i > 0; --i) body(i - 1, i);
};

struct Case {
  Counts counts;  // degree, columns, nsegments, switched, environment, exp switch, segment
  bool slots = false;
  Numbers bounds = {-1.0, 0.2, 0.9, 2.5, 5.0};

  MomentsSpec spec(Pass pass) const {
    Numbers numbers{4.0, 2.0, 0.05};
    numbers.insert(numbers.end(), bounds.begin(), bounds.end());
    Counts all = counts;
    all.push_back(std::int64_t(pass));
    return MomentsSpec(numbers, all);
  }
};

template <class T>
struct Typed {
  std::vector<T> values;
  Shape shape;

  explicit Typed(Shape s = {0}) : shape(std::move(s)) {
    std::size_t size = 1;
    for (const auto length : shape) size *= std::size_t(length);
    values.resize(size);
  }
  TensorView view() {
    const DType dtype = sizeof(T) == 8 ? (T(0.5) == T(0) ? DType::int64 : DType::float64)
                                       : (T(0.5) == T(0) ? DType::int32 : DType::float32);
    return {values.data(), dtype, shape};
  }
};

template <class T>
double inner(const Typed<T>& a, const Typed<T>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i)
    sum += double(a.values[i]) * double(b.values[i]);
  return sum;
}

/// Tensors of a case; T is the type of all but displacements.
template <class T>
class Problem {
 public:
  explicit Problem(const Case& c) : case_(c), spec(c.spec(Pass::forward)), rng_(1) {
    edge_vec = random<double>({n, nedge, 3}, 1.5), s = random<T>({n, nedge}, 3.0);
    rows = random<T>({n, nedge, spec.columns}, 1.0);
    weights = Typed<T>({n, nedge});
    segment = Typed<std::int64_t>({n, nedge});
    for (std::size_t i = 0; i < weights.values.size(); ++i)
      weights.values[i] = T(i % 3), segment.values[i] = std::int64_t(i % 4) - 1;
    const Shape statistics{n, c.slots ? nedge : 1, spec.columns};
    shift = random<T>(statistics, 0.1), scale = random<T>(statistics, 0.3);
    for (auto& x : scale.values) x += T(3);
  }

  std::vector<TensorView> geometry() {
    std::vector<TensorView> views =
        spec.is_environment
            ? std::vector<TensorView>{edge_vec.view(), weights.view(), shift.view(), scale.view()}
            : std::vector<TensorView>{s.view(), rows.view()};
    if (spec.has_segment) views.push_back(segment.view());
    return views;
  }

  template <class U>
  Typed<U> random(const Shape& shape, double width) {
    std::normal_distribution<double> normal(0.0, width);
    Typed<U> made(shape);
    for (auto& x : made.values) x = U(normal(rng_));
    return made;
  }

  void run(Pass pass, const std::vector<TensorView>& more, const std::vector<TensorView>& results) {
    auto in = geometry();
    in.insert(in.end(), more.begin(), more.end());
    run_moments(case_.spec(pass), in, results, parallel);
  }

  Typed<T> moments() {
    Typed<T> a(spec.moments_shape(n));
    run(Pass::forward, {}, {a.view()});
    return a;
  }

  Case case_;
  MomentsSpec spec;
  Typed<double> edge_vec;
  Typed<T> s, rows, weights, shift, scale;
  Typed<std::int64_t> segment;

 private:
  std::mt19937 rng_;
};

/// T_q of s by its definition, 0 outside the interval.
double polynomial(const MomentsSpec& spec, double s, int interval, int q) {
  const auto& bounds = spec.basis.bounds;
  int found = 0;
  while (found + 1 < spec.basis.nintervals() && s >= bounds[std::size_t(found + 1)]) ++found;
  if (found != interval) return 0.0;
  const double low = bounds[std::size_t(found)], high = bounds[std::size_t(found + 1)];
  const double u = (2.0 * s - low - high) / (high - low), end = std::min(1.0, std::max(-1.0, u));
  const double slope = q * q * (u < 0 && q % 2 == 0 ? -1.0 : 1.0);
  return std::cos(q * std::acos(end)) + (u - end) * slope;
}

/// A of the general kind, edge by edge.
Typed<double> written_out(Problem<double>& p) {
  Typed<double> a(p.spec.moments_shape(n));
  const std::int64_t size = p.spec.basis.size();
  for (std::int64_t i = 0; i < n * nedge; ++i) {
    const std::int64_t segment = p.spec.has_segment ? p.segment.values[std::size_t(i)] : 0;
    if (segment < 0 || segment >= p.spec.nsegments) continue;
    for (int c = 0; c < p.spec.columns; ++c)
      for (std::int64_t q = 0; q < size; ++q)
        a.values[std::size_t(
            (((i / nedge) * p.spec.columns + c) * p.spec.nsegments + segment) * size + q)] +=
            p.rows.values[std::size_t(i * p.spec.columns + c)] *
            polynomial(p.spec, p.s.values[std::size_t(i)], int(q / p.spec.basis.degree),
                       int(q % p.spec.basis.degree));
  }
  return a;
}

bool agree(const Typed<double>& a, const Typed<double>& b, double tolerance) {
  double worst = 0.0, largest = 1e-300;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    worst = std::max(worst, std::abs(a.values[i] - b.values[i]));
    largest = std::max(largest, std::abs(b.values[i]));
  }
  if (worst > tolerance * largest) std::printf("  %g of %g\n", worst, largest);
  return worst <= tolerance * largest;
}

/// The derivative along a direction against central differences, and the transpose against it.
void check_derivatives(Problem<double>& p) {
  std::vector<Typed<double>*> derived{&p.edge_vec};
  if (!p.spec.is_environment) derived = {&p.s, &p.rows};
  std::vector<Typed<double>> along, gradient, moved[2];
  std::vector<TensorView> direction, results;
  for (auto* each : derived)
    along.push_back(p.random<double>(each->shape, 1.0)), gradient.emplace_back(each->shape);
  for (auto& each : along) direction.push_back(each.view());
  for (auto& each : gradient) results.push_back(each.view());

  Typed<double> tangent(p.spec.moments_shape(n)), difference[2];
  p.run(Pass::tangent, direction, {tangent.view()});
  const double h = 1e-6;
  for (int side = 0; side < 2; ++side) {
    const auto move = [&](double step) {
      for (std::size_t k = 0; k < derived.size(); ++k)
        for (std::size_t i = 0; i < along[k].values.size(); ++i)
          derived[k]->values[i] += step * along[k].values[i];
    };
    move(side == 0 ? -h : h);
    difference[side] = p.moments();
    move(side == 0 ? h : -h);
  }
  for (std::size_t i = 0; i < tangent.values.size(); ++i)
    difference[1].values[i] = (difference[1].values[i] - difference[0].values[i]) / (2 * h);
  CHECK(agree(tangent, difference[1], 2e-7));

  auto of_moments = p.random<double>(tangent.shape, 1.0);
  for (auto& each : gradient) each.values.assign(each.values.size(), 99.0);  // all of it is written
  p.run(Pass::transpose, {of_moments.view()}, results);
  double by_transpose = 0.0;
  for (std::size_t k = 0; k < along.size(); ++k) by_transpose += inner(along[k], gradient[k]);
  CHECK(std::abs(by_transpose - inner(of_moments, tangent)) <
        1e-11 * std::sqrt(inner(tangent, tangent)));
}

const Case general_cases[] = {{{16, 4, 1, 0, 0, 0, 0}},
                              {{16, 2, 2, 0, 0, 0, 1}},
                              {{7, 1, 3, 0, 0, 0, 1}},
                              {{1, 4, 1, 0, 0, 0, 0}},
                              {{5, 4, 1, 0, 0, 0, 0}, false, {-1.0, 3.0}}};
const Case environment_cases[] = {{{16, 4, 1, 0, 1, 0, 0}},
                                  {{16, 4, 2, 1, 1, 0, 1}},
                                  {{16, 4, 1, 1, 1, 0, 0}, true},
                                  {{9, 1, 3, 0, 1, 0, 1}, true},
                                  {{16, 4, 1, 1, 1, 1, 0}}};

void general_moments_are_the_sums() {
  for (const auto& each : general_cases) {
    Problem<double> p(each);
    CHECK(agree(p.moments(), written_out(p), 1e-14));
    check_derivatives(p);
  }
}

/// The environment's rows, fed to the general kind, give the same.
void environment_moments_have_derivatives() {
  for (const auto& each : environment_cases) {
    Problem<double> p(each);
    check_derivatives(p);
    Case same = each;
    same.counts[3] = same.counts[4] = 0;
    Problem<double> general(same);
    const auto& set = p.spec.settings;
    for (std::size_t i = 0; i < std::size_t(n * nedge); ++i) {
      const double* v = &p.edge_vec.values[3 * i];
      const double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
      const double u =
          std::min(1.0, std::max(0.0, (r - set.rcut_smth) / (set.rcut - set.rcut_smth)));
      double w = 1 + u * u * u * (-10 + u * (15 - 6 * u));
      if (set.use_exp_switch)
        w = r > set.rcut ? 0.0 : std::exp(-std::exp(20 / set.rcut_smth * (r - set.rcut_smth)));
      for (int c = 0; c < p.spec.columns; ++c) {
        const std::size_t at =
            (each.slots ? i : i / nedge) * std::size_t(p.spec.columns) + std::size_t(c);
        const double d = r + set.protection, raw = c == 0 ? w / d : w * v[c - 1] / (d * d);
        const double row = (raw - p.shift.values[at]) * p.scale.values[at];
        if (c == 0) general.s.values[i] = row;
        general.rows.values[i * std::size_t(p.spec.columns) + std::size_t(c)] =
            row * p.weights.values[i];
      }
    }
    auto first = p.moments(), expected = general.moments();
    if (p.spec.is_switched) {  // the first of the two sums
      const auto half = std::ptrdiff_t(expected.values.size()) / n;
      Typed<double> taken(expected.shape);
      for (std::int64_t i = 0; i < n; ++i)
        std::copy_n(first.values.begin() + 2 * i * half, half, taken.values.begin() + i * half);
      first = taken;
    }
    CHECK(agree(first, expected, 1e-13));
  }
}

void single_precision() {
  for (const auto& each : {general_cases[1], environment_cases[1]}) {
    Problem<float> p(each);
    Problem<double> same(each);
    same.s.values.assign(p.s.values.begin(), p.s.values.end());
    same.rows.values.assign(p.rows.values.begin(), p.rows.values.end());
    same.shift.values.assign(p.shift.values.begin(), p.shift.values.end());
    same.scale.values.assign(p.scale.values.begin(), p.scale.values.end());
    const auto single = p.moments();
    Typed<double> widened(single.shape);
    widened.values.assign(single.values.begin(), single.values.end());
    CHECK(agree(widened, same.moments(), 1e-6));
  }
}

void no_edges() {
  const Case c{{16, 4, 1, 0, 0, 0, 0}};
  for (const Shape& shape : {Shape{0, 5}, Shape{3, 0}}) {
    Typed<double> s(shape), rows({shape[0], shape[1], 4}),
        a(c.spec(Pass::forward).moments_shape(shape[0]));
    a.values.assign(a.values.size(), 1.0);
    run_moments(c.spec(Pass::forward), {s.view(), rows.view()}, {a.view()}, parallel);
    CHECK(inner(a, a) == 0.0);
  }
}

void wrong_arguments_are_refused() {
  Problem<double> p(environment_cases[1]);
  auto in = p.geometry();
  Typed<double> a(p.spec.moments_shape(n)), wrong({n, nedge});
  CHECK_REFUSED(run_moments(p.spec, {in[0]}, {a.view()}, parallel), "wrong number of tensors");
  CHECK_REFUSED(run_moments(p.spec, in, {}, parallel), "wrong number of results");
  CHECK_REFUSED(run_moments(p.spec, in, {wrong.view()}, parallel),
                "the result has the shape (3, 19); expected (3, 2,");
  for (std::size_t i = 0; i < in.size(); ++i) {
    auto bad = in;
    bad[i] = i == 1 ? p.edge_vec.view() : wrong.view();
    CHECK_REFUSED(run_moments(p.spec, bad, {a.view()}, parallel),
                  i == 4 ? "wrong type" : "has the shape");
  }
  CHECK_REFUSED(MomentsSpec({1, 1, 0, 0, 1}, {16, 4, 1, 0, 1, 0, 0}), "incomplete");
  CHECK_REFUSED(MomentsSpec({1, 1, 0, 1, 0}, {16, 4, 1, 0, 1, 0, 0, 0}), "ascend");
  CHECK_REFUSED(MomentsSpec({1, 1, 0, 0, 1}, {16, 3, 1, 0, 1, 0, 0, 0}), "1 or 4 columns");
  CHECK_REFUSED(MomentsSpec({1, 1, 0, 0, 1}, {16, 4, 1, 1, 0, 0, 0, 0}), "has a switch");
  CHECK_REFUSED(MomentsSpec({1, 1, 0, 0, 1}, {16, 4, 1, 0, 1, 0, 0, 3}), "three passes");
}

}  // namespace

int main() {
  general_moments_are_the_sums();
  environment_moments_have_derivatives();
  single_precision();
  no_edges();
  wrong_arguments_are_refused();
  return close_checks();
}
