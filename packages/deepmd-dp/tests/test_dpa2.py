# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dpa2` with each of its options: symmetries, smoothness at its three cut-offs, lists of any width, files."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deepmd.contract import walk_arrays
from deepmd.errors import InputError, ModelFileError
from deepmd.outputs import OutputDef
from deepmd_dp.descriptor.dpa2 import DPA2
from deepmd_dp.descriptor.repformer.heads import query_key_map, split_heads, value_head_map
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import leaves, modules, with_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.model.evaluate import evaluate
from deepmd_dp.nn.matrix import OnBasis, with_bases, with_matrices
from deepmd_dp.numpy_backend.derivative import derivative

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd_dp.environment.environment import Environment, ListSpec

REPINIT = {
    "rcut": 4.0,
    "rcut_smth": 0.5,
    "nsel": 30,
    "neuron": [2, 4],
    "axis_neuron": 2,
    "tebd_dim": 3,
    "tebd_input_mode": "concat",
    "set_davg_zero": True,
    "activation_function": "tanh",
    "type_one_side": False,
    "resnet_dt": False,
    "use_three_body": False,
    "three_body_neuron": [2, 4],
    "three_body_rcut": 2.5,
    "three_body_rcut_smth": 0.5,
    "three_body_sel": 12,
}
REPFORMER = {
    "rcut": 3.0,
    "rcut_smth": 0.5,
    "nsel": 20,
    "nlayers": 2,
    "g1_dim": 6,
    "g2_dim": 4,
    "axis_neuron": 2,
    "attn1_hidden": 5,
    "attn1_nhead": 2,
    "attn2_hidden": 3,
    "attn2_nhead": 2,
}
SECTION = {
    "concat_output_tebd": True,
    "precision": "float64",
    "smooth": True,
    "exclude_types": [],
    "env_protection": 0.0,
    "trainable": True,
    "add_tebd_to_repinit_out": False,
    "use_econf_tebd": False,
    "use_tebd_bias": False,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "strip": {"repinit": {"tebd_input_mode": "strip", "use_three_body": True}, "add_tebd_to_repinit_out": True},
    "one_side": {"repinit": {"use_three_body": True, "type_one_side": True}, "use_econf_tebd": True},
    "residual": {"repformer": {"update_style": "res_residual", "update_residual": 0.5, "update_h2": True}},
    "incr": {"repformer": {"update_style": "res_incr", "update_h2": True, "attn2_has_gate": True, "nlayers": 3}},
    "const": {"repformer": {"update_style": "res_residual", "update_residual_init": "const", "g1_out_conv": False}},
    "direct": {"repformer": {"direct_dist": True, "update_h2": True, "update_g2_has_attn": False}},
    "bare": {"repformer": {f"update_{name}": False for name in ("g1_has_conv", "g1_has_drrd", "g1_has_attn")}},
    "old": {"repformer": {"use_sqrt_nnei": False, "g1_out_conv": False, "g1_out_mlp": False}},
    "one_layer": {"repformer": {"nlayers": 1, "g1_dim": 8}, "concat_output_tebd": False},
    "excluding": {"repinit": {"use_three_body": True}, "exclude_types": [[0, 1]], "use_tebd_bias": True},
    "jumping": {"smooth": False, "repinit": {"tebd_input_mode": "strip"}, "env_protection": 0.01},
    "single": {"precision": "float32", "repformer": {"update_h2": True}},
}
SMOOTH = [name for name in OPTIONS if name not in ("excluding", "jumping")]


def section_of(name: str) -> dict[str, Any]:
    option = OPTIONS[name]
    nested = {"repinit": REPINIT | option.get("repinit", {}), "repformer": REPFORMER | option.get("repformer", {})}
    return SECTION | option | nested


@dataclass(frozen=True)
class Sum:
    """A model whose atomic energies are weighted sums of all that a descriptor gives, squares of the vectors' sums."""

    descriptor: DPA2
    ntypes = 2
    pair_exclude_types = ()
    uses_type_index = False
    outputs = (OutputDef("energy", has_derivative=True),)

    @property
    def lists(self) -> tuple[ListSpec, ...]:
        return tuple(self.descriptor.capacities)

    def __call__(self, env: Environment, fparam: None = None, aparam: None = None) -> dict[str, Any]:
        found = self.descriptor(env)
        xp = array_namespace(found.invariant)
        vectors = xp.sum(found.equivariant, axis=2)
        energy = xp.sum(found.invariant * found.invariant, axis=-1) + xp.sum(vectors * vectors, axis=-1)
        return {"energy": energy[..., None]}


def new(name: str) -> DPA2:
    """With random weights, and statistics as data gives them."""
    descriptor = DPA2.from_input(section_of(name), ["O", "H"], np.random.default_rng(1))
    changes = {}
    for path, matrix in modules(descriptor, EnvironmentMatrix):
        davg, dstd = np.zeros_like(matrix.davg), np.full_like(matrix.dstd, 0.2)
        davg[:, 0] = [0.03, 0.05]
        changes |= {f"{path}.davg": davg, f"{path}.dstd": dstd}
    return with_leaves(descriptor, changes)


@pytest.fixture(params=OPTIONS)
def descriptor(request) -> DPA2:
    return new(request.param)


@dataclass(frozen=True)
class Atoms:
    """Two frames of nine atoms in a skewed cell."""

    coord: np.ndarray
    box: np.ndarray | None
    atype: np.ndarray

    def environment(self, descriptor: DPA2) -> Environment:
        return build_environment(Sum(descriptor), self.coord, self.box, self.atype)


@pytest.fixture(scope="module")
def atoms() -> Atoms:
    rng = np.random.default_rng(2)
    grid = np.stack(np.meshgrid(*[[0.0, 1.6, 3.2]] * 2, [0.0]), axis=-1).reshape(-1, 3)
    coord = grid + rng.uniform(-0.4, 0.4, (2, 9, 3))
    box = np.tile([[5.0, 0.0, 0.0], [0.4, 5.1, 0.0], [-0.3, 0.2, 4.7]], (2, 1, 1))
    return Atoms(coord, box, np.tile([0, 1, 1, 0, 1, 1, 0, 1, 1], (2, 1)))


def close(descriptor: DPA2, actual: np.ndarray, expected: np.ndarray) -> None:
    scale = np.max(np.abs(expected))
    tolerance = 1e-4 if descriptor.precision == "float32" else 1e-12
    np.testing.assert_allclose(actual, expected, rtol=0.0, atol=tolerance * scale)


def test_rotation_rotates_the_vectors_and_nothing_else(descriptor, atoms):
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    found = descriptor(atoms.environment(descriptor))
    rotated = descriptor(Atoms(atoms.coord @ q + 0.7, atoms.box @ q, atoms.atype).environment(descriptor))
    close(descriptor, rotated.invariant, found.invariant)
    close(descriptor, rotated.equivariant, found.equivariant @ q)
    assert found.invariant.shape == (2, 9, descriptor.dim_out)
    assert found.equivariant.shape == (2, 9, descriptor.dim_equivariant, 3)


def test_permutation_permutes_the_description(descriptor, atoms):
    order = np.array([0, 5, 2, 8, 1, 7, 3, 6, 4])  # the first atom's type is that of empty slots
    found = descriptor(atoms.environment(descriptor))
    permuted = descriptor(Atoms(atoms.coord[:, order], atoms.box, atoms.atype[:, order]).environment(descriptor))
    close(descriptor, permuted.invariant, found.invariant[:, order])
    close(descriptor, permuted.equivariant, found.equivariant[:, order])


def widened(env: Environment, more: int) -> Environment:
    """The same lists with more empty slots."""

    def pad(array, value):
        return np.concatenate([array, np.broadcast_to(value, (*array.shape[:2], more, *array.shape[3:]))], axis=2)

    lists = [
        tuple(
            replace(
                block,
                edge_vec=pad(block.edge_vec, [0.0, 17.0, 3.0]),
                nlist=pad(block.nlist, -1),
                neighbor_type=pad(block.neighbor_type, env.empty_type[:, None, None]),
            )
            for block in blocks
        )
        for blocks in env.lists
    ]
    return replace(env, lists=tuple(lists))


def test_wider_lists_give_the_same(descriptor, atoms):
    for box in (atoms.box, None):
        env = replace(atoms, box=box).environment(descriptor)
        found, wide = descriptor(env), descriptor(widened(env, 5))
        close(descriptor, wide.invariant, found.invariant)
        close(descriptor, wide.equivariant, found.equivariant)


def test_lists_of_sel_slots_give_the_same(descriptor, atoms):
    """As deepmd-kit has them, with empty slots counting."""
    changes = {}
    for path, matrix in modules(descriptor, EnvironmentMatrix):
        slots = np.ones((1, sum(matrix.sel), 1), matrix.davg.dtype)
        changes |= {f"{path}.davg": matrix.davg[:, None] * slots, f"{path}.dstd": matrix.dstd[:, None] * slots}
    exact = with_leaves(descriptor, changes)
    assert all(spec.widths for spec in exact.capacities)
    atoms = replace(atoms, box=None)
    found, other = descriptor(atoms.environment(descriptor)), exact(atoms.environment(exact))
    close(descriptor, other.invariant, found.invariant)
    close(descriptor, other.equivariant, found.equivariant)


def test_ghosts_with_a_mapping_are_what_periodic_images_are(descriptor, atoms):
    """Local atoms among copies of themselves, as programs of molecular dynamics have them."""
    env = atoms.environment(descriptor)
    nloc = atoms.coord.shape[1]
    owner = np.tile(np.arange(nloc), 3)
    nlists = [np.where(blocks[0].nlist < 0, -1, blocks[0].nlist + nloc) for blocks in env.lists]
    lists = tuple((replace(blocks[0], nlist=nlist),) for blocks, nlist in zip(env.lists, nlists, strict=True))
    with_ghosts = replace(env, lists=lists, mapping=np.tile(owner, (2, 1)))
    found, other = descriptor(env), descriptor(with_ghosts)
    close(descriptor, other.invariant, found.invariant)


def moved(descriptor: DPA2, distances: list[float]) -> np.ndarray:
    """Invariants with the second atom at these distances from the first, others nearby.

    It is of the first atom's type, which empty slots have: one of another type jumps, as with deepmd-kit.
    """
    crowd = np.array([[0.0, 1.3, 0.2], [0.3, -1.1, 0.8], [-0.9, 0.1, -1.2]])
    x = np.sqrt(np.asarray(distances) ** 2 - 0.01)
    coord = np.stack([np.concatenate([[[0.0, 0.0, 0.0], [each, 0.1, 0.0]], crowd]) for each in x])
    atype = np.tile([0, 0, 1, 1, 0], (len(x), 1))
    return descriptor(Atoms(coord, None, atype).environment(descriptor)).invariant


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("rcut", [2.5, 3.0, 4.0])
def test_nothing_jumps_at_a_cutoff(name, rcut):
    descriptor = new(name)
    h = 1e-4 if descriptor.precision == "float64" else 1e-3
    far, outside, inside, near = moved(descriptor, [rcut + 2 * h, rcut + h, rcut - h, rcut - 2 * h])
    atol = 1e-9 if descriptor.precision == "float64" else 1e-5
    np.testing.assert_allclose(inside - outside, near - inside + (outside - far), rtol=0.0, atol=atol)


def slope(energy_at: Callable[[float], np.ndarray], h: float) -> np.ndarray:
    """The derivative at 0 by central differences of fourth order."""
    up, down, far_up, far_down = (energy_at(step) for step in (h, -h, 2 * h, -2 * h))
    return (8.0 * (up - down) - (far_up - far_down)) / (12.0 * h)


def test_forces_and_virials_are_slopes_of_the_energy(descriptor, atoms):
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

    terms = evaluate(Sum(descriptor), atoms.environment(descriptor), None, None, derivative, atomic=True)
    work = -np.sum(terms["force"] * direction, axis=(1, 2))
    assert np.max(np.abs(work)) > 0.01
    np.testing.assert_allclose(work, slope(displaced, h), rtol=0.0, atol=tolerance * np.max(np.abs(work)))
    work = -np.sum(terms["virial"].reshape(2, 3, 3) * strain, axis=(1, 2))
    np.testing.assert_allclose(work, slope(strained, h), rtol=0.0, atol=tolerance * np.max(np.abs(work)))
    total = np.sum(terms["atom_virial"], axis=1)
    np.testing.assert_allclose(total, terms["virial"], rtol=0.0, atol=1e-5 * np.max(np.abs(total)))


def test_matrices_are_what_nets_are(descriptor, atoms):
    """Descriptions and forces, with the matrices of training and with those of files."""
    fitted = with_bases(descriptor)
    parts = [each.basis for _, each in modules(fitted, OnBasis)]
    assert parts and None not in parts
    expected = evaluate(Sum(descriptor), atoms.environment(descriptor), None, None, derivative)
    for changed in (fitted, with_matrices(fitted)):
        found = evaluate(Sum(changed), atoms.environment(changed), None, None, derivative)
        for name in ("energy", "force"):
            scale = np.max(np.abs(expected[name]))
            tolerance = 1e-4 if descriptor.precision == "float32" else 1e-11
            np.testing.assert_allclose(found[name], expected[name], rtol=0.0, atol=tolerance * scale)


@pytest.mark.parametrize("neuron", [[2, 4], [20, 40]], ids=["narrow", "wide"])
@pytest.mark.parametrize("mode", ["concat", "strip"])
def test_files_hold_a_net_of_pairs_where_it_is_narrow(neuron, mode, atoms):
    section = section_of("default")
    section["repinit"] |= {"use_three_body": True, "three_body_neuron": neuron, "tebd_input_mode": mode}
    fitted = with_bases(DPA2.from_input(section, ["O", "H"], np.random.default_rng(1)))
    frozen = with_matrices(fitted)
    assert (frozen.three_body.basis is None) == (neuron == [2, 4])
    found, expected = (each(atoms.environment(each)).invariant for each in (frozen, fitted))
    close(fitted, found, expected)


def test_it_runs_in_any_library(descriptor, atoms, library):
    found = descriptor(atoms.environment(descriptor))
    other = library.convert(descriptor)(library.convert(atoms.environment(descriptor)))
    close(descriptor, library.to_numpy(other.invariant), found.invariant)
    close(descriptor, library.to_numpy(other.equivariant), found.equivariant)


def test_an_atom_alone_is_described(descriptor):
    lone = Atoms(np.zeros((1, 1, 3)), None, np.array([[1]]))
    found = descriptor(lone.environment(descriptor))
    assert np.all(np.isfinite(found.invariant)) and np.all(found.equivariant == 0.0)


def test_a_file_keeps_everything(descriptor, atoms):
    tree = descriptor.serialize()
    again = DPA2.deserialize(deepcopy(tree))
    arrays, others = dict(walk_arrays(tree)), dict(walk_arrays(again.serialize()))
    assert arrays.keys() == others.keys()
    assert all(np.array_equal(arrays[k], others[k]) and arrays[k].dtype == others[k].dtype for k in arrays)
    found, other = (each(atoms.environment(each)) for each in (descriptor, again))
    np.testing.assert_array_equal(other.invariant, found.invariant)


def test_nothing_is_trained_where_it_is_not_trainable():
    section = section_of("residual") | {"trainable": False}
    frozen = DPA2.from_input(section, ["O", "H"], np.random.default_rng(1))
    assert not [leaf.path for leaf in leaves(frozen) if leaf.trained]
    trained = [leaf.path for leaf in leaves(new("residual")) if leaf.trained]
    assert "repformer.layers.0.g1_residual.0" in trained
    assert "repformer.layers.0.edge_attn.norm.w" in trained


def test_layer_norms_may_be_fixed():
    section = section_of("default")
    section["repformer"]["trainable_ln"] = False
    fixed = DPA2.from_input(section, ["O", "H"], np.random.default_rng(1))
    trained = [leaf.path for leaf in leaves(fixed) if leaf.trained]
    assert "repformer.layers.0.edge_attn.mapv.w" in trained
    assert "repformer.layers.0.edge_attn.norm.w" not in trained


def test_files_of_the_first_versions_have_no_options_of_later_ones():
    descriptor = new("old")
    tree = descriptor.serialize() | {"@version": 2}
    for name in ("use_sqrt_nnei", "g1_out_conv", "g1_out_mlp"):
        del tree["repformer_args"][name]
    again = DPA2.deserialize(tree).repformer.settings
    assert (again.use_sqrt_nnei, again.g1_out_conv, again.g1_out_mlp) == (False, False, False)


@pytest.mark.parametrize(
    ("part", "key", "value"), [("repformer_args", "update_style", "res"), ("repinit_args", "tebd_input_mode", "sum")]
)
def test_an_unknown_choice_is_named(part, key, value):
    tree = new("default").serialize()
    tree[part] = tree[part] | {key: value}
    with pytest.raises(ModelFileError, match=f"{key} '{value}'"):
        DPA2.deserialize(tree)


@pytest.mark.parametrize(("key", "value"), [("rcut", 4.0), ("nsel", 31)])
def test_lists_that_are_not_nested_are_refused(key, value):
    section = section_of("default")
    section["repformer"][key] = value
    with pytest.raises(InputError, match=f"repformer/{key} is {value}; expected less than"):
        DPA2.from_input(section, ["O", "H"], np.random.default_rng(1))


def test_equal_lists_are_built_once():
    section = section_of("strip")
    section["repinit"]["three_body_rcut"] = section["repformer"]["rcut"]
    assert len(DPA2.from_input(section, ["O", "H"], np.random.default_rng(1)).capacities) == 2
    assert len(new("strip").capacities) == 3


def test_maps_of_heads_are_queries_keys_and_values_multiplied():
    rng = np.random.default_rng(6)
    q, k, v = (rng.normal(size=(3, width * 2)) for width in (4, 4, 5))
    heads = rng.normal(size=(2, 5, 6))
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(8, 3))
    queries, keys, values = (z.reshape(len(z), -1, 2) for z in (x @ q, y @ k, y @ v))
    logits = np.einsum("ich,jch->ihj", queries, keys) / 2.0
    found = (x @ query_key_map(split_heads(q, 2), split_heads(k, 2), 4)).reshape(7, 2, 3) @ y.T
    np.testing.assert_allclose(found, logits, atol=1e-13)
    expected = np.einsum("ihj,jch,hco->io", logits, values, heads)
    found = (logits @ y).reshape(7, 6) @ value_head_map(split_heads(v, 2), heads)
    np.testing.assert_allclose(found, expected, atol=1e-12)
