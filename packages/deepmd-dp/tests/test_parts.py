# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frames in parts within a memory budget, and what is refused because it cannot be cut."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from deepmd.contract import write_document
from deepmd.errors import BackendError
from deepmd.outputs import OutputDef
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.frames import CHAIN, FRAMES
from deepmd_dp.descriptor import deserialize_descriptor
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.environment.builder import all_neighbors
from deepmd_dp.environment.environment import ListSpec
from deepmd_dp.environment.halos import parts_with_halos
from deepmd_dp.interface import Description
from deepmd_dp.kit import deep_eval, free_memory
from deepmd_dp.kit.metadata import write_metadata
from deepmd_dp.kit.parts import atoms_per_part, bytes_per_atom, list_widths
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval

DPA2 = "dpa2: three-body, strip"


@pytest.fixture
def open_case(tmp_path):
    """Opens the model of a case by its name."""

    def opened(name):
        case = next(case for case in CASES if case.name == name)
        write_document(tmp_path / "model.dp", random_document(case))
        # the native engine takes no parts
        return NumpyDeepEval(str(tmp_path / "model.dp"), native=False)

    return opened


@module
class GapFitting(Module):
    """A number that is a mean over the atoms, of two components: the energy and its square."""

    inner: Module

    outputs = (OutputDef("gap", shape=(2,), reduction="mean", has_derivative=True, has_bias=False),)
    numb_fparam = numb_aparam = 0
    default_fparam = None
    assigned_bias = {}  # noqa: RUF012  one of the interface's constants

    @property
    def uses_type_index(self):
        return self.inner.uses_type_index

    def __call__(self, description, env, fparam, aparam):
        energy = self.inner(description, env, fparam, aparam)["energy"]
        return {"gap": array_namespace(energy).concat([energy, energy * energy], axis=-1)}


@module
class Counted(Module):
    """Numbers of neighbors, of a list of its own and without an environment matrix."""

    capacities = MappingProxyType({ListSpec(3.0, by_type=True): (5, 7)})
    dim_out, dim_equivariant = 2, 0
    mixed_types = uses_type_index = False
    messages = ()

    def numbers_per_atom(self, nnei):
        return nnei[next(iter(self.capacities))]

    def __call__(self, env):
        counts = [np.sum(block.nlist >= 0, axis=2, dtype=np.float64) for block in env.lists[0]]
        return Description(np.stack(counts, axis=-1))


@pytest.mark.parametrize("frames", ["periodic and triclinic", "virtual atoms"])
@pytest.mark.parametrize("excluded", [(), (0,)])
def test_means_of_parts(open_case, frames, excluded, monkeypatch):
    """Parts have different numbers of atoms that count."""
    model, frames = open_case("se_e2_a: plain"), FRAMES[frames]
    inner = model._numpy_model
    model._numpy_model = replace(inner, fitting=GapFitting(inner=inner.fitting), atom_exclude_types=excluded)
    arguments = (frames.coords, frames.cells, frames.atom_types, True)
    whole = model.eval(*arguments)
    monkeypatch.setattr(deep_eval, "atoms_per_part", lambda *_: 5)
    in_parts = model.eval(*arguments)
    assert set(whole) == {"gap", "atom_gap", "gap_force", "gap_virial", "atom_gap_virial"}
    ncounted = np.sum((frames.atom_types >= 0) & ~np.isin(frames.atom_types, excluded), axis=1)
    np.testing.assert_allclose(whole["gap"], whole["atom_gap"].sum(axis=1) / ncounted[:, None], rtol=1e-13)
    for name, values in whole.items():
        np.testing.assert_allclose(in_parts[name], values, rtol=0.0, atol=1e-13 * np.abs(values).max(), err_msg=name)


def test_atoms_of_a_part_by_what_they_hold():
    """Attention among the neighbors makes parts small; no part takes more than the budget, unless it is the least."""
    coord = np.random.default_rng(1).uniform(0.0, 12.0, (1, 512, 3))
    atype = np.zeros((1, 512), dtype=np.int64)
    sizes = {}
    for name in ("se_atten: no attention", "se_atten: plain", "se_atten: two layers"):
        model = deserialized(name)
        found = all_neighbors(model, coord, None, atype)
        sizes[name] = size = atoms_per_part(model, found, 512, 4_000_000)
        assert size == 32 or size * bytes_per_atom(model, list_widths(found)) <= 4_000_000
        assert atoms_per_part(model, found * 4, 512, 16_000_000) == size
    assert sorted(sizes.values(), reverse=True) == list(sizes.values())
    assert len(set(sizes.values())) > 1


def deserialized(name):
    return deep_eval.deserialize_model(random_document(next(case for case in CASES if case.name == name))["model"])


def test_memory_of_an_atom_is_told_where_it_counts(open_case):
    assert open_case(DPA2).get_bytes_per_atom() > 0
    assert open_case("se_atten: two layers").get_bytes_per_atom() == 0


@pytest.mark.parametrize("name", ["dpa2: plain", "dpa2: other updates", "dpa2: three-body, strip"])
@pytest.mark.parametrize("is_periodic", [True, False])
def test_blocks_with_halos(open_case, monkeypatch, name, is_periodic):
    """Little memory: what the blocks give is what the whole frame gives."""
    model = open_case(name)
    arguments = (CHAIN.coords, CHAIN.cells if is_periodic else None, CHAIN.atom_types)
    whole, descriptor = model.eval(*arguments, True), model.eval_descriptor(*arguments)
    numpy_model, cut = model._numpy_model, []
    per_atom = bytes_per_atom(numpy_model, list_widths(all_neighbors(numpy_model, *arguments)))
    monkeypatch.setattr(free_memory, "free_memory", lambda: 40 * per_atom)
    monkeypatch.setattr(deep_eval, "parts_with_halos", lambda *a: cut.append(a[-1]) or parts_with_halos(*a))
    model._evaluated = 0
    in_blocks = model.eval(*arguments, True)
    ((*_, last),) = cut
    assert len(cut[0]) >= 2 and len(last.own) < len(last.local) <= 40
    for term, values in whole.items():
        np.testing.assert_allclose(in_blocks[term], values, rtol=0.0, atol=1e-13 * np.abs(values).max(), err_msg=term)
    np.testing.assert_allclose(model.eval_descriptor(*arguments), descriptor, rtol=0.0, atol=1e-14)


def test_frames_that_do_not_fit_are_refused(open_case, monkeypatch):
    model, frames = open_case(DPA2), FRAMES["periodic and triclinic"]
    arguments = (frames.coords, frames.cells, frames.atom_types)
    monkeypatch.setattr(free_memory, "free_memory", lambda: 1000)
    with pytest.raises(BackendError, match=r"^not enough memory: 2 frame\(s\) of 12 atoms .* evaluate fewer frames"):
        model.eval(*arguments)
    one = [each[:1] for each in arguments]
    with pytest.raises(
        BackendError, match=r"^not enough memory: 1 .* need about .* GB are free; take a smaller frame.*\.$"
    ):
        model.eval_descriptor(*one)
    monkeypatch.setattr(free_memory, "free_memory", lambda: None)
    expected = model.eval(*arguments)["energy"]
    monkeypatch.setattr(free_memory, "free_memory", lambda: 1000)  # it is the model now that holds the memory
    np.testing.assert_array_equal(model.eval(*arguments)["energy"], expected)


def test_free_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(free_memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(free_memory, "_CGROUP", tmp_path)
    assert free_memory.free_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemAvailable:  500 kB\nHugePages_Total:  0\n")
    assert free_memory.free_memory() == 500 * 1024
    for name, text in {"max": "4096", "current": "3000", "stat": "anon 2000\ninactive_file 700\n"}.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_memory.free_memory() == 4096 - 3000 + 700
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory.free_memory() == 500 * 1024


def test_a_descriptor_without_an_environment_matrix(open_case, monkeypatch):
    """A third party's, whose lists and their capacities are what it says."""
    evaluator, frames = open_case("se_e2_a: plain"), FRAMES["periodic and triclinic"]
    model = replace(evaluator._numpy_model, descriptor=Counted())
    assert tuple(model.capacities.values()) == ((5, 7),)
    assert '"capacities": [' in write_metadata(model, [])
    evaluator._numpy_model = model
    whole = evaluator.eval_descriptor(frames.coords, frames.cells, frames.atom_types)
    assert shape(whole) == (2, 12, 2) and np.all(whole.sum(axis=2) > 0.0)
    monkeypatch.setattr(deep_eval, "atoms_per_part", lambda *_: 5)
    in_parts = evaluator.eval_descriptor(frames.coords, frames.cells, frames.atom_types)
    np.testing.assert_array_equal(in_parts, whole)


def test_capacities_of_lists_that_parts_share():
    """The largest of each block."""
    model = deserialized("hybrid: three lists")
    assert len(model.capacities) <= sum(len(part.capacities) for part in model.descriptor.parts)
    for part in model.descriptor.parts:
        for spec, capacities in part.capacities.items():
            assert all(a >= b for a, b in zip(model.capacities[spec], capacities, strict=True))


def test_a_hybrid_in_a_hybrid_sees_as_far_as_the_whole():
    """deepmd-kit's Python API can make one; its `se_atten` whose attention is not smooth has the outer cut-off."""
    tree = deserialized("se_atten: plain").descriptor.serialize()
    near = {**tree, "rcut": 3.0, "env_mat": {**tree["env_mat"], "rcut": 3.0}}
    hybrid = {"@class": "Descriptor", "type": "hybrid", "@version": 1}
    flat = deserialize_descriptor({**hybrid, "list": [near, tree]})
    nested = deserialize_descriptor({**hybrid, "list": [{**hybrid, "list": [near]}, tree]})
    assert {spec.rcut for spec in flat.capacities} == {tree["rcut"]}
    assert nested.capacities == flat.capacities
