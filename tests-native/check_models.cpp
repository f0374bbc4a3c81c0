// SPDX-License-Identifier: LGPL-3.0-or-later
// A model through all interfaces, with frames that make sense and frames that do not.
#include <algorithm>
#include <limits>

#include "deepmd/deepmd.hpp"
#include "frames.hpp"

namespace {

void check_refusal(Model& model, const Atoms& atoms, const std::string& words) {
  CHECK(model.compute(atoms).empty());
  const std::string error = model.error();
  report_check(error.find(words) != std::string::npos && error.find('\n') == std::string::npos,
               (words + " <- " + error).c_str(), __LINE__);
}

void check_frames(Model& model) {
  const Atoms atoms = atoms_of(model, 4);
  const std::vector<double> first = model.compute(atoms);
  CHECK(!first.empty() && all_finite(first));
  CHECK(first == model.compute(atoms));
  Atoms open = atoms;
  open.cell.clear();
  CHECK(all_finite(model.compute(open)));
  Atoms dense = atoms_of(model, 4);  // more neighbors than slots
  for (double& x : dense.coord) x *= 0.5;
  dense.cell.clear();
  CHECK(all_finite(model.compute(dense)));
  Atoms small = atoms_of(model, 1);  // an atom and its images
  CHECK(all_finite(model.compute(small)));
  small.cell.clear();  // an atom without a neighbor
  const std::vector<double> alone = model.compute(small);
  CHECK(!alone.empty() && all_finite(alone));
  small.type[0] = -1;
  CHECK(!model.compute(small).empty());
  Atoms some = atoms;  // virtual ones among them
  for (std::size_t i = 0; i < some.type.size(); i += 3) some.type[i] = -1;
  CHECK(all_finite(model.compute(some)));
  CHECK(all_finite(model.compute(atoms_of(model, 0))));  // no atoms
}

void check_odd_frames(Model& model) {
  const Atoms atoms = atoms_of(model, 2);
  for (const double odd :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Atoms blown = atoms;
    blown.coord[4] = odd;
    check_refusal(model, blown, "atom 1");
    blown.cell.clear();
    check_refusal(model, blown, "atom 1");
    Atoms cell = atoms;
    cell.cell[4] = odd;
    check_refusal(model, cell, "NaN or infinity");
  }
  Atoms far = atoms;
  far.coord[0] = 1e300;
  check_refusal(model, far, "atom 0");
  Atoms flat = atoms;
  std::fill(flat.cell.begin(), flat.cell.end(), 0.0);
  check_refusal(model, flat, "linearly dependent");
  Atoms overlapping = atoms;
  // all, since atoms that have no output are not looked at
  for (std::size_t k = 3; k < atoms.coord.size(); ++k) overlapping.coord[k] = atoms.coord[k % 3];
  check_refusal(model, overlapping, "are at the same place");
  Atoms near = atoms;  // nets are continued there
  near.coord[3] = near.coord[0] + 1e-3;
  near.coord[4] = near.coord[1], near.coord[5] = near.coord[2];
  model.compute(near);
  Atoms foreign = atoms;
  for (const std::int32_t type : {model.ntypes(), std::numeric_limits<std::int32_t>::max()}) {
    foreign.type[2] = type;
    check_refusal(model, foreign, "atom 2 has type");
  }
  if (!atoms.aparam.empty()) {
    Atoms bare = atoms;
    bare.aparam.clear();
    check_refusal(model, bare, "aparam");
  }
  CHECK(!model.compute(atoms).empty());
}

// Neighbors of each local atom as an MD program lists them; no images.
struct Lists {
  std::vector<std::vector<int>> rows;
  std::vector<int> ilist, numneigh;
  std::vector<int*> firstneigh;

  explicit Lists(int natoms) {
    for (int i = 0; i < natoms; ++i) {
      rows.emplace_back();
      for (int j = 0; j < natoms; ++j)
        if (j != i) rows.back().push_back(j);
    }
    for (int i = 0; i < natoms; ++i) {
      ilist.push_back(i);
      numneigh.push_back(static_cast<int>(rows[static_cast<std::size_t>(i)].size()));
      firstneigh.push_back(rows[static_cast<std::size_t>(i)].data());
    }
  }
  deepmd::hpp::InputNlist list() {
    return {static_cast<int>(ilist.size()), ilist.data(), numneigh.data(), firstneigh.data()};
  }
};

void check_potential(const std::string& path, const Atoms& atoms) {
  deepmd::hpp::DeepPot potential(path);
  CHECK(potential.numb_types() > 0 && potential.cutoff() > 0);
  double energy = 0, listed = 0;
  std::vector<double> force, virial, atom_energy, atom_virial;
  potential.compute(energy, force, virial, atom_energy, atom_virial, atoms.coord, atoms.type, {},
                    atoms.fparam, atoms.aparam);
  double sum = 0;
  for (const double each : force) sum += each;
  CHECK(std::abs(sum) < 1e-4);
  Lists lists(static_cast<int>(atoms.type.size()));
  potential.compute(listed, force, virial, atom_energy, atom_virial, atoms.coord, atoms.type, {}, 0,
                    lists.list(), 0, atoms.fparam, atoms.aparam);
  CHECK(std::abs(listed - energy) <= 1e-5 * std::abs(energy));
  const std::vector<float> coord(atoms.coord.begin(), atoms.coord.end()),
      fparam(atoms.fparam.begin(), atoms.fparam.end()),
      aparam(atoms.aparam.begin(), atoms.aparam.end());
  std::vector<float> force32, virial32;
  potential.compute(listed, force32, virial32, coord, atoms.type, {}, fparam, aparam);
  CHECK(std::abs(listed - energy) <= 1e-3 * std::abs(energy));
  deepmd::hpp::DeepPotModelDevi both({path, path});
  std::vector<double> energies, average, deviation;
  std::vector<std::vector<double>> forces, virials;
  both.compute(energies, forces, virials, atoms.coord, atoms.type, {}, 0, lists.list(), 0,
               atoms.fparam, atoms.aparam);
  both.compute_avg(average, forces);
  both.compute_std_f(deviation, average, forces);
  CHECK(energies.size() == 2 && deviation[0] < 1e-12);
}

void check_tensor(const std::string& path, const Atoms& atoms, std::size_t ncomponents) {
  deepmd::hpp::DeepTensor tensor(path);
  std::vector<double> global, force, virial, atomic, atom_virial;
  tensor.compute(global, force, virial, atomic, atom_virial, atoms.coord, atoms.type, {});
  CHECK(global.size() == ncomponents && atomic.size() == ncomponents * atoms.type.size());
}

void check_foreign_names(const std::string& path) {
  for (const std::string& other :
       {path + ".none", std::string("none.safetensors"), std::string("."), std::string()}) {
    CHECK(!Model(other).is_open());
    CHECK(!Model(other).error().empty());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argc > 1 ? argv[1] : "";
  Model model(path);
  if (!model.is_open()) {
    std::printf("%s\n", model.error().c_str());
    return 1;
  }
  check_frames(model);
  check_odd_frames(model);
  Atoms atoms = atoms_of(model, 3);
  atoms.cell.clear();
  try {
    const std::string record = model.record();
    if (record.find("\"energy\"") != std::string::npos)
      check_potential(path, atoms);
    else
      check_tensor(path, atoms, record.find("\"dipole\"") == std::string::npos ? 9 : 3);
  } catch (const std::exception& error) {
    report_check(false, error.what(), __LINE__);
  }
  check_foreign_names(path);
  return close_checks();
}
