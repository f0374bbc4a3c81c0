# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is said to programs that import the inside of deepmd-kit."""

from __future__ import annotations

_PACKAGES = {
    "pt": "PyTorch's backend is the package deepmd_pt (`pip install deepmd-pt`)",
    "tf": "TensorFlow's backend is the package deepmd_tf (`pip install deepmd-tf`)",
    "jax": "JAX's backend is the package deepmd_jax (`pip install deepmd-jax`)",
    "pd": "Paddle's backend is the package deepmd_pd (`pip install deepmd-pd`)",
    "dpmodel": "the models are in the package deepmd_dp (`pip install deepmd-dp`)",
    "env": "each framework is imported by its own package: deepmd_pt, deepmd_tf, deepmd_jax, deepmd_pd",
}
_OLD = {
    "Data": "systems are read by deepmd.utils.data.DeepmdData",
    "DataSystem": "systems are read by deepmd.utils.data_system.DeepmdDataSystem",
    "DeepPot": "models are opened by deepmd.infer.DeepPot",
    "DeepDipole": "models are opened by deepmd.infer.DeepDipole",
    "DeepPolar": "models are opened by deepmd.infer.DeepPolar",
    "descriptor": _PACKAGES["dpmodel"],
    "fit": _PACKAGES["dpmodel"],
    "model": _PACKAGES["dpmodel"],
    "loss": _PACKAGES["dpmodel"],
}
"""Modules of deepmd-kit 1 and 2."""
COUNTERPARTS = {
    **{f"deepmd.{name}": counterpart for name, counterpart in (_PACKAGES | _OLD).items()},
    "deepmd.pt_expt": _PACKAGES["pt"],
    "deepmd.tf2": _PACKAGES["tf"],
}
"""Modules of deepmd-kit, and what is here in their place."""
COMMON = (
    "models, descriptors and fittings are in deepmd_dp, for all frameworks; training is in deepmd.train, data in "
    "deepmd.data, evaluation in deepmd.infer"
)


class InsideFinder:
    """The last in ``sys.meta_path``: asked for what no other finder has found."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Raises ModuleNotFoundError that names the counterpart of a module of deepmd-kit; others are not its own."""
        if name in COUNTERPARTS:
            raise ModuleNotFoundError(
                f"{name} is a part of deepmd-kit's inside that is not here: {COUNTERPARTS[name]}; {COMMON}.", name=name
            )
