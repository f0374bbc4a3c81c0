// SPDX-License-Identifier: LGPL-3.0-or-later
#include "check.hpp"
#include "deepmd/layer_spec.hpp"

using deepmd::dense_layers;
using Parameters = std::vector<deepmd::Parameter<double>>;

namespace {

const double w0[4] = {1, 2, 3, 4}, w1[16] = {}, b1[4] = {5, 6, 7, 8}, idt1[4] = {};

Parameters two_layers() { return {{w0, {1, 4}}, {w1, {4, 4}}, {b1, {4}}, {idt1, {4}}}; }

void layers_take_their_arrays_in_order() {
  const auto layers = dense_layers<double>(1, two_layers(), {1, 0, 0, 0, 4, 1, 1, 1});
  CHECK(layers.size() == 2);
  CHECK(layers[0].nin == 1 && layers[0].nout == 4 && layers[0].w == w0 && !layers[0].b && !layers[0].idt);
  CHECK(layers[0].activation == deepmd::Activation::tanh && !layers[0].resnet);
  CHECK(layers[1].nin == 4 && layers[1].w == w1 && layers[1].b == b1 && layers[1].idt == idt1);
  CHECK(layers[1].activation == deepmd::Activation::silu && layers[1].resnet);
  CHECK(deepmd::count_params(layers) == 4 + 16 + 4 + 4);
}

void mistakes_are_refused() {
  CHECK_REFUSED(dense_layers<double>(1, {}, {}), "four numbers");
  CHECK_REFUSED(dense_layers<double>(1, two_layers(), {1, 0, 0}), "four numbers");
  CHECK_REFUSED(dense_layers<double>(1, two_layers(), {1, 0, 0, 0}), "more parameters");
  CHECK_REFUSED(dense_layers<double>(2, two_layers(), {1, 0, 0, 0, 4, 1, 1, 1}), "wrong shape");
  CHECK_REFUSED(dense_layers<double>(1, {{w0, {1, 4}}}, {1, 1, 0, 0}), "fewer parameters");
  CHECK_REFUSED(dense_layers<double>(1, {{w0, {4}}}, {1, 0, 0, 0}), "matrix");
  CHECK_REFUSED(dense_layers<double>(1, {{w0, {1, 4}}}, {99, 0, 0, 0}), "activation");
}

}  // namespace

int main() {
  layers_take_their_arrays_in_order();
  mistakes_are_refused();
  return close_checks();
}
