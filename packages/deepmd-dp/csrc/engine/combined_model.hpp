// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Potentials made of several: their energies with weights, which are constants or depend on how
// near an atom's neighbors are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "block_model.hpp"
#include "soft_minimum.hpp"

namespace deepmd::engine {

class CombinedModel final : public BlockModel {
 public:
  CombinedModel(const ModelSpec& spec, std::size_t nworkers);

  void check(const Frame& frame) const override;
  void prepare(const std::vector<std::int32_t>& present) override;
  std::string path() const override;

 private:
  struct Work {
    SoftMinimum nearest;
    std::vector<std::vector<double>> weights, values;  // of each model, (size)
    std::vector<double> factors;                       // (size)
  };

  void add_values(const Frame& frame, const Block& block, Worker& worker, double* values) override;
  void add_derivatives(const Frame& frame, const Block& block, Worker& worker, int component,
                       const double* weights, const Derivatives& out) override;
  void weigh(const Frame& frame, const Block& block, Work& work) const;

  std::vector<std::unique_ptr<BlockModel>> parts_;
  std::vector<Work> work_;
};

}  // namespace deepmd::engine
