// SPDX-License-Identifier: LGPL-3.0-or-later
//
// A model that computes: what the plug-in for C++ programs and the module for Python share.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "block_model.hpp"
#include "document.hpp"

namespace deepmd::engine {

/// The terms of a model's output for one frame, see `deepmd.outputs` in Python.
struct Results {
  std::vector<double> sum;          // (components)
  std::vector<double> atom;         // (nloc, components)
  std::vector<double> force;        // (components, nall, 3)
  std::vector<double> virial;       // (components, 9)
  std::vector<double> atom_virial;  // (components, nall, 9) where wanted

  /// That of a kind of the record's outputs.
  const std::vector<double>& of(const std::string& kind) const {
    if (kind == "sum") return sum;
    if (kind == "atom") return atom;
    if (kind == "force") return force;
    return kind == "virial" ? virial : atom_virial;
  }
};

class Engine {
 public:
  Engine(ModelSpec spec, int nthreads);

  /// The model of a document; `nthreads` 0: as OMP_NUM_THREADS says, else all. Throws `Error` for
  /// what is damaged or not covered.
  static std::unique_ptr<Engine> open(const Document& document, int nthreads);

  /// Throws `Error` where parameters are missing. Terms of atoms at the same place are not finite.
  void compute(const Frame& frame, bool atomic_virials, Results& results);

  const ModelSpec& spec() const { return spec_; }
  /// What a caller must know, JSON.
  const std::string& record() const { return record_; }
  /// Processor seconds of each phase so far, all threads.
  std::array<double, kPhases> seconds() const;

 private:
  struct Work {  // of a thread
    Worker worker;
    std::vector<double> values;  // of a block
    std::vector<double> force, virial, atom_virial;
  };

  void process(const Frame& frame, const Block& block, Work& work, Results& results);
  void add_up(bool atomic_virials, Results& results);

  ModelSpec spec_;
  std::vector<Work> work_;
  std::unique_ptr<BlockModel> model_;
  std::string record_;
};

}  // namespace deepmd::engine
