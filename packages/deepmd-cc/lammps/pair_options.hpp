// SPDX-License-Identifier: LGPL-3.0-or-later
// What stands behind `pair_style deepmd`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace deepmd_lammps {

// Where parameters of the frame or of the atoms come from; one of them at most.
struct ParameterSource {
  std::vector<double> values;
  std::string compute;  // ID
  std::string fix;      // ID
  int first = 0;        // of the fix's vector, from 1; 0: the scalar, or the vector from its start

  bool is_given() const { return !values.empty() || !compute.empty() || !fix.empty(); }
};

struct PairOptions {
  std::vector<std::string> models;
  std::string out_file = "model_devi.out";
  bool has_out_file = false;
  long out_freq = 100;  // steps; 0: never
  bool atomic = false;
  std::optional<double> relative;    // level of the forces [energy/length]
  std::optional<double> relative_v;  // level of the virials, by atom [energy]
  ParameterSource fparam, aparam;
  std::vector<std::int64_t> charge_spin;  // of the frame; empty: the model's default
};

// Throws std::invalid_argument, in one line that names the keyword.
PairOptions read_pair_options(const std::vector<std::string>& words);

}  // namespace deepmd_lammps
