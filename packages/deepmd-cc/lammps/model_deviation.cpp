// SPDX-License-Identifier: LGPL-3.0-or-later
#include "model_deviation.hpp"

#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "atom.h"
#include "comm.h"
#include "lammps.h"
#include "universe.h"
#include "update.h"

namespace deepmd_lammps {
namespace {

constexpr double huge = std::numeric_limits<double>::max();

std::string name_of_file(LAMMPS_NS::LAMMPS* lmp, const PairOptions& options) {
  const bool is_partition = lmp->universe->nworlds > 1;
  if (options.has_out_file || !is_partition) return options.out_file;
  return options.out_file + "." + std::to_string(lmp->universe->iworld);
}

// Root of the mean over the models of |value - mean|², and the mean's length, for values of some
// components.
std::pair<double, double> deviation_of(const std::vector<const double*>& values, int ncomponents) {
  const double nmodels = static_cast<double>(values.size());
  double variance = 0, squared = 0;
  for (int k = 0; k < ncomponents; ++k) {
    double mean = 0;
    for (const double* each : values) mean += each[k] / nmodels;
    squared += mean * mean;
    for (const double* each : values) variance += (each[k] - mean) * (each[k] - mean) / nmodels;
  }
  return {std::sqrt(variance), std::sqrt(squared)};
}

double relative_to(const std::optional<double>& level, double deviation, double length) {
  return level ? deviation / (length + *level) : deviation;
}

// Of the deviations of atoms, or of components.
struct Summary {
  double max = 0, min = 0, mean = 0;
};

// Of each own atom.
std::vector<double> force_deviations(const std::vector<const double*>& forces, int nlocal,
                                     const std::optional<double>& level) {
  std::vector<double> deviations(nlocal);
  std::vector<const double*> rows(forces.size());
  for (int i = 0; i < nlocal; ++i) {
    for (std::size_t m = 0; m < forces.size(); ++m) rows[m] = forces[m] + 3 * i;
    const auto [deviation, length] = deviation_of(rows, 3);
    deviations[i] = relative_to(level, deviation, length);
  }
  return deviations;
}

Summary summary_of_forces(LAMMPS_NS::LAMMPS* lmp, const std::vector<double>& deviations) {
  Summary mine{0, huge, 0}, all;
  for (const double each : deviations) {
    mine.max = std::max(mine.max, each);
    mine.min = std::min(mine.min, each);
    mine.mean += each / static_cast<double>(lmp->atom->natoms);
  }
  MPI_Reduce(&mine.max, &all.max, 1, MPI_DOUBLE, MPI_MAX, 0, lmp->world);
  MPI_Reduce(&mine.min, &all.min, 1, MPI_DOUBLE, MPI_MIN, 0, lmp->world);
  MPI_Reduce(&mine.mean, &all.mean, 1, MPI_DOUBLE, MPI_SUM, 0, lmp->world);
  return all;
}

// The virials by atom, component by component; their "mean" is the root of the mean square, as with
// deepmd-kit.
Summary summary_of_virials(LAMMPS_NS::LAMMPS* lmp, const std::vector<Virial>& virials,
                           const std::optional<double>& level) {
  std::vector<Virial> all(virials.size());
  MPI_Reduce(virials.data(), all.data(), static_cast<int>(9 * virials.size()), MPI_DOUBLE, MPI_SUM,
             0, lmp->world);
  for (Virial& each : all)
    for (double& value : each) value /= static_cast<double>(lmp->atom->natoms);
  Summary summary{0, huge, 0};
  std::vector<const double*> values(all.size());
  for (int k = 0; k < 9; ++k) {
    for (std::size_t m = 0; m < all.size(); ++m) values[m] = &all[m][k];
    const auto [deviation, length] = deviation_of(values, 1);
    const double value = relative_to(level, deviation, length);
    summary.max = std::max(summary.max, value);
    summary.min = std::min(summary.min, value);
    summary.mean += value * value / 9;
  }
  summary.mean = std::sqrt(summary.mean);
  return summary;
}

// The columns of the atoms in the order of their tags, whichever ranks they are on.
void write_atoms(LAMMPS_NS::LAMMPS* lmp, const std::vector<double>& deviations,
                 std::ofstream& file) {
  const int nlocal = lmp->atom->nlocal, nprocs = lmp->comm->nprocs;
  std::vector<int> counts(nprocs), offsets(nprocs);
  MPI_Gather(&nlocal, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, lmp->world);
  std::partial_sum(counts.begin(), counts.end() - 1, offsets.begin() + 1);
  const std::size_t natoms = lmp->comm->me == 0 ? offsets.back() + counts.back() : 0;
  std::vector<LAMMPS_NS::tagint> tags(natoms);
  std::vector<double> values(natoms);
  MPI_Gatherv(lmp->atom->tag, nlocal, MPI_LMP_TAGINT, tags.data(), counts.data(), offsets.data(),
              MPI_LMP_TAGINT, 0, lmp->world);
  MPI_Gatherv(deviations.data(), nlocal, MPI_DOUBLE, values.data(), counts.data(), offsets.data(),
              MPI_DOUBLE, 0, lmp->world);
  std::vector<std::size_t> order(natoms);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return tags[a] < tags[b]; });
  for (const std::size_t k : order) file << " " << std::setw(18) << values[k];
}

}  // namespace

ModelDeviation::ModelDeviation(LAMMPS_NS::LAMMPS* lmp, const PairOptions& options)
    : Pointers(lmp), options_(options) {
  if (comm->me != 0) return;
  const std::string name = name_of_file(lmp, options);
  const bool goes_on = lmp->restart_ver > 0;
  file_.open(name, goes_on ? std::ios::app : std::ios::trunc);
  if (!file_) throw std::runtime_error(name + ": cannot be written.");
  file_ << std::scientific;
  if (file_.tellp() > 0) return;
  file_ << "#" << std::setw(11) << "step";
  for (const char* column :
       {"max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f"})
    file_ << std::setw(19) << column;
  if (options.atomic) file_ << std::setw(19) << "atm_devi_f(N)";
  file_ << std::endl;
}

void ModelDeviation::write(const std::vector<const double*>& forces,
                           const std::vector<Virial>& virials) {
  const std::vector<double> deviations = force_deviations(forces, atom->nlocal, options_.relative);
  const Summary of_virials = summary_of_virials(lmp, virials, options_.relative_v);
  const Summary of_forces = summary_of_forces(lmp, deviations);
  if (comm->me == 0) {
    file_ << std::setw(12) << update->ntimestep;
    for (const Summary& each : {of_virials, of_forces})
      for (const double value : {each.max, each.min, each.mean})
        file_ << " " << std::setw(18) << value;
  }
  if (options_.atomic) write_atoms(lmp, deviations, file_);
  if (comm->me == 0) file_ << std::endl;
}

}  // namespace deepmd_lammps
