// SPDX-License-Identifier: LGPL-3.0-or-later
#include "combined_model.hpp"

#include <algorithm>

namespace deepmd::engine {
namespace {

/// Whether a model counts for any of the atoms; else it is left out.
bool counts(const std::vector<double>& weights) {
  return std::any_of(weights.begin(), weights.end(), [](double weight) { return weight != 0.0; });
}

}  // namespace

CombinedModel::CombinedModel(const ModelSpec& spec, std::size_t nworkers)
    : BlockModel(spec), work_(nworkers) {
  for (const auto& each : spec.models) parts_.push_back(make(each, nworkers));
  for (Work& work : work_) work.weights.resize(parts_.size()), work.values.resize(parts_.size());
}

void CombinedModel::check(const Frame& frame) const {
  for (const auto& part : parts_) part->check(frame);
}

void CombinedModel::prepare(const std::vector<std::int32_t>& present) {
  for (auto& part : parts_) part->prepare(present);
}

std::string CombinedModel::path() const {
  std::string found;
  for (const auto& part : parts_) {
    const std::string own = part->path();
    found += (found.empty() || own.empty() ? "" : ", ") + own;
  }
  return found;
}

void CombinedModel::weigh(const Frame& frame, const Block& block, Work& work) const {
  for (std::size_t p = 0; p < parts_.size(); ++p)
    work.weights[p].assign(block.size, spec_.kind == Kind::sum ? spec_.weights[p] : 0.0);
  if (spec_.kind == Kind::sum) return;
  auto &net = work.weights[0], &table = work.weights[1];
  work.nearest.compute(frame, block, spec_.near, spec_.excluded, table.data());
  for (std::size_t i = 0; i < net.size(); ++i) net[i] = 1.0 - table[i];
}

void CombinedModel::add_values(const Frame& frame, const Block& block, Worker& worker,
                               double* values) {
  Work& work = work_[worker.number];
  weigh(frame, block, work);
  worker.timing.add(Phase::gather);
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    work.values[p].assign(block.size, 0.0);
    if (!counts(work.weights[p])) continue;
    parts_[p]->compute(frame, block, worker, work.values[p].data());
    for (std::int64_t i = 0; i < block.size; ++i)
      values[i] += work.weights[p][i] * work.values[p][i];
  }
}

void CombinedModel::add_derivatives(const Frame& frame, const Block& block, Worker& worker,
                                    int component, const double* weights, const Derivatives& out) {
  Work& work = work_[worker.number];
  work.factors.resize(block.size);
  if (spec_.kind == Kind::near_net) {
    for (std::int64_t i = 0; i < block.size; ++i)
      work.factors[i] = weights[i] * (work.values[1][i] - work.values[0][i]);
    work.nearest.derive(block, work.factors.data(), out);
    worker.timing.add(Phase::forces);
  }
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    if (!counts(work.weights[p])) continue;
    for (std::int64_t i = 0; i < block.size; ++i) work.factors[i] = work.weights[p][i] * weights[i];
    parts_[p]->derive(frame, block, worker, component, work.factors.data(), out);
  }
}

}  // namespace deepmd::engine
