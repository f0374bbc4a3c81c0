# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dpa3` with each of its options: symmetries, smoothness at both cut-offs, lists of any width, files, mistakes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_dpa2 import Atoms, Sum, atoms, slope, widened  # noqa: F401  a fixture

from deepmd.contract import walk_arrays
from deepmd.errors import InputError, ModelFileError
from deepmd_dp.descriptor.dpa3.descriptor import DPA3
from deepmd_dp.descriptor.schema import dpa3 as schema
from deepmd_dp.dialect.module import leaves, modules, with_leaves
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.numpy_backend.derivative import derivative

REPFLOW = {
    "n_dim": 6,
    "e_dim": 5,
    "a_dim": 4,
    "nlayers": 2,
    "e_rcut": 4.0,
    "e_rcut_smth": 0.5,
    "e_sel": 30,
    "a_rcut": 3.0,
    "a_rcut_smth": 0.5,
    "a_sel": 20,
    "axis_neuron": 2,
    "update_residual": 0.5,
    "smooth_edge_update": True,
}
SECTION = {
    "concat_output_tebd": False,
    "activation_function": "silu",
    "precision": "float64",
    "exclude_types": [],
    "env_protection": 0.0,
    "trainable": True,
    "use_econf_tebd": False,
    "use_tebd_bias": False,
}
SWITCH = {"use_exp_switch": True, "e_rcut_smth": 3.0, "a_rcut_smth": 2.2}
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "dynamic": {"repflow": {"use_dynamic_sel": True, "sel_reduce_factor": 3.0, **SWITCH}, "concat_output_tebd": True},
    "split": {"repflow": {"a_compress_rate": 1, "a_compress_e_rate": 2, "a_compress_use_split": True}},
    "linear": {"repflow": {"a_compress_rate": 2, "update_style": "res_avg", "n_multi_edge_message": 2}},
    "incr": {"repflow": {"update_style": "res_incr", "edge_init_use_dist": True}, "use_econf_tebd": True},
    "sequence": {"repflow": {"sequential_update": True, "update_residual_init": "norm"}, "use_tebd_bias": True},
    "no_angles": {"repflow": {"update_angle": False}, "env_protection": 0.1},
    "excluding": {"repflow": {"fix_stat_std": 0.0}, "exclude_types": [[0, 1]]},
    "jumping": {"repflow": {"smooth_edge_update": False}, "activation_function": "silut:0.5"},
    "single": {"precision": "float32"},
}
SMOOTH = [name for name in OPTIONS if name not in ("excluding", "jumping")]


def section_of(name: str) -> dict[str, Any]:
    option = OPTIONS[name]
    return SECTION | option | {"repflow": REPFLOW | {"update_angle": True, **_defaults()} | option.get("repflow", {})}


def _defaults() -> dict[str, Any]:
    found = {each.name: each.default for each in schema.repflow() if each.optional}
    return {name: value for name, value in found.items() if name not in REPFLOW}


def new(name: str) -> DPA3:
    return DPA3.from_input(section_of(name), ["O", "H"], np.random.default_rng(1))


@pytest.fixture(params=OPTIONS)
def descriptor(request) -> DPA3:
    return new(request.param)


def close(descriptor: DPA3, actual: np.ndarray, expected: np.ndarray) -> None:
    scale = np.max(np.abs(expected))
    tolerance = 1e-4 if descriptor.precision == "float32" else 1e-12
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=tolerance * scale)


def test_it_is_symmetric(descriptor, atoms):  # noqa: F811
    """Vectors rotate with the atoms; nothing else changes, nor by their order."""
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    order = np.array([0, 5, 2, 8, 1, 7, 3, 6, 4])
    found = descriptor(atoms.environment(descriptor))
    moved = Atoms(atoms.coord[:, order] @ q + 0.7, atoms.box @ q, atoms.atype[:, order])
    other = descriptor(moved.environment(descriptor))
    close(descriptor, other.invariant, found.invariant[:, order])
    close(descriptor, other.equivariant, found.equivariant[:, order] @ q)
    assert found.invariant.shape == (2, 9, descriptor.dim_out)
    assert found.equivariant.shape == (2, 9, descriptor.dim_equivariant, 3)


def test_wider_lists_give_the_same(descriptor, atoms):  # noqa: F811
    for box in (atoms.box, None):
        env = replace(atoms, box=box).environment(descriptor)
        found, wide = descriptor(env), descriptor(widened(env, 5))
        close(descriptor, wide.invariant, found.invariant)
        close(descriptor, wide.equivariant, found.equivariant)


def test_lists_of_sel_slots_give_the_same(descriptor, atoms):  # noqa: F811
    changes = {}
    for path, matrix in modules(descriptor, EnvironmentMatrix):
        slots = np.ones((1, sum(matrix.sel), 1), matrix.davg.dtype)
        changes |= {f"{path}.davg": matrix.davg[:, None] * slots, f"{path}.dstd": matrix.dstd[:, None] * slots}
    exact = with_leaves(descriptor, changes)
    assert [spec.widths for spec in exact.capacities] == [(30,), (20,)]
    atoms = replace(atoms, box=None)
    found, other = descriptor(atoms.environment(descriptor)), exact(atoms.environment(exact))
    close(descriptor, other.invariant, found.invariant)


def test_ghosts_with_a_mapping_are_what_periodic_images_are(descriptor, atoms):  # noqa: F811
    env = atoms.environment(descriptor)
    nloc = atoms.coord.shape[1]
    nlists = [np.where(blocks[0].nlist < 0, -1, blocks[0].nlist + nloc) for blocks in env.lists]
    lists = tuple((replace(blocks[0], nlist=nlist),) for blocks, nlist in zip(env.lists, nlists, strict=True))
    with_ghosts = replace(env, lists=lists, mapping=np.tile(np.tile(np.arange(nloc), 3), (2, 1)))
    close(descriptor, descriptor(with_ghosts).invariant, descriptor(env).invariant)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("rcut", [3.0, 4.0])
def test_nothing_jumps_at_a_cutoff(name, rcut):
    descriptor = new(name)
    h = 1e-4 if descriptor.precision == "float64" else 1e-3
    crowd = np.array([[0.0, 1.3, 0.2], [0.3, -1.1, 0.8], [-0.9, 0.1, -1.2]])
    x = np.sqrt((rcut + h * np.array([2.0, 1.0, -1.0, -2.0])) ** 2 - 0.01)
    coord = np.stack([np.concatenate([[[0.0, 0.0, 0.0], [each, 0.1, 0.0]], crowd]) for each in x])
    atype = np.tile([0, 0, 1, 1, 0], (len(x), 1))
    far, outside, inside, near = descriptor(Atoms(coord, None, atype).environment(descriptor)).invariant
    atol = 1e-9 if descriptor.precision == "float64" else 1e-5
    np.testing.assert_allclose(inside - outside, near - inside + (outside - far), rtol=0.0, atol=atol)


def test_forces_and_virials_are_slopes_of_the_energy(descriptor, atoms):  # noqa: F811
    """Along a random displacement of all atoms, and along a strain."""
    h, tolerance = (3e-5, 1e-8) if descriptor.precision == "float64" else (1e-2, 1e-2)
    rng = np.random.default_rng(4)
    direction, strain = rng.normal(size=atoms.coord.shape), rng.normal(size=(3, 3))

    def energy(changed: Atoms) -> np.ndarray:
        return Sum(descriptor)(changed.environment(descriptor))["energy"].sum(axis=(1, 2))

    def displaced(step: float) -> np.ndarray:
        return energy(replace(atoms, coord=atoms.coord + step * direction))

    def strained(step: float) -> np.ndarray:
        stretch = np.eye(3) + step * strain
        return energy(replace(atoms, coord=atoms.coord @ stretch, box=atoms.box @ stretch))

    terms = evaluate(Sum(descriptor), atoms.environment(descriptor), None, None, derivative)
    work = -np.sum(terms["force"] * direction, axis=(1, 2))
    assert np.max(np.abs(work)) > 1e-3
    np.testing.assert_allclose(work, slope(displaced, h), rtol=0.0, atol=tolerance * np.max(np.abs(work)))
    work = -np.sum(terms["virial"].reshape(2, 3, 3) * strain, axis=(1, 2))
    np.testing.assert_allclose(work, slope(strained, h), rtol=0.0, atol=tolerance * np.max(np.abs(work)))


def test_it_runs_in_any_library(descriptor, atoms, library):  # noqa: F811
    found = descriptor(atoms.environment(descriptor))
    other = library.convert(descriptor)(library.convert(atoms.environment(descriptor)))
    close(descriptor, library.to_numpy(other.invariant), found.invariant)
    close(descriptor, library.to_numpy(other.equivariant), found.equivariant)


def test_an_atom_alone_is_described(descriptor):
    found = descriptor(Atoms(np.zeros((1, 1, 3)), None, np.array([[1]])).environment(descriptor))
    assert np.all(np.isfinite(found.invariant)) and np.all(found.equivariant == 0.0)


def test_a_file_keeps_everything(descriptor, atoms):  # noqa: F811
    tree = descriptor.serialize()
    again = DPA3.deserialize(deepcopy(tree))
    arrays, others = dict(walk_arrays(tree)), dict(walk_arrays(again.serialize()))
    assert arrays.keys() == others.keys()
    assert all(np.array_equal(arrays[k], others[k]) and arrays[k].dtype == others[k].dtype for k in arrays)
    found, other = (each(atoms.environment(each)) for each in (descriptor, again))
    np.testing.assert_array_equal(other.invariant, found.invariant)


def test_nothing_is_trained_where_it_is_not_trainable():
    section = section_of("default") | {"trainable": False}
    frozen = DPA3.from_input(section, ["O", "H"], np.random.default_rng(1))
    assert not [leaf.path for leaf in leaves(frozen) if leaf.trained]
    assert "repflow.layers.0.a_residual.0" in [leaf.path for leaf in leaves(new("default")) if leaf.trained]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_dynamic_sel": True, "smooth_edge_update": False}, "use_dynamic_sel needs smooth_edge_update"),
        ({"sequential_update": True, "update_style": "res_avg"}, "sequential_update needs update_style res_residual"),
        ({"sequential_update": True, "update_angle": False}, "sequential_update needs update_angle"),
        ({"a_rcut": 5.0}, "a_rcut is 5.0; expected at most e_rcut, which is 4.0."),
        ({"a_sel": 31}, "a_sel is 31; expected at most e_sel, which is 30."),
        ({"axis_neuron": 6}, "axis_neuron is 6; expected at most n_dim and e_dim, 5."),
        ({"a_compress_rate": 3}, "a_dim is 4; expected a multiple of 2 a_compress_rate, which is 6."),
        ({"a_compress_rate": 1, "a_compress_e_rate": 3, "a_compress_use_split": True}, "takes 6 features of e_dim"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, message):
    section = section_of("default")
    section["repflow"] |= changes
    with pytest.raises(InputError, match="model/descriptor/repflow: ") as caught:
        schema.check(section, "model/descriptor", ["O", "H"])
    assert message in str(caught.value) and "\n" not in str(caught.value)
    tree = new("default").serialize()
    tree["repflow_args"] = tree["repflow_args"] | changes
    with pytest.raises(ModelFileError, match=r"^repflow: "):
        DPA3.deserialize(tree)


def test_a_layer_of_other_widths_is_named():
    tree = new("default").serialize()
    tree["repflow_args"] = tree["repflow_args"] | {"n_dim": 7}
    with pytest.raises(ModelFileError, match=r"repflow, layer 0, node_self_mlp: array `w` has the shape \(6, 6\)"):
        DPA3.deserialize(tree)
