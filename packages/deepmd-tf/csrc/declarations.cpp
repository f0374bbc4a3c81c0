// SPDX-License-Identifier: LGPL-3.0-or-later
//
// The operators as TensorFlow's graphs see them. What they compute, and the shapes, is
// said in deepmd/embedding_moments.hpp; their derivatives are put together in
// deepmd_tf/embedding_moments.py.
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace {

using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;

constexpr int first_parameter = 3;  // after x, r and count

/// The width of the net's output: that of its last layer's weights.
absl::Status output_width(InferenceContext* c, DimensionHandle* width) {
  std::vector<std::int64_t> spec;
  TF_RETURN_IF_ERROR(c->GetAttr("spec", &spec));
  if (spec.empty() || spec.size() % 4 != 0)
    return absl::InvalidArgumentError("spec needs four numbers for each layer");
  int last = first_parameter;
  for (std::size_t l = 0; l + 4 < spec.size(); l += 4) last += 1 + (spec[l + 1] != 0) + (spec[l + 2] != 0);
  if (last >= c->num_inputs())
    return absl::InvalidArgumentError("there are fewer parameters than spec says");
  *width = c->Rank(c->input(last)) == 2 ? c->Dim(c->input(last), 1) : c->UnknownDim();
  return absl::OkStatus();
}

absl::Status moments_shapes(InferenceContext* c) {
  tensorflow::shape_inference::ShapeHandle r;
  DimensionHandle nout;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 3, &r));
  TF_RETURN_IF_ERROR(output_width(c, &nout));
  c->set_output(0, c->MakeShape({c->Dim(r, 0), c->Dim(r, 2), nout}));
  // rows padded to the vectors of the machine that runs it
  for (int i : {1, 2}) c->set_output(i, c->UnknownShapeOfRank(2));
  return absl::OkStatus();
}

absl::Status backward_shapes(InferenceContext* c) {
  bool need_x = false;
  TF_RETURN_IF_ERROR(c->GetAttr("need_x", &need_x));
  c->set_output(0, need_x ? c->input(0) : c->UnknownShapeOfRank(3));
  c->set_output(1, c->UnknownShapeOfRank(1));
  return absl::OkStatus();
}

absl::Status force_shapes(InferenceContext* c) {
  tensorflow::shape_inference::ShapeHandle r;
  TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 3, &r));
  c->set_output(0, c->MakeShape({c->Dim(r, 0), c->Dim(r, 1), c->MakeDim(1)}));
  c->set_output(1, r);
  return absl::OkStatus();
}

absl::Status force_backward_shapes(InferenceContext* c) {
  for (int i : {0, 1, 2}) c->set_output(i, c->input(i + 2));
  return absl::OkStatus();
}

}  // namespace

REGISTER_OP("DeepmdEmbeddingMoments")
    .Attr("T: {float, double}")
    .Attr("nparams: int >= 1")
    .Attr("spec: list(int)")
    .Attr("with_jet: bool")
    .Input("x: T")
    .Input("r: T")
    .Input("count: int32")
    .Input("params: nparams * T")
    .Output("m: T")
    .Output("g: T")
    .Output("dg: T")
    .SetShapeFn(moments_shapes)
    .Doc("Moments of the embedded neighbors; with_jet also G and dG, else these are empty.");

REGISTER_OP("DeepmdEmbeddingMomentsBackward")
    .Attr("T: {float, double}")
    .Attr("nparams: int >= 1")
    .Attr("njet: int >= 0")
    .Attr("spec: list(int)")
    .Attr("need_x: bool")
    .Attr("need_params: bool")
    .Input("x: T")
    .Input("r: T")
    .Input("count: int32")
    .Input("params: nparams * T")
    .Input("grad_m: T")
    .Input("grad_jet: njet * T")
    .Output("grad_x: T")
    .Output("grad_params: T")
    .SetShapeFn(backward_shapes)
    .Doc("From the gradients of M, and of G and dG (none: zero), to those of x and, in one row, params.");

REGISTER_OP("DeepmdMomentsForce")
    .Attr("T: {float, double}")
    .Input("r: T")
    .Input("count: int32")
    .Input("grad_m: T")
    .Input("g: T")
    .Input("dg: T")
    .Output("grad_x: T")
    .Output("grad_r: T")
    .SetShapeFn(force_shapes)
    .Doc("Derivatives of sum(grad_m * M) along x[:, :, 0] and of r.");

REGISTER_OP("DeepmdMomentsForceBackward")
    .Attr("T: {float, double}")
    .Input("r: T")
    .Input("count: int32")
    .Input("grad_m: T")
    .Input("g: T")
    .Input("dg: T")
    .Input("v: T")
    .Input("w: T")
    .Output("grad_grad_m: T")
    .Output("grad_g: T")
    .Output("grad_dg: T")
    .SetShapeFn(force_backward_shapes)
    .Doc("From v and w, the gradients of what DeepmdMomentsForce gives, to those of grad_m, G and dG.");
