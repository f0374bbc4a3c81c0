// SPDX-License-Identifier: LGPL-3.0-or-later
#include "elements.hpp"

#include <algorithm>
#include <stdexcept>

#include "deepmd/record.hpp"

namespace deepmd_lammps {

using deepmd::joined;

std::vector<std::int32_t> types_of_elements(const std::vector<std::string>& elements,
                                            const std::vector<std::string>& type_map, int ntypes) {
  if (static_cast<int>(elements.size()) > ntypes)
    throw std::invalid_argument(std::to_string(elements.size()) + " elements (" + joined(elements) +
                                ") for " + std::to_string(ntypes) +
                                " types of atoms; give one for each type.");
  const std::vector<std::string>& names = elements.empty() ? type_map : elements;
  std::vector<std::int32_t> types(ntypes + 1, no_type);
  for (int type = 1; type <= ntypes && type <= static_cast<int>(names.size()); ++type) {
    const std::string& name = names[type - 1];
    const auto found = std::find(type_map.begin(), type_map.end(), name);
    if (found != type_map.end())
      types[type] = static_cast<std::int32_t>(found - type_map.begin());
    else if (name != "NULL")
      throw std::invalid_argument("element " + name + " of type " + std::to_string(type) +
                                  " is not in the model, which has " + joined(type_map) +
                                  "; write NULL for types without the model.");
  }
  return types;
}

std::string types_beyond(const std::vector<std::string>& elements,
                         const std::vector<std::string>& type_map, int ntypes) {
  const std::size_t known = elements.empty() ? type_map.size() : elements.size();
  std::vector<std::string> beyond;
  for (int type = static_cast<int>(known) + 1; type <= ntypes; ++type)
    beyond.push_back(std::to_string(type));
  return joined(beyond);
}

}  // namespace deepmd_lammps
