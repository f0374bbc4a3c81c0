// SPDX-License-Identifier: LGPL-3.0-or-later
//
// Nets as files hold them, evaluated in double precision where speed does not matter.
#pragma once

#include <cstdint>
#include <vector>

#include "activation.hpp"
#include "document.hpp"
#include "table.hpp"

namespace deepmd::engine {

/// act(x w + b) idt, and x or (x, x) added where `is_residual` and the widths allow it.
struct Layer {
  std::int64_t nin = 0, nout = 0;
  std::vector<double> w;       // (nin, nout)
  std::vector<double> b, idt;  // (nout) or empty
  Activation activation;
  bool is_residual = false;

  /// How often x is added side by side: 1, 2, or 0.
  int skips() const { return !is_residual ? 0 : nout == nin ? 1 : nout == 2 * nin ? 2 : 0; }
};

/// Whether the key `precision` says float32; throws `NotCovered` for other than that and float64.
bool is_single_precision(const Node& node);

struct Net {
  std::vector<Layer> layers;
  Table table;  // evaluated in their place, where there is one

  std::int64_t nin() const { return layers.front().nin; }
  std::int64_t nout() const { return layers.back().nout; }
  bool is_analytic() const;

  /// Of a tree of the class `name`, EmbeddingNetwork or FittingNetwork.
  static Net read(const Node& node, const char* name, double highest_version);

  /// y (n, nout) of x (n, nin), and the derivative of y along a direction of x unless these are
  /// null. Real is double, or long double where noise would be amplified.
  template <class Real>
  void evaluate(std::int64_t n, const Real* x, const Real* dx, Real* y, Real* dy) const;
};

constexpr std::int64_t kSpinOrbitals = 118;

/// The ground state of an element as a vector of unit length: a number for each spin orbital, the
/// same as deepmd_dp/nn/electron_configuration.py has. Throws `Error` where it is no element.
std::vector<double> electron_configuration(const std::string& symbol);

/// Nets by type: one for all (ndim 0), one a type (1), one a pair (2) at i + ntypes * j.
struct NetCollection {
  int ndim = 0;
  std::int64_t ntypes = 0;
  std::vector<Net> nets;

  /// `allow_missing`: nets that are null are those of types that are not looked at; they are zero.
  static NetCollection read(const Node& node, const char* name, double highest_version,
                            bool allow_missing = false);

  /// Takes the tables of a compressed model; `compress` is the tree with their arrays.
  void read_tables(const Node& compress);
};

}  // namespace deepmd::engine
