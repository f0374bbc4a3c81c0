# SPDX-License-Identifier: LGPL-3.0-or-later
"""The moments of an atom's embedded neighbors on the fused kernels, with first and second derivatives.

Three functions with derivatives of their own stand on four calls of the library:

- `moments`, whose derivative by the displacements is `_force` and by the parameters `_gradient`;
- `_jet`, the moments with G and its derivative dG beside them, which `_force` works on;
- `_force`, whose own derivative leads back through `_jet`: that is what a loss of forces needs.

Each derivative is a call of its own, and XLA removes the calls whose results nobody uses: where forces
are asked for, no gradient of parameters is computed. Empty rows, from ``count`` on, are zero in
what is given and are not read in what is taken.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from deepmd_dp.dialect import ops as plain_ops
from deepmd_jax.kernel_library import row_width, target

Array = jax.Array
Spec = tuple[int, ...]
Params = tuple[Array, ...]

_ACTIVATIONS = ("linear", "tanh", "relu", "sigmoid", "silu", "gelu")


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def moments(spec: Spec, x: Array, r: Array, count: Array, params: Params) -> Array:
    """M = rᵀ G with G the embedding net of x.

    Parameters
    ----------
    spec : tuple of int
        The layers' kinds, see `deepmd_dp.kit.kernels.flatten_layers`.
    x : Array, (natoms, nnei)
    r : Array, (natoms, nnei, nr)
    count : Array, (natoms,) int32
        How many of each atom's rows are used; the others are taken as absent.
    params : tuple of Array
        The layers' arrays.

    Returns
    -------
    Array, (natoms, nr, nout)
    """
    (found,) = _call_moments(spec, x, r, count, params, with_jet=False)
    return found


def _moments_forward(spec: Spec, x: Array, r: Array, count: Array, params: Params) -> tuple[Array, tuple]:
    found, g, dg = _jet(spec, x, r, count, params)
    return found, (x, r, count, params, g, dg)


def _moments_backward(spec: Spec, saved: tuple, gm: Array) -> tuple:
    x, r, count, params, g, dg = saved
    gx, gr = _force(r, count, gm, g, dg)
    return gx, gr, None, _gradient(spec, x, r, count, gm, params)


moments.defvjp(_moments_forward, _moments_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _jet(spec: Spec, x: Array, r: Array, count: Array, params: Params) -> tuple[Array, Array, Array]:
    """(M, G, dG), G and dG (natoms * nnei, width) in rows as wide as the kernels want them."""
    return _call_moments(spec, x, r, count, params, with_jet=True)


def _jet_forward(spec: Spec, x: Array, r: Array, count: Array, params: Params) -> tuple[tuple, tuple]:
    m, g, dg = _call_moments(spec, x, r, count, params, with_jet=True)
    return (m, g, dg), (x, r, count, params, g, dg)


def _jet_backward(spec: Spec, saved: tuple, grads: tuple[Array, Array, Array]) -> tuple:
    x, r, count, params, g, dg = saved
    gm, gg, gdg = grads
    gx = _call_backward(spec, x, r, count, gm, (gg, gdg), params, need_x=True)
    gparams = _call_backward(spec, x, r, count, gm, (gg, gdg), params, need_x=False)
    _, gr = _force(r, count, gm, g, dg)
    return gx, gr, None, _split(gparams, params)


_jet.defvjp(_jet_forward, _jet_backward)


@jax.custom_vjp
def _force(r: Array, count: Array, gm: Array, g: Array, dg: Array) -> tuple[Array, Array]:
    """The derivatives of Σ gm·M by x, (natoms, nnei), and by r, (natoms, nnei, nr)."""
    gx = jax.ShapeDtypeStruct(r.shape[:2], r.dtype)
    return tuple(jax.ffi.ffi_call(target("moments_force"), (gx, _like(r)))(r, count, gm, g, dg))


def _force_forward(r: Array, count: Array, gm: Array, g: Array, dg: Array) -> tuple[tuple[Array, Array], tuple]:
    return _force(r, count, gm, g, dg), (r, count, gm, g, dg)


def _force_backward(saved: tuple, grads: tuple[Array, Array]) -> tuple:
    r, count, gm, g, dg = saved
    v, w = grads
    call = jax.ffi.ffi_call(target("moments_force_backward"), (_like(gm), _like(g), _like(dg)))
    ggm, gg, gdg = call(r, count, gm, g, dg, v, w)
    tangents = dg.reshape(*r.shape[:2], -1)[..., : gm.shape[2]]
    return v[..., None] * jnp.einsum("ajo,aco->ajc", tangents, gm), None, ggm, gg, gdg


_force.defvjp(_force_forward, _force_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gradient(spec: Spec, x: Array, r: Array, count: Array, gm: Array, params: Params) -> Params:
    """The derivatives of Σ gm·M by the parameters; its own derivative, which no training needs, is the plain form's."""
    return _split(_call_backward(spec, x, r, count, gm, (), params, need_x=False), params)


def _gradient_forward(spec: Spec, *arguments: Array | Params) -> tuple[Params, tuple]:
    return _gradient(spec, *arguments), arguments


def _gradient_backward(spec: Spec, saved: tuple, grads: Params) -> tuple:
    x, r, count, gm, params = saved

    def plain(x: Array, r: Array, gm: Array, params: Params) -> Params:
        _, backward = jax.vjp(lambda values: _plain_moments(spec, x, r, count, values), params)
        return backward(gm)[0]

    _, backward = jax.vjp(plain, x, r, gm, params)
    gx, gr, ggm, gparams = backward(grads)
    return gx, gr, None, ggm, gparams


_gradient.defvjp(_gradient_forward, _gradient_backward)


def _plain_moments(spec: Spec, x: Array, r: Array, count: Array, params: Params) -> Array:
    used = jnp.arange(r.shape[1])[:, None] < count[:, None, None]
    y, rest = x[..., None], iter(params)
    for i in range(0, len(spec), 4):
        kind, has_b, has_idt, resnet = spec[i : i + 4]
        w, b, idt = next(rest), next(rest) if has_b else None, next(rest) if has_idt else None
        y = plain_ops.layer.plain(y, w, b, idt, _ACTIVATIONS[kind], bool(resnet))
    return jnp.matrix_transpose(jnp.where(used, r, 0.0)) @ y


def _call_moments(spec: Spec, x: Array, r: Array, count: Array, params: Params, *, with_jet: bool) -> tuple[Array, ...]:
    nout = [p for p in params if p.ndim == 2][-1].shape[1]
    m = jax.ShapeDtypeStruct((r.shape[0], r.shape[2], nout), r.dtype)
    rows = jax.ShapeDtypeStruct((r.shape[0] * r.shape[1], row_width(nout, r.dtype.itemsize)), r.dtype)
    results = (m, rows, rows) if with_jet else (m,)
    return tuple(jax.ffi.ffi_call(target("embedding_moments"), results)(x, r, count, *params, spec=_attribute(spec)))


def _call_backward(
    spec: Spec, x: Array, r: Array, count: Array, gm: Array, jet: tuple[Array, ...], params: Params, *, need_x: bool
) -> Array:
    """From the gradients of M and, where given, of G and dG to that of x or, flat, of the parameters."""
    size = sum(p.size for p in params)
    result = _like(x) if need_x else jax.ShapeDtypeStruct((size,), x.dtype)
    call = jax.ffi.ffi_call(target("embedding_moments_backward"), result)
    return call(x, r, count, gm, *jet, *params, spec=_attribute(spec), with_jet=bool(jet), need_x=need_x)


def _attribute(spec: Spec) -> np.ndarray:
    return np.array(spec, dtype=np.int64)


def _like(array: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _split(flat: Array, params: Params) -> Params:
    """The parameters' gradients out of one flat array."""
    ends = np.cumsum([p.size for p in params])
    return tuple(flat[end - p.size : end].reshape(p.shape) for end, p in zip(ends, params, strict=True))
