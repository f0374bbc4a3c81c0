// SPDX-License-Identifier: LGPL-3.0-or-later
#include "pair_table.hpp"

#include <algorithm>
#include <cmath>

namespace deepmd::engine {

void PairTable::add_values(const Frame& frame, const Block& block, Worker& worker, double* values) {
  const TableSpec& table = spec_.table;
  Work& work = work_[worker.number];
  BlockEdges& edges = work.edges;
  edges.gather(frame, block, table, spec_.excluded);
  worker.timing.add(Phase::gather);
  const auto intervals = double(table.nspline), last = intervals - 1.0;
  const double end = std::min(table.rcut, table.rmin + intervals * table.hh);
  const double* of_center = &table.cubics[block.type * table.ntypes * table.nspline * 4];
  work.slope.assign(edges.index.size(), 0.0);
  for (std::int64_t i = 0; i < block.size; ++i)
    for (std::int64_t e = edges.first[i]; e < edges.first[i + 1]; ++e) {
      const double x = edges.xyz[0][e], y = edges.xyz[1][e], z = edges.xyz[2][e];
      const double r = std::sqrt(x * x + y * y + z * z);
      if (r >= end) continue;
      // nearer than the first row the energy is that of the row; NaN stays NaN
      const double place = (r - table.rmin) / table.hh;
      const double inside = std::min(std::max(place, 0.0), intervals);
      const std::int64_t interval = inside < last ? std::int64_t(inside) : table.nspline - 1;
      const double u = inside - double(interval);
      const double* c = of_center + (edges.type[e] * table.nspline + interval) * 4;
      values[i] += 0.5 * (((c[0] * u + c[1]) * u + c[2]) * u + c[3]);
      if (inside == place)
        work.slope[e] = 0.5 * ((3.0 * c[0] * u + 2.0 * c[1]) * u + c[2]) / (table.hh * r);
    }
  worker.timing.add(Phase::edges);
}

void PairTable::add_derivatives(const Frame&, const Block& block, Worker& worker, int,
                                const double* weights, const Derivatives& out) {
  Work& work = work_[worker.number];
  work.edges.scatter_radial(block, work.slope, weights, out);
  worker.timing.add(Phase::forces);
}

}  // namespace deepmd::engine
