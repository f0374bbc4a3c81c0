# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes reference cases of the conformance suite by deepmd-kit 3.2.0 (--pt): `*_option`, options that no other has.

And `pairwise_dprc`, which deepmd-kit has in TensorFlow alone, with operators of its own: here its definition, the sum
over the groups of atoms, each evaluated by itself by deepmd-kit's model of it.

Run it with the Python of an environment that holds deepmd-kit: ``python make.py FOLDER``, the suite's `reference`.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepmd.dpmodel.utils.serialization import save_dp_model
from deepmd.pt.model.model import get_model
from deepmd.pt.model.model.model import BaseModel

NEAR = {"rcut": 3.0, "rcut_smth": 1.0}
ATTEN = {**NEAR, "type": "se_atten", "sel": 24, "neuron": [3, 6], "axis_neuron": 2, "attn": 4, "tebd_dim": 4}
REPFLOW = {
    "n_dim": 6,
    "e_dim": 4,
    "a_dim": 4,
    "nlayers": 2,
    "e_rcut": 3.0,
    "e_rcut_smth": 1.0,
    "e_sel": 24,
    "a_rcut": 2.5,
    "a_rcut_smth": 1.0,
    "a_sel": 16,
    "axis_neuron": 2,
    "fix_stat_std": 0.3,
}
DESCRIPTORS: dict[str, dict[str, Any]] = {
    "ser_option": {
        **NEAR,
        "type": "se_e2_r",
        "sel": [12, 16],
        "neuron": [3, 6, 6],
        "resnet_dt": True,
        "exclude_types": [[0, 1]],
        "env_protection": 0.1,
        "activation_function": "softplus",
    },
    "atten_option": {
        **ATTEN,
        "attn_layer": 1,
        "attn_dotr": False,
        "normalize": False,
        "scaling_factor": 0.5,
        "resnet_dt": True,
        "type_one_side": True,
        "smooth_type_embedding": False,
        "exclude_types": [[0, 1]],
        "ln_eps": 1e-3,
        "trainable_ln": False,
        "concat_output_tebd": False,
        "use_tebd_bias": True,
        "activation_function": "gelu",
        "env_protection": 0.1,
        "set_davg_zero": False,
    },
    "atten_strip_option": {
        **ATTEN,
        "attn_layer": 2,
        "tebd_input_mode": "strip",
        "temperature": 2.0,
        "use_econf_tebd": True,
        "exclude_types": [[1, 1]],
    },
    "set_tebd_option": {
        **NEAR,
        "type": "se_e3_tebd",
        "sel": 24,
        "neuron": [2, 4],
        "tebd_dim": 4,
        "tebd_input_mode": "strip",
        "resnet_dt": True,
        "smooth": False,
        "exclude_types": [[0, 1]],
        "env_protection": 0.1,
        "use_econf_tebd": True,
        "use_tebd_bias": True,
        "concat_output_tebd": False,
        "set_davg_zero": False,
    },
    "dpa2_option": {
        "type": "dpa2",
        "repinit": {
            **NEAR,
            "nsel": 24,
            "neuron": [3, 6],
            "axis_neuron": 2,
            "tebd_dim": 4,
            "tebd_input_mode": "strip",
            "type_one_side": True,
            "resnet_dt": True,
            "set_davg_zero": False,
            "use_three_body": True,
            "three_body_neuron": [2, 4],
            "three_body_rcut": 2.5,
            "three_body_rcut_smth": 1.0,
            "three_body_sel": 16,
        },
        "repformer": {
            "rcut": 2.5,
            "rcut_smth": 1.0,
            "nsel": 16,
            "nlayers": 2,
            "g1_dim": 6,
            "g2_dim": 4,
            "attn1_hidden": 4,
            "attn1_nhead": 2,
            "attn2_hidden": 4,
            "attn2_nhead": 2,
            "attn2_has_gate": True,
            "axis_neuron": 2,
            "direct_dist": True,
            "update_h2": True,
            "update_style": "res_incr",
            "use_sqrt_nnei": False,
            "g1_out_conv": False,
            "g1_out_mlp": False,
            "trainable_ln": False,
            "ln_eps": 1e-3,
        },
        "smooth": False,
        "exclude_types": [[0, 1]],
        "env_protection": 0.1,
        "use_econf_tebd": True,
        "use_tebd_bias": True,
        "add_tebd_to_repinit_out": True,
        "concat_output_tebd": False,
    },
    "dpa3_option": {
        "type": "dpa3",
        "repflow": {
            **REPFLOW,
            "a_compress_rate": 1,
            "a_compress_e_rate": 2,
            "a_compress_use_split": True,
            "n_multi_edge_message": 2,
            "smooth_edge_update": True,
            "edge_init_use_dist": True,
            "use_exp_switch": True,
            "e_rcut_smth": 2.5,
            "a_rcut_smth": 2.1,
            "sequential_update": True,
        },
        "activation_function": "silut:3.0",
        "use_econf_tebd": True,
        "use_tebd_bias": True,
        "concat_output_tebd": True,
    },
    "dpa3_edges_option": {
        "type": "dpa3",
        "repflow": {**REPFLOW, "update_angle": False, "update_style": "res_avg"},
        "env_protection": 0.1,
    },
}


def random_model(descriptor: dict[str, Any], rng: np.random.Generator) -> tuple[BaseModel, dict[str, Any]]:
    """With statistics as a training leaves them: the same in all slots, no mean of directions."""
    section = {
        "type_map": ["O", "H"],
        "descriptor": {**descriptor, "precision": "float64", "seed": 1},
        "fitting_net": {"neuron": [5, 5], "precision": "float64", "seed": 2},
    }
    tree = get_model(section).serialize()
    _set_statistics(tree, rng)
    return BaseModel.deserialize(tree), section


def _set_statistics(tree: Any, rng: np.random.Generator) -> None:
    if isinstance(tree, list):
        for each in tree:
            _set_statistics(each, rng)
    if not isinstance(tree, dict):
        return
    if "davg" in tree:
        ntypes, _, columns = tree["davg"].shape
        tree["davg"] = np.zeros_like(tree["davg"])
        tree["davg"][:, :, 0] = rng.uniform(0.05, 0.1, (ntypes, 1))
        deviation = rng.uniform(0.2, 0.5, (ntypes, 1, columns))
        deviation[..., 2:] = deviation[..., 1:2]
        tree["dstd"] = np.zeros_like(tree["dstd"]) + deviation
    for each in tree.values():
        _set_statistics(each, rng)


def random_frames(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two frames of six atoms, one of them in a triclinic cell that is smaller than the cut-offs' spheres."""
    box = np.tile(np.diag([3.3, 3.1, 3.6]), (2, 1, 1))
    box[1] += np.array([[0.0, 0.0, 0.0], [0.5, 0.3, 0.0], [-0.3, 0.4, 0.6]])
    grid = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 1, 1]]) / 2.0
    coord = (grid + rng.uniform(-0.08, 0.08, (2, 6, 3))) @ box
    return {"coord": coord, "box": box, "atype": np.array([0, 1, 1, 0, 1, 1])}


NUMBER = np.array([0, 0, 5, 5, 2, -1])
"""Two QM atoms, two residues, and an atom that is left out."""


def random_pairwise(rng: np.random.Generator) -> tuple[list[BaseModel], dict[str, Any]]:
    """Models of the QM atoms and of a residue with them, and the tree of both."""
    by_type = {**NEAR, "type": "se_e2_a", "sel": [12, 16], "neuron": [3, 6], "axis_neuron": 2}
    mixed = {**NEAR, "type": "se_atten_v2", "sel": 24, "neuron": [3, 6], "axis_neuron": 2, "attn_layer": 0}
    models = [random_model(descriptor, rng)[0] for descriptor in (by_type, {**mixed, "exclude_types": [[0, 0]]})]
    halves = [f"out_{name}{end}" for name in ("bias", "std") for end in ("", "_qmmm")]
    arrays = {name: np.full((1, 2, 1), float(name.startswith("out_std"))) for name in halves}
    tree = {"@class": "Model", "type": "pairwise_dprc", "@version": 1, "type_map": ["O", "H"]}
    tree |= {"atom_exclude_types": [], "pair_exclude_types": [], "rcond": None, "preset_out_bias": None}
    return models, tree | {"models": [model.serialize() for model in models], "@variables": arrays}


def evaluate_groups(
    models: list[BaseModel], frames: dict[str, np.ndarray], box: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The sum over the QM atoms, and each residue with them."""
    residues = [np.flatnonzero((NUMBER == 0) | (k == NUMBER)) for k in np.unique(NUMBER[NUMBER > 0])]
    total: dict[str, np.ndarray] = {}
    for model, rows in [(models[0], np.flatnonzero(NUMBER == 0)), *((models[1], rows) for rows in residues)]:
        part = {"coord": frames["coord"][:, rows], "atype": frames["atype"][rows]}
        for name, value in evaluate(model, part, box).items():
            is_of_atoms = name in ("atom_energy", "force", "atom_virial")
            whole = total.setdefault(name, np.zeros((2, len(NUMBER), *value.shape[2:]) if is_of_atoms else value.shape))
            whole[:, rows if is_of_atoms else slice(None)] += value
    return total


def evaluate(model: BaseModel, frames: dict[str, np.ndarray], box: np.ndarray | None) -> dict[str, np.ndarray]:
    found = model(
        torch.from_numpy(frames["coord"]).requires_grad_(True),
        torch.from_numpy(frames["atype"])[None].repeat(2, 1),
        box=None if box is None else torch.from_numpy(box),
        do_atomic_virial=True,
    )
    return {name: value.detach().numpy() for name, value in found.items() if name != "mask"}


def write(folder: Path, document: dict[str, Any], frames: dict[str, np.ndarray], function: Any) -> None:
    folder.mkdir(exist_ok=True)
    save_dp_model(str(folder / "model.dp"), document)
    results = {
        f"{boundary}_{key}": value
        for boundary, box in (("pbc", frames["box"]), ("nopbc", None))
        for key, value in function(frames, box).items()
    }
    np.savez_compressed(folder / "data.npz", **frames, **results)
    print(folder.name, results["pbc_energy"].ravel(), np.abs(results["pbc_force"]).max())


if __name__ == "__main__":
    reference, rng = Path(sys.argv[1]), np.random.default_rng(20261128)
    for name, descriptor in DESCRIPTORS.items():
        model, section = random_model(descriptor, rng)
        document = {"model": model.serialize(), "model_def_script": section}
        write(reference / name, document, random_frames(rng), partial(evaluate, model))
    models, tree = random_pairwise(rng)
    frames = random_frames(rng) | {"aparam": np.tile(NUMBER[:, None].astype(float), (2, 1, 1))}
    document = {"model": tree, "model_def_script": {"type": "pairwise_dprc", "type_map": tree["type_map"]}}
    write(reference / "pairwise_dprc", document, frames, partial(evaluate_groups, models))
