// SPDX-License-Identifier: LGPL-3.0-or-later
//
// What computes a model, or one of those that a model is made of: a block of atoms at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "frame.hpp"
#include "model_spec.hpp"
#include "timing.hpp"

namespace deepmd::engine {

class BlockModel {
 public:
  virtual ~BlockModel() = default;

  /// That of a spec, which must outlive it, for so many workers.
  static std::unique_ptr<BlockModel> make(const ModelSpec& spec, std::size_t nworkers);

  /// Throws `Error` where parameters are missing.
  virtual void check(const Frame& frame) const { static_cast<void>(frame); }

  /// Makes what atoms of these types need, where it has not; not while others compute.
  virtual void prepare(const std::vector<std::int32_t>& present) { static_cast<void>(present); }

  /// For people: what it is computed by; empty where there is nothing to say.
  virtual std::string path() const { return ""; }

  /// The output (size, ncomponents) of a block's atoms. What derivatives need stays with the worker
  /// until its next block.
  void compute(const Frame& frame, const Block& block, Worker& worker, double* values) {
    const std::int64_t n = spec_.ncomponents();
    std::fill_n(values, block.size * n, 0.0);
    if (!has_output(block)) return;
    add_values(frame, block, worker, values);
    for (std::int64_t k = 0; k < block.size * n; ++k)
      values[k] += spec_.bias[block.type * n + k % n];
  }

  /// Adds the derivatives of the sum over the atoms of an output's component, each with its weight
  /// (size). Of the block that was computed last.
  void derive(const Frame& frame, const Block& block, Worker& worker, int component,
              const double* weights, const Derivatives& out) {
    if (has_output(block)) add_derivatives(frame, block, worker, component, weights, out);
  }

 protected:
  explicit BlockModel(const ModelSpec& spec) : spec_(spec) {}
  const ModelSpec& spec_;

 private:
  virtual void add_values(const Frame& frame, const Block& block, Worker& worker,
                          double* values) = 0;
  virtual void add_derivatives(const Frame& frame, const Block& block, Worker& worker,
                               int component, const double* weights, const Derivatives& out) = 0;
  bool has_output(const Block& block) const { return spec_.has_output[block.type]; }
};

}  // namespace deepmd::engine
